"""Whom a budget would have refused: the replay of random ledgers, against a model that is read at a glance."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine

from openwebui_usage.ledger import GroupUnknown, Store, TooManyCalls
from openwebui_usage.ledger import preview as preview_module
from openwebui_usage.ledger.preview import BudgetPreview
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables

FIRST = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""Two days before Berlin's clocks are set forward, and some before the month ends."""
PRICES = {"paid": Price("paid", Decimal(1000), Decimal(3000)), "free": Price("free", Decimal(0), Decimal(0))}


@contextmanager
def ledger() -> Iterator[tuple[Store, Engine]]:
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/usage.db")
        store = Store(engine)
        give_tables(engine)
        for price in PRICES.values():
            store.put_price(price)
        store.create_group("both", ["paid", "fr*"], None, "documented")
        yield store, engine
        engine.dispose()


def call(
    minutes: float, user: str | None = "ann", model: str = "paid", tokens: tuple[int, int, int] = (5, 3, 2), **more: Any
) -> CallRow:
    """`tokens` are input, completion and reasoning, which this provider does not count into the completion."""
    prompt, completion, reasoning = tokens
    usage = TokenUsage(input=prompt, completion=completion, reasoning=reasoning, output=completion + reasoning // 2)
    started = FIRST.timestamp() + minutes * 60
    return call_row(model, user_id=user, user_name=user and user.title(), started_at=started, usage=usage, **more)


def preview(store: Store, budget: Budget, minutes: tuple[float, float] = (0, 60 * 24 * 40)) -> BudgetPreview:
    start, end = (FIRST.timestamp() + part * 60 for part in minutes)
    return store.preview_budget(budget, start, end)


def test_who_is_refused_when_first_how_often_and_how_much() -> None:
    with ledger() as (store, _):
        store.record([call(minute, user) for minute, user in enumerate(["ann", "bob", "ann", "ann", "bob", "ann"])])
        found = preview(store, Budget("", "b", 20, scope=Scope("each_user")))
    assert [(user.user_id, user.user_name, user.calls, user.amount) for user in found.refused] == [
        ("ann", "Ann", 2, 20)
    ], "two calls of ten tokens each reach the limit"
    assert found.refused[0].first_at == FIRST.timestamp() + 3 * 60
    assert (found.calls, found.amount) == (2, 20)


def test_what_is_refused_adds_nothing_and_a_new_period_begins_at_nothing() -> None:
    with ledger() as (store, _):
        store.record([call(60 * hours) for hours in range(72)])
        found = preview(store, Budget("", "b", 30, period="day", timezone="Europe/Berlin"))
    # From 13:00 in Berlin to its midnight 11 calls, then 24, then 23 as clocks are set forward, then 14.
    assert found.calls == sum(max(0, calls - 3) for calls in (11, 24, 23, 14))


def test_it_is_in_force_from_the_beginning_of_the_period() -> None:
    with ledger() as (store, _):
        store.record([call(minute) for minute in range(10)])
        budget = Budget("", "b", 3, unit="requests", period="day")
        found = preview(store, budget, (5, 10))
        assert (found.calls, found.refused[0].first_at) == (5, FIRST.timestamp() + 300)
        assert found.counted_from == FIRST.replace(hour=0).timestamp()
        assert preview(store, Budget("", "b", 3, unit="requests"), (5, 10)).calls == 2, "for all time, it begins there"


@pytest.mark.parametrize("change", [{"limit": None}, {"action": "warn"}])
def test_a_budget_that_blocks_nothing_refuses_nobody(change: dict[str, Any]) -> None:
    with ledger() as (store, _):
        store.record([call(minute) for minute in range(10)])
        assert preview(store, Budget("", "b", **{"limit": 3, **change})).refused == ()


def test_free_models_stay_usable_when_the_money_is_spent() -> None:
    with ledger() as (store, _):
        calls = [call(0), call(1), call(2, model="free"), call(3, model="free", tokens=(0, 0, 0), outcome="error")]
        store.record(calls)
        assert preview(store, Budget("", "b", 1, unit="usd")).calls == 1
        assert preview(store, Budget("", "b", 1, unit="usd", free_models_exempt=False)).calls == 3


def test_who_was_in_a_user_group_is_what_was_recorded_then() -> None:
    with ledger() as (store, engine):
        store.record(
            [
                call(0, user_groups=("staff", "leads")),
                call(1, "bob", user_groups=("staff",)),
                call(2, "cy"),
                call(3, user_groups=("leads",)),
                call(4, "bob", user_groups=("staff",)),
            ]
        )
        together = preview(store, Budget("", "b", 1, unit="requests", scope=Scope("group", "staff")))
        each = preview(store, Budget("", "b", 1, unit="requests", scope=Scope("each_user_of_group", "staff")))
        with engine.connect() as connection:
            since = connection.execute(text("SELECT value FROM usage_progress WHERE name = 'recorded_since'")).scalar()
    assert {user.user_id: user.calls for user in together.refused} == {"bob": 2}
    assert {user.user_id: user.calls for user in each.refused} == {"bob": 1}
    assert each.user_groups_since == float(str(since))


def test_an_unknown_usage_group_is_said() -> None:
    with ledger() as (store, _), pytest.raises(GroupUnknown):
        preview(store, Budget("", "b", 1, group="none of that name"))


def test_what_only_the_browser_saw_is_in_no_budget() -> None:
    with ledger() as (store, _):
        store.record([call(minute, unverified=True) for minute in range(3)])
        assert preview(store, Budget("", "b", 0)).calls == 0


@pytest.fixture(scope="module")
def shared_ledger() -> Iterator[tuple[Store, Engine]]:
    page, preview_module._PAGE = preview_module._PAGE, 7
    with ledger() as made:
        yield made
    preview_module._PAGE = page


# -- against the model ------------------------------------------------------------------------------------------------

CALLS = st.lists(
    st.builds(
        call,
        minutes=st.integers(0, 60 * 24 * 9),
        user=st.sampled_from(["ann", "bob", None]),
        model=st.sampled_from(["paid", "free", "unpriced"]),
        tokens=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        user_groups=st.sampled_from([(), ("staff",), ("leads", "staff")]),
    ),
    max_size=40,
)
SCOPES = st.sampled_from(
    [
        Scope("everyone"),
        Scope("each_user"),
        Scope("user", "ann"),
        Scope("group", "staff"),
        Scope("each_user_of_group", "leads"),
    ]
)
BUDGETS = st.builds(
    Budget,
    id=st.just(""),
    name=st.just("b"),
    limit=st.integers(0, 40) | st.sampled_from([10**7, 3 * 10**7]),
    unit=st.sampled_from(["tokens", "requests", "usd"]),
    scope=SCOPES,
    models=st.sampled_from([("*",), ("paid",), ("fr*", "unpriced")]),
    group=st.sampled_from([None, None, "both"]),
    period=st.sampled_from(["total", "day", "week", "month"]),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]),
    counting=st.sampled_from(["documented", "billed"]),
    free_models_exempt=st.booleans(),
)


