"""What each chat of somebody came to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from openwebui_usage.ledger import CallInfo, CallRow, Store
from openwebui_usage.ledger.rows import Outcome, id_at
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.tables import give_tables

NOW = time.time()
DAY = 86_400.0
LAST_WEEK = (int(NOW - 7 * DAY) // 900, int(NOW) // 900 + 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    give_tables(engine)
    store = Store(engine)
    store.put_price(Price("priced", input=Decimal(0), output=Decimal(1)))
    yield store
    store.close()


_numbers = itertools.count()


def call(
    chat_id: str | None,
    model: str = "priced",
    *,
    user: str = "ada",
    ago: float = 0.0,
    output: int = 10,
    estimated: bool = False,
    outcome: Outcome = "done",
    unverified: bool = False,
) -> CallRow:
    """`ago` in seconds."""
    started_at = NOW - ago
    info = CallInfo(model, model, user, chat_id=chat_id, unverified=unverified)
    usage = TokenUsage(input=100, output=output, completion=output, estimated=estimated)
    return CallRow(info, started_at, usage, outcome, id=f"{id_at(started_at)}{next(_numbers):016x}")


def test_the_most_expensive_chat_is_the_first_and_has_all_of_its_calls(store: Store) -> None:
    calls = [
        call("cheap"),
        call("dear", output=30),
        call("dear", output=30, ago=2 * DAY),
        call("cheap", ago=3 * DAY),
    ]
    store.record(calls)
    found = store.chats.of_user("ada", *LAST_WEEK, 10).chats
    assert [(chat.chat_id, chat.sums.calls, chat.sums.cost_nano, chat.sums.total) for chat in found] == [
        ("dear", 2, 60_000, 260),
        ("cheap", 2, 20_000, 220),
    ]
    assert found[0].last_at == pytest.approx(NOW)
    assert [chat.chat_id for chat in store.chats.of_user("ada", *LAST_WEEK, 1).chats] == ["dear"]


def test_neighbouring_quarters_are_read_once_and_all_of_them(store: Store) -> None:
    store.record([call("long", ago=minutes * 60.0) for minutes in range(0, 7 * 24 * 60, 7)])
    [chat] = store.chats.of_user("ada", LAST_WEEK[0] - 1, LAST_WEEK[1], 10).chats
    assert chat.sums.calls == len(range(0, 7 * 24 * 60, 7))


def test_nobody_sees_chats_of_others_nor_calls_without_one(store: Store) -> None:
    store.record([call("mine"), call("theirs", user="bob"), call(None)])
    assert [chat.chat_id for chat in store.chats.of_user("ada", *LAST_WEEK, 10).chats] == ["mine"]
    assert store.chats.of_user("eve", *LAST_WEEK, 10).chats == ()


def test_only_the_time_that_is_asked_for_counts(store: Store) -> None:
    store.record([call("old", ago=8 * DAY), call("new")])
    assert [chat.chat_id for chat in store.chats.of_user("ada", *LAST_WEEK, 10).chats] == ["new"]


def test_what_is_not_known_of_a_chat_is_told(store: Store) -> None:
    doubtful = [call("c", "unknown"), call("c", estimated=True), call("c", outcome="error"), call("c", unverified=True)]
    store.record(doubtful)
    found = store.chats.of_user("ada", *LAST_WEEK, 10)
    [chat] = found.chats
    assert (chat.sums.calls, chat.sums.unpriced_calls, chat.sums.estimated_calls, chat.sums.errors) == (3, 1, 1, 1)
    assert found.unverified_calls == 1
