"""The list of calls: every row once, newest first, whatever is looked for and whatever is written meanwhile."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Engine, delete, event, insert

from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger import call_log as call_log_module
from openwebui_usage.ledger.call_log import Call, CallQuery, StoredCall
from openwebui_usage.ledger.cubes import QUARTER, quarter_of
from openwebui_usage.ledger.report_query import Dimension, Named, Readable
from openwebui_usage.ledger.schema import usage_call, usage_progress
from openwebui_usage.rules.groups import matches
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures

NOW = 1_795_000_000.0
DAY = 86_400.0
USERS = {"ann": "Ann", "bob": "Bob", "eve": "Eve"}
MODELS = ("gpt-4o", "gpt-4o-mini", "o3")
GROUPS = {"g1": "Sales", "g2": "Research"}
Filters = Mapping[Dimension, tuple[str, ...]]


def a_row(at: float, model: str = "gpt-4o", **others: object) -> CallRow:
    """A call whose id was made a moment before it began, as ids are."""
    id_ = f"{round((at - 1e-5) * 1e9):016x}{os.urandom(8).hex()}"
    return call_row(model, id=id_, started_at=at, usage=TokenUsage(7, 2, 1, 5, 3, 5), **others)


def any_row(random_: random.Random) -> CallRow:
    user = random_.choice([None, *USERS])
    groups = tuple(sorted(random_.sample(sorted(GROUPS), random_.randrange(2))))
    model = random_.choice(MODELS)
    # Many lie around the edges of quarters, where id and time may be in two of them.
    at = NOW - random_.choice([random_.uniform(0, 40 * DAY), random_.randrange(40 * 96) * QUARTER + 5e-6])
    return a_row(
        at,
        "helper" if random_.random() < 0.1 else model,
        called_model=model,
        user_id=user,
        user_name=user and USERS[user],
        user_groups=groups,
        user_group_names=tuple(GROUPS[group] for group in groups),
        connection=random_.choice([None, "c1"]),
        connection_name="https://api.example",
        kind=random_.choice([None, "chat", "task"]),
        outcome=random_.choice(["done", "done", "error"]),
        unverified=random_.random() < 0.1,
    )


@pytest.fixture
def whole_ledger(store: Store, engine: Engine) -> Store:
    """Recorded everything from the beginning."""
    store.put_price(Price("*"))
    with engine.begin() as connection:
        connection.execute(delete(usage_progress).where(usage_progress.c.name == "recorded_since"))
    return store


@pytest.fixture(params=["as it is", "by the cube", "in no time", "with many combinations", "with many in no time"])
def few_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to find rows, with few rows."""
    changed: dict[str, float] = {}
    if request.param != "as it is":
        changed |= {"_FIRST_LOOK": 3, "_RARE": 1, "_QUARTERS": 5, "_RANGES": 3, "_LATELY": 96}
    if "many" in request.param:
        changed |= {"_FEW_COMBINATIONS": 0, "_FIRST_WIDTH": 3}
    if "no time" in request.param:
        changed |= {"_LONGEST_LOOK": -1.0}
    for name, value in changed.items():
        monkeypatch.setattr(call_log_module, name, value)


def pages(store: Store, query: CallQuery, limit: int) -> Iterator[list[Call]]:
    before: str | None = None
    while True:
        page = store.call_log.page(query, limit, before)
        yield page.calls
        if page.next is None:
            return
        before = page.next


def listed(store: Store, query: CallQuery, limit: int = 30) -> list[str]:
    return [call.row.id for page in pages(store, query, limit) for call in page]


def fits(row: CallRow, filters: Filters) -> bool:
    info = row.info
    values: dict[str, set[str]] = {
        "user": {info.user_id, info.user_name} if info.user_id else {"none"},
        "user_group": {*info.user_groups, *info.user_group_names} or {"none"},
        "connection": {info.connection, info.connection_name} if info.connection else {"none"},
        "kind": {info.kind or "none"},
        "outcome": {row.outcome},
        "usage_group": {"Minis"} if matches("*mini*", info.called_model) and not info.unverified else {"none"},
    }  # type: ignore[assignment]
    models = {"model": info.model, "called_model": info.called_model}
    return all(
        any(matches(text, models[name]) for text in wanted) if name in models else values[name] & set(wanted)
        for name, wanted in filters.items()
    )


