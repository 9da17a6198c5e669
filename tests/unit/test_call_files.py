"""Calls as files: whatever is in them, they are what the encoders for any table make of them."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from openwebui_usage.api import call_files
from openwebui_usage.api.answers.calls import CALL_COLUMNS, call_table
from openwebui_usage.api.call_files import encode_calls
from openwebui_usage.api.exports import encode
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.call_facts import Facts
from openwebui_usage.ledger.call_log import CallBatch, CallQuery, StoredCall
from openwebui_usage.ledger.report_query import Named, Readable
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables

Format = Literal["csv", "jsonl"]
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia")
]

TEXTS = st.one_of(
    st.sampled_from(["", "a", "=1+1", "-x", '"', "a,b", "a\r\nb", "＝", "a; b", "\ud800", "\u2028", "Zoë", " x ", "1"]),
    st.text(max_size=10),
    st.uuids().map(str),
)
MAYBE = st.none() | TEXTS
COUNTS = st.integers(0, 10**15)
COSTS = st.none() | st.integers(0, 10**15) | st.integers(0, 200_000)
SPANS = st.floats(-10, 1e17, allow_nan=False) | st.sampled_from([0.0, 1e-9, 1e-4, 2.5, 1e15, 1e16])
MOMENTS = st.one_of(
    st.floats(0, 253_402_214_400.0),
    st.integers(0, 4 * 10**9).map(float),
    st.floats(1.7e9, 1.9e9).map(lambda seconds: round(seconds, 6)),
    st.sampled_from([1_774_746_000.0, 1_774_745_999.9999996, 1_793_494_799.9999999, 63_593_069.5]),
)
NAMES = st.builds(Named, TEXTS, TEXTS)
FACTS = st.builds(
    Facts,
    user=st.none() | NAMES,
    connection=st.none() | NAMES,
    kind=st.none() | st.sampled_from(["chat", "task"]),
    key=MAYBE,
    usage_groups=st.lists(TEXTS, max_size=2).map(tuple),
    user_groups=st.lists(NAMES, max_size=2).map(tuple),
)
ROWS = st.builds(
    StoredCall,
    id=st.one_of(st.uuids().map(lambda id_: id_.hex), TEXTS),
    started_at=MOMENTS,
    user_id=MAYBE,
    user_name=MAYBE,
    model=st.just("gpt-4o"),
    called_model=st.just("=o3"),
    chat_id=MAYBE,
    message_id=MAYBE,
    task=MAYBE,
    path=MAYBE,
    groups=st.just(""),
    input=COUNTS,
    cached_input=COUNTS,
    cache_write=COUNTS,
    completion=COUNTS,
    reasoning=COUNTS,
    output=COUNTS,
    estimated=st.sampled_from([True, False, 0, 1]),
    unverified=st.sampled_from([True, False, 0, 1]),
    outcome=st.sampled_from(["done", "error"]),
    first_token_after=st.none() | SPANS,
    thinking=st.none() | SPANS,
    duration=SPANS,
    cost_nano=COSTS,
    cost_source=MAYBE,
    combination=st.sampled_from([None, 1, 2, 3]),
    effort=MAYBE,
    error=MAYBE,
    cost_input=COSTS,
    cost_cached=COSTS,
    cost_cache_write=COSTS,
    cost_output=COSTS,
    price_version=MAYBE,
)


def as_any_table(batches: Sequence[CallBatch], zone: ZoneInfo, format_: Format) -> bytes:
    calls = (call for batch in batches for call in batch.calls())
    return b"".join(encode(CALL_COLUMNS, call_table(calls, zone), format_))


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
@given(
    st.lists(ROWS, max_size=6),
    st.fixed_dictionaries({1: FACTS, 2: FACTS}),
    FACTS,
    st.sampled_from(["", "5", "z"]),
    st.sampled_from(ZONES),
)
def test_a_line_is_what_it_would_be_in_any_table(
    format_: Format, rows: list[StoredCall], facts: dict[int, Facts], other: Facts, since: str, zone: ZoneInfo
) -> None:
    others = {row.id: other for row in rows}
    batches = [CallBatch(rows, facts, others, since), CallBatch(rows[::-1], facts, others, since)]
    assert b"".join(encode_calls(batches, zone, format_)) == as_any_table(batches, zone, format_)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    store = Store(engine)
    give_tables(engine)
    yield store
    store.close()
    engine.dispose()


@pytest.fixture
def many_calls(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """More than are read, put together and remembered at once."""
    for name, value in {"_ROWS_PER_PIECE": 7, "_MOST_REMEMBERED": 5}.items():
        monkeypatch.setattr(call_files, name, value)
    monkeypatch.setattr("openwebui_usage.ledger.call_log._EXPORTED_AT_ONCE", 20)
    chance = random.Random(4)
    store.create_group("All, of; them", ["*"], None, "documented")
    store.record(
        [
            call_row(
                chance.choice(["gpt-4o", "=o3", "a,b"]),
                started_at=1_795_000_000.0 + chance.random() * 1e6,
                user_id=f"user-{chance.randrange(9)}",
                user_name=f"-User {chance.randrange(9)}",
                user_groups=("g1", "g2"),
                user_group_names=("Sales", "Secret"),
                kind="chat",
                duration=chance.random(),
                usage=TokenUsage(input=chance.randrange(9_000), completion=5, output=5),
            )
            for _ in range(100)
        ]
    )
    return store


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_ledger_of_any_length_is_a_file(many_calls: Store, format_: Format) -> None:
    query, zone = CallQuery(), ZONES[1]
    found = b"".join(encode_calls(many_calls.call_log.batches(query), zone, format_))
    assert found == as_any_table(list(many_calls.call_log.batches(query)), zone, format_)
    assert found.count(b"\n") == 100 + (format_ == "csv")


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_lead_sees_only_groups_that_are_the_leads(many_calls: Store, format_: Format) -> None:
    query = CallQuery(readable=Readable(user_groups=frozenset(["g1"])))
    found = b"".join(encode_calls(many_calls.call_log.batches(query), ZONES[0], format_)).decode()
    rows = (
        list(csv.DictReader(io.StringIO(found, newline="")))
        if format_ == "csv"
        else list(map(json.loads, found.splitlines()))
    )
    assert len(rows) == 100
    assert "Secret" not in found
    assert "Sales" in found


@pytest.mark.parametrize("format_", ["csv", "jsonl", "xlsx", "parquet"])
def test_no_calls_are_an_empty_file(store: Store, format_: Literal["csv", "jsonl", "xlsx", "parquet"]) -> None:
    found = b"".join(encode_calls(store.call_log.batches(CallQuery()), ZONES[0], format_))
    assert (found == b"") == (format_ == "jsonl")
    if format_ == "csv":
        assert found.decode() == ",".join(CALL_COLUMNS) + "\r\n"