def period_of(budget: Budget, moment: datetime) -> Any:
    day = moment.astimezone(ZoneInfo(budget.timezone)).date()
    match budget.period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return (day.year, day.month)
        case _:
            return None


def expected(budget: Budget, rows: list[CallRow], start: float, end: float) -> dict[str | None, tuple[int, int, float]]:
    """Calls, amount and first time for each user."""
    used: dict[Any, int] = defaultdict(int)
    found: dict[str | None, tuple[int, int, float]] = {}
    first_period = period_of(budget, datetime.fromtimestamp(start, UTC))
    for row in sorted(rows, key=lambda row: (row.started_at, row.id)):
        usage, user, groups = row.usage, row.info.user_id, row.info.user_groups
        period = period_of(budget, datetime.fromtimestamp(row.started_at, UTC))
        if row.started_at >= end or (row.started_at < start and (budget.period == "total" or period != first_period)):
            continue
        if budget.group:
            is_covered = row.info.model in ("paid", "free")
        else:
            is_covered = budget.models == ("*",) or (row.info.model == "paid") == (budget.models == ("paid",))
        is_bound = {
            "everyone": True,
            "each_user": user is not None,
            "user": user == "ann",
            "group": user is not None and "staff" in groups,
            "each_user_of_group": user is not None and "leads" in groups,
        }[budget.scope.kind]
        if not (is_covered and is_bound):
            continue
        output = usage.output if budget.counting == "billed" else usage.completion + usage.reasoning
        cost = (usage.input * 1000 + usage.output * 3000) * 1000 if row.info.model == "paid" else 0
        amount = {"tokens": usage.input + output, "requests": 1, "usd": cost}[budget.unit]
        is_exempt = budget.unit == "usd" and budget.free_models_exempt and row.info.model == "free"
        key = (period, user if budget.scope.kind.startswith("each_user") else None)
        if used[key] < (budget.limit or 0) or is_exempt:
            used[key] += amount
        elif row.started_at >= start:
            calls, refused, first_at = found.get(user, (0, 0, row.started_at))
            found[user] = (calls + 1, refused + amount, first_at)
    return found