FILTERS: list[Filters] = [
    {},
    {"user": ("ann",)},
    {"user": ("Ann", "bob")},
    {"user": ("none",), "outcome": ("error",)},
    {"user_group": ("Sales",)},
    {"model": ("gpt-*",), "kind": ("task",)},
    {"model": ("helper",), "user": ("eve",), "outcome": ("error",)},
    {"called_model": ("o?",)},
    {"connection": ("https://api.example",), "usage_group": ("Minis",)},
    {"connection": ("none",)},
    {"usage_group": ("none",)},
    {"user": ("nobody knows",)},
]


class TestCallLog:
    """On every database."""

    @pytest.mark.usefixtures("few_at_once")
    @pytest.mark.parametrize("seed", range(2))
    def test_has_every_call_that_fits_once_and_in_order(self, whole_ledger: Store, seed: int) -> None:
        random_ = random.Random(seed)
        whole_ledger.create_group("Minis", ["*mini*"], None, "documented")
        rows = [any_row(random_) for _ in range(100)]
        whole_ledger.record(rows)
        for filters in FILTERS:
            start, end = (quarter_of(NOW - days * DAY) for days in (random_.randrange(20, 40), random_.randrange(19)))
            for first, last in ((None, None), (start, None), (None, end), (start, end)):
                expected = sorted(
                    row.id
                    for row in rows
                    if fits(row, filters)
                    and (first is None or row.started_at >= first * QUARTER)
                    and (last is None or row.started_at < last * QUARTER)
                )[::-1]
                query = CallQuery(first, last, filters)
                assert listed(whole_ledger, query) == expected, (filters, first, last)
                assert [call.row.id for call in whole_ledger.call_log.all(query)] == expected

    @pytest.mark.usefixtures("few_at_once")
    def test_shows_somebody_what_may_be_read_and_nothing_else(self, whole_ledger: Store) -> None:
        random_ = random.Random(5)
        rows = [any_row(random_) for _ in range(100)]
        whole_ledger.record(rows)
        mine = CallQuery(readable=Readable(user="ann"))
        assert set(listed(whole_ledger, mine)) == {row.id for row in rows if row.info.user_id == "ann"}
        assert listed(whole_ledger, CallQuery(filters={"user": ("bob",)}, readable=Readable(user="ann"))) == []
        assert listed(whole_ledger, CallQuery(readable=Readable(user="nobody"))) == []
        team = CallQuery(readable=Readable(user_groups=frozenset(["g1"])))
        assert set(listed(whole_ledger, team)) == {row.id for row in rows if "g1" in row.info.user_groups}

    def test_names_no_group_of_a_members_that_is_not_the_leads(self, whole_ledger: Store) -> None:
        whole_ledger.record([a_row(NOW, user_id="ann", user_groups=("g1", "g2"), user_group_names=("Sales", "Secret"))])
        [call] = whole_ledger.call_log.page(CallQuery(readable=Readable(user_groups=frozenset(["g1"]))), 10).calls
        assert call.facts.user_groups == (Named("g1", "Sales"),)

    def test_says_of_no_first_call_that_something_was_not_recorded_yet(self, store: Store) -> None:
        store.record([a_row(time.time(), user_id="ann")])
        [call] = store.call_log.page(CallQuery(), 10).calls
        assert call.is_recorded

    def test_tells_what_a_call_was(self, whole_ledger: Store) -> None:
        whole_ledger.create_group("All", ["*"], None, "documented")
        row = a_row(
            NOW,
            user_id="ann",
            user_name="Ann",
            user_groups=("g2", "g1"),
            user_group_names=("Research", "Sales"),
            connection="c1",
            connection_name="https://api.example",
            kind="api",
            key="k1",
            key_name="sk-…1234",
            effort="high",
            error="http_429",
        )
        whole_ledger.record([row])
        [call] = whole_ledger.call_log.page(CallQuery(), 5).calls
        assert call.facts.user == Named("ann", "Ann")
        assert call.facts.connection == Named("c1", "https://api.example")
        assert (call.facts.kind, call.facts.key) == ("api", "sk-…1234")
        assert call.facts.usage_groups == ("All",)
        assert call.facts.user_groups == (Named("g1", "Sales"), Named("g2", "Research"))
        assert (call.row.effort, call.row.error, call.row.input, call.row.output) == ("high", "http_429", 7, 5)

    def test_lists_calls_of_older_versions_before_they_are_in_the_cubes(
        self, whole_ledger: Store, engine: Engine
    ) -> None:
        whole_ledger.create_group("All", ["*"], None, "documented")
        whole_ledger.record([a_row(NOW - number, user_id="ann", user_name="Ann") for number in range(5)])
        with engine.begin() as connection:
            connection.execute(usage_call.update().values(combination=None))
        calls = whole_ledger.call_log.page(CallQuery(), 9).calls
        assert len(calls) == 5
        assert {call.facts.user for call in calls} == {Named("ann", "Ann")}
        assert {call.facts.usage_groups for call in calls} == {("All",)}

    def test_tells_none_from_not_recorded(self, whole_ledger: Store, engine: Engine) -> None:
        rows = [a_row(NOW - number * 5 * QUARTER) for number in range(10)]
        whole_ledger.record(rows)
        since = rows[4].started_at - QUARTER - 60
        with engine.begin() as connection:
            connection.execute(insert(usage_progress), {"name": "recorded_since", "value": repr(since)})
        newest = [row.id for row in rows]
        assert listed(whole_ledger, CallQuery(filters={"connection": ("none",)}), 3) == newest[:5]
        assert listed(whole_ledger, CallQuery(filters={"connection": ("not recorded",)}), 3) == newest[5:]
        both: Filters = {"connection": ("none", "not recorded")}
        assert listed(whole_ledger, CallQuery(filters=both), 3) == newest
        assert [call.is_recorded for call in whole_ledger.call_log.page(CallQuery(), 10).calls] == [True] * 5 + [
            False
        ] * 5

    def test_loses_and_repeats_no_row_while_rows_are_written(self, whole_ledger: Store, new_engine: NewEngine) -> None:
        begin = time.time()
        before = [a_row(begin - number, user_id="ann") for number in range(1, 200)]
        whole_ledger.record(before)
        stop = threading.Event()
        writer = Store(new_engine())

        def write() -> None:
            while not stop.is_set():
                writer.record([a_row(time.time(), user_id="ann") for _ in range(3)])

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for query in (CallQuery(), CallQuery(filters={"user": ("ann",)})):
                found = listed(whole_ledger, query, 10)
                assert len(found) == len(set(found))
                assert found == sorted(found, reverse=True)
                assert [id_ for id_ in found if id_ in {row.id for row in before}] == [row.id for row in before]
        finally:
            stop.set()
            thread.join()

    def test_has_a_field_for_each_column(self) -> None:
        assert [*StoredCall._fields] == [name for name in usage_call.columns.keys() if name != "raw_usage"]  # noqa: SIM118

    def test_ends_a_page_early_rather_than_late(
        self, whole_ledger: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(call_log_module, "_FIRST_LOOK", 5)
        monkeypatch.setattr(call_log_module, "_LONGEST_LOOK", -1.0)
        whole_ledger.record([a_row(NOW - number * QUARTER, user_id="ann") for number in range(100)])
        mine = [a_row(NOW - number * QUARTER - 1, user_id="bob") for number in range(30, 60)]
        whole_ledger.record(mine)
        found = list(pages(whole_ledger, CallQuery(filters={"user": ("bob",)}), 20))
        assert [call.row.id for page in found for call in page] == [row.id for row in mine]
        assert 1 < len(found) <= len(mine) + 1
        assert max(map(len, found)) < 20
        batches = list(whole_ledger.call_log.batches(CallQuery(filters={"user": ("bob",)})))
        assert [len(batch.rows) for batch in batches] == [30], "a file has no reason to hurry"

    @pytest.mark.parametrize("unverified", [False, True])
    def test_reads_few_rows_for_a_rare_filter(
        self, whole_ledger: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch, *, unverified: bool
    ) -> None:
        if engine.dialect.name != "sqlite":
            pytest.skip("counts the steps of SQLite's virtual machine")
        monkeypatch.setattr(call_log_module, "_FIRST_LOOK", 50)
        whole_ledger.record([a_row(NOW - number * 30, user_id="ann") for number in range(3_000)])
        rare = a_row(NOW - 2_900 * 30 + 1, user_id="rare", unverified=unverified)
        whole_ledger.record([rare])
        steps = 0

        def count(connection: object, *_: object) -> None:
            def step() -> int:
                nonlocal steps
                steps += 1
                return 0

            connection.set_progress_handler(step, 100)  # type: ignore[attr-defined]

        event.listen(engine, "checkout", count)
        assert listed(whole_ledger, CallQuery(filters={"user": ("rare",)})) == [rare.id]
        assert steps < 250, "a scan of all rows takes many more"