@settings(max_examples=60)
@given(rows=CALLS, budgets=st.lists(BUDGETS, min_size=1, max_size=4), span=st.tuples(*[st.integers(0, 9 * 1440)] * 2))
def test_it_refuses_whom_the_simple_model_refuses(
    shared_ledger: tuple[Store, Engine], rows: list[CallRow], budgets: list[Budget], span: tuple[int, int]
) -> None:
    store, engine = shared_ledger
    with engine.begin() as connection:
        for table in ("usage_call", "usage_cube"):
            connection.execute(text(f"DELETE FROM {table}"))
    if rows:
        store.record(rows)
    start, end = (FIRST.timestamp() + 60 * minutes for minutes in sorted(span))
    for budget in budgets:
        found = store.preview_budget(budget, start, end)
        told = {user.user_id: (user.calls, user.amount, user.first_at) for user in found.refused}
        assert told == expected(budget, rows, start, end)
        assert found.calls == sum(calls for calls, _, _ in told.values())


# -- what need not be looked at ---------------------------------------------------------------------------------------


@contextmanager
def rows_read(engine: Engine) -> Iterator[list[str]]:
    """The statements that read rows."""
    statements: list[str] = []

    def before(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "FROM usage_call" in statement and "ORDER BY started_at" in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", before)
    yield statements
    event.remove(engine, "before_cursor_execute", before)


def test_where_no_limit_is_reached_no_row_is_read() -> None:
    with ledger() as (store, engine), rows_read(engine) as statements:
        store.record([call(60 * hours, user) for hours in range(48) for user in ("ann", "bob")])
        assert preview(store, Budget("", "b", 241, scope=Scope("each_user"), period="day")).refused == ()
        assert statements == []
        assert preview(store, Budget("", "b", 10, models=("unknown",))).refused == ()
        assert preview(store, Budget("", "b", 1, scope=Scope("group", "nobody"))).refused == ()
        assert statements == []


def test_only_periods_and_users_that_reach_the_limit_are_read() -> None:
    with ledger() as (store, engine), rows_read(engine) as statements:
        store.record([call(60 * hours) for hours in range(240)])
        store.record([call(60 * hours, "bob") for hours in (100, 101, 102, 103)])
        busy = [call(60 * 24 * 5 + minute, "eve") for minute in range(30)]
        store.record(busy)
        found = preview(store, Budget("", "b", 28, unit="requests", scope=Scope("each_user"), period="day"))
        assert [(user.user_id, user.calls) for user in found.refused] == [("eve", 2)]
        assert statements
        assert all("user_id IN (?)" in statement for statement in statements), "of one user, and one day"


def test_rows_that_are_in_no_cube_are_read_all_the_same() -> None:
    with ledger() as (store, engine):
        store.record([call(minute) for minute in range(10)])
        with engine.begin() as connection:
            connection.execute(text("UPDATE usage_call SET combination = NULL"))
            connection.execute(text("DELETE FROM usage_cube"))
        assert preview(store, Budget("", "b", 3, unit="requests")).calls == 7


def test_too_many_calls_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_module, "MOST_REPLAYED", 20)
    with ledger() as (store, _):
        store.record([call(minute) for minute in range(21)])
        with pytest.raises(TooManyCalls, match="21 calls"):
            preview(store, Budget("", "b", 3, unit="requests"))
        assert preview(store, Budget("", "b", 22, unit="requests")).calls == 0, "the limit is not reached"


# -- many rows --------------------------------------------------------------------------------------------------------


def test_each_page_is_found_by_the_time_and_leaves_writers_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    store = Store(engine)
    give_tables(engine)
    store.record([call(minute) for minute in range(30)])
    statements: list[tuple[str, Any]] = []

    def before(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "ORDER BY started_at" in statement and "usage_call" in statement:
            statements.append((statement, parameters))
            # As a worker does: it would fail at once if it had to wait for the reader.
            with create_engine(f"sqlite:///{tmp_path}/usage.db", connect_args={"timeout": 0}).begin() as writer:
                writer.execute(text("UPDATE usage_total SET calls = calls"))

    event.listen(engine, "before_cursor_execute", before)
    preview_module._PAGE, page = 10, preview_module._PAGE
    try:
        assert preview(store, Budget("", "b", 0)).calls == 30
    finally:
        preview_module._PAGE = page
        event.remove(engine, "before_cursor_execute", before)
    assert len(statements) == 4
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert "USING INDEX ix_usage_call_started_at" in str(plan), plan
    engine.dispose()
