"""Credit and remainders: what may be used beyond a limit, and that the limits hold with it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text

from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.ledger import HasCredit, Store, recount
from openwebui_usage.ledger.configuration import WantedConfiguration
from openwebui_usage.ledger.database import _config, writing
from openwebui_usage.ledger.definitions import raise_revision
from openwebui_usage.ledger.journal import Actor, set_actor
from openwebui_usage.rules.budgets import Budget, Scope, Subject
from openwebui_usage.rules.credits import Allowance, Credit, EarlierLimit, allowance, ended_in, wrong_end
from openwebui_usage.rules.overrides import Override
from openwebui_usage.rules.periods import Period, period_at
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import notices
from tests.support.recorder import call_row, engine_like_open_webui
from tests.unit.test_gate import asking, gate_on

DAY = 86_400.0
NOW = datetime(2026, 11, 15, 12, tzinfo=UTC)
ANN, BOB = Subject("ann"), Subject("bob", frozenset({"staff"}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    return store


def at(month: int, day: int = 1) -> float:
    return datetime(2026, month, day, tzinfo=UTC).timestamp()


def monthly(limit: int = 100, **others: Any) -> Budget:
    return Budget("b", "b", limit, period="month", **others)


def left(budget: Budget, used: dict[int, int], *credits_: Credit, now: datetime = NOW) -> int:
    """What may be used beyond the limit. `used` is by month."""
    keys = {f"2026-{month:02} UTC": amount for month, amount in used.items()}
    return allowance(budget, credits_, period_at("month", "UTC", now), keys).at(now.timestamp())


@pytest.mark.parametrize(
    ("carry_over", "used", "carried"),
    [
        ("none", {10: 40}, 0),
        ("all", {10: 40}, 60),
        ("all", {9: 40, 10: 100}, 60),
        ("all", {9: 40, 10: 130}, 30),
        ("all", {9: 40, 10: 500}, 0),
        ("all", {}, 0),
        ("all", {8: 100}, 200),
        (50, {9: 0, 10: 0}, 50),
        (50, {9: 90, 10: 95}, 15),
        ("all", {11: 70}, 0),
    ],
)
def test_what_was_left_of_earlier_periods_is_carried_over_as_the_admin_says(
    carry_over: Any, used: dict[int, int], carried: int
) -> None:
    assert left(monthly(carry_over=carry_over), used) == carried


def test_credit_without_an_end_holds_for_the_period_that_it_was_given_in() -> None:
    assert left(monthly(), {}, Credit("c", "b", 20, created_at=at(11, 2))) == 20
    assert left(monthly(), {}, Credit("c", "b", 20, created_at=at(10, 2))) == 0
    given = [Credit("c", "b", 20, created_at=at(1))]
    total = allowance(Budget("b", "b", 100), given, period_at("total", "UTC", NOW), {})
    assert total.at(NOW.timestamp()) == 20, "for ever, where the budget has no periods"


def test_what_one_period_used_of_credit_the_next_does_not_have() -> None:
    credit = Credit("c", "b", 50, created_at=at(9, 2), expires_at=at(12))
    assert left(monthly(), {9: 130}, credit) == 20
    assert left(monthly(), {9: 130, 10: 115}, credit) == 5
    assert left(monthly(), {9: 90, 10: 100}, credit) == 50, "the limit is used first"
    assert left(monthly(), {9: 500}, credit) == 0
    assert left(monthly(), {9: 130}, credit, now=datetime(2026, 12, 2, tzinfo=UTC)) == 0, "it has ended"


def test_what_ends_first_is_used_first() -> None:
    soon = Credit("soon", "b", 50, created_at=at(9, 2), expires_at=at(11))
    late = Credit("late", "b", 50, created_at=at(9, 2), expires_at=at(12))
    assert left(monthly(), {9: 140}, late, soon) == 50
    assert left(monthly(), {9: 170}, late, soon) == 30


def test_what_ended_credit_covered_is_not_taken_from_other_credit_afterwards() -> None:
    ended = Credit("e", "b", 100, created_at=at(10, 5), expires_at=at(11, 10))
    other = Credit("r", "b", 100, created_at=at(10, 5), expires_at=at(12, 31))
    assert left(monthly(), {10: 200}, other, ended) == 100
    alone = Credit("a", "b", 100, created_at=at(5), expires_at=at(6))
    assert left(monthly(), {5: 200, 10: 150}, other, alone) == 50, "what never held together is told apart"


def test_within_a_period_what_ended_credit_covered_stays_covered() -> None:
    budget, now = Budget("b", "b", 100), NOW.timestamp()
    ended = Credit("e", "b", 50, created_at=at(9), expires_at=at(11, 10))
    new = Credit("n", "b", 50, created_at=at(11, 11))
    total = period_at("total", "UTC", NOW)
    assert [credit.id for credit in ended_in(budget, [new, ended], total, now)] == ["e"]
    assert ended_in(budget, [ended], total, now) == [], "nobody has anything else"
    for used, extra in ((149, 99), (400, 100), (90, 50)):
        found = allowance(budget, [new, ended], total, {}, {"e": used})
        assert found.at(now) == extra
        assert found.at(at(10)) == 50, "as long as it held"


def test_hours_remember_what_was_used_of_credit() -> None:
    budget, now = Budget("b", "b", 10, period="hour"), NOW.timestamp()
    credit = Credit("c", "b", 100, created_at=now - 2000 * 3600, expires_at=now + 3600)
    for hours in (1, 400, 401, 1999):
        key = period_at("hour", "UTC", NOW - timedelta(hours=hours)).key
        assert allowance(budget, [credit], period_at("hour", "UTC", NOW), {key: 110}).at(now) == 0


@given(
    st.lists(st.integers(0, 300), max_size=10),
    st.one_of(st.sampled_from(["none", "all"]), st.integers(1, 500)),
    st.integers(0, 200),
)
def test_nobody_ever_gets_more_than_all_limits_and_credit_together(used: list[int], carry: Any, amount: int) -> None:
    budget = monthly(carry_over=carry)
    credit = Credit("c", "b", amount, created_at=at(1), expires_at=at(12))
    by_month = dict(enumerate(used, start=1))
    extra = left(budget, by_month, credit)
    assert 0 <= extra <= 100 * 10 + amount
    spent, allowed = 0, 0
    for month in range(1, 11):
        spent, allowed = spent + by_month.get(month, 0), allowed + 100
    if carry == "all" and spent <= allowed and used:
        assert extra >= amount
    if isinstance(carry, int):
        assert extra <= carry + amount


def use(store: Store, user: str, tokens: int, **values: Any) -> None:
    store.record([call_row("gpt-4o", user_id=user, usage=TokenUsage(input=tokens), **values)])


def test_who_has_credit_may_go_on_and_nobody_else(store: Store) -> None:
    store.create_budget(Budget("", "each", 100, scope=Scope("each_user"), period="month"))
    for user in ("ann", "bob", "cy"):
        use(store, user, 100)
    store.add_credit(Credit("", "each", 50, "thesis", user_id="ann"))
    store.add_credit(Credit("", "each", 30, user_group="staff"))

    async def is_admitted(who: Subject) -> bool:
        gate = gate_on(store)
        await gate.refresh()
        goes = {"user_id": who.user_id, "user_groups": tuple(who.user_groups)}
        return await gate.admit("a", asking("gpt-4o", goes=goes)) is None

    assert [asyncio.run(is_admitted(who)) for who in (ANN, BOB, Subject("cy"))] == [True, True, False]
    found = budget_statuses(store, [ANN, BOB, Subject("cy")], datetime.now(UTC))
    assert [found[who][0][0].budget.limit for who in (ANN, BOB, Subject("cy"))] == [150, 130, 100]
    use(store, "ann", 50)
    assert not asyncio.run(is_admitted(ANN))


def test_a_gate_knows_new_credit_at_the_next_call(store: Store) -> None:
    store.create_budget(Budget("", "all", 10))
    use(store, "ann", 10)

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await gate.admit("a", asking("gpt-4o")) is not None
        given = store.add_credit(Credit("", "all", 5))
        await gate.changed()
        assert await gate.admit("b", asking("gpt-4o")) is None
        gate.release("b")
        store.delete_credit("all", given.id)
        await gate.changed()
        assert await gate.admit("c", asking("gpt-4o")) is not None

    asyncio.run(play())


def test_a_remainder_of_last_month_admits_calls_of_this_one(store: Store) -> None:
    store.create_budget(Budget("", "all", 100, period="month", carry_over=40))
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    use(store, "ann", 30, started_at=(first - timedelta(days=1)).timestamp())
    use(store, "ann", 120)
    [(counter, sums)] = budget_statuses(store, [ANN], datetime.now(UTC))[ANN]
    assert (counter.budget.limit, sums.input) == (140, 120)


def test_the_webhook_is_told_when_limit_and_credit_are_used_up(store: Store) -> None:
    told: list[Any] = []
    store.notices = lambda change, now: told.extend(notices(change, now)) or []  # type: ignore[func-returns-value]
    store.create_budget(Budget("", "each", 100, scope=Scope("each_user"), soft_limits=()))
    store.add_credit(Credit("", "each", 50, user_group="staff"))
    use(store, "bob", 110, user_groups=("staff",))
    assert told == []
    use(store, "bob", 40, user_groups=("staff",))
    assert [(notice["event"], notice["limit"]) for notice in told] == [("limit", 150)]


def test_the_journal_knows_who_changed_what_and_forgets_nothing(store: Store) -> None:
    set_actor(Actor("a", "Ada"))
    store.create_budget(Budget("", "all", 10**9, unit="usd", period="day"))
    store.update_budget("all", {"limit": 2 * 10**9})
    store.update_budget("all", {"limit": 2 * 10**9})
    store.add_credit(Credit("", "all", 5 * 10**9, "once"))
    store.create_group("G", ["*"], 5, "documented")
    store.reset_group("G")
    store.put_price(Price("m", Decimal(1), Decimal(1)))
    store.delete_budget("all")
    entries = store.journal.entries(100)
    assert [(entry.section, entry.name, entry.change) for entry in reversed(entries)] == [
        ("budget", "all", "added"),
        ("budget", "all", "changed"),
        ("credit", "all", "added"),
        ("group", "G", "added"),
        ("group", "G", "reset"),
        ("price", "m", "added"),
        ("credit", "all", "removed"),
        ("budget", "all", "removed"),
    ]
    changed = entries[-2]
    assert (changed.before, changed.after) == ({"limit": 1.0}, {"limit": 2.0})
    assert {entry.user_name for entry in entries} == {"Ada"}
    assert entries[-3].after is not None
    assert (entries[-3].after["amount"], entries[-3].after["note"]) == (5.0, "once")
    assert store.journal.entries(2, entries[2].id) == entries[3:5]
    assert store.definitions().any_may_exceed is False, "credit goes with its budget"


def test_an_allowance_holds_while_its_credit_does() -> None:
    given = Allowance(5, ((10.0, 20.0, 7), (15.0, None, 1)))
    assert [given.at(moment) for moment in (9, 10, 15, 20)] == [5, 12, 13, 6]


@pytest.mark.parametrize(
    ("changes", "credit", "field"),
    [
        ({"unit": "tokens", "limit": 10}, Credit("", "b", 20 * 10**9), "unit"),
        ({"scope": Scope("everyone")}, Credit("", "b", 10**9, user_id="ann"), "scope"),
        ({"scope": Scope("group", "staff")}, Credit("", "b", 10**9, user_group="staff"), "scope"),
        ({"period": "last 5 hours"}, Credit("", "b", 10**9), "period"),
        ({"period": "hour"}, Credit("", "b", 10**9, expires_at=at(12) + 400 * 86_400), "period"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_budget_is_not_changed_so_that_its_credit_becomes_something_else(
    store: Store, changes: dict[str, Any], credit: Credit, field: str
) -> None:
    before = store.create_budget(Budget("", "b", 10**10, unit="usd", scope=Scope("each_user"), period="month"))
    given = store.add_credit(credit)
    with pytest.raises(HasCredit) as refused:
        store.update_budget("b", changes)
    assert refused.value.field == field
    wanted = WantedConfiguration(budgets={"b": replace(before, **changes)})
    with pytest.raises(HasCredit, match=field):
        store.configure(wanted)
    assert store.budgets() == [before]
    store.delete_credit("b", given.id)
    store.configure(wanted)
    assert store.budgets() != [before]


def test_credit_of_a_window_that_moves_has_an_end_and_that_of_hours_a_near_one() -> None:
    start, day = at(11), 86_400
    assert wrong_end("last 5 hours", start, None)
    assert wrong_end("last 5 hours", start, start + 900 * day) is None
    assert wrong_end("hour", start, start + 93 * day)
    assert [wrong_end("hour", start, end) for end in (None, start + 92 * day)] == [None, None]
    assert wrong_end("month", start, None) is None


def test_credit_that_goes_with_its_budget_and_new_cost_centers_are_noted(store: Store) -> None:
    group = store.create_group("G", ["*"], None, "documented").group
    store.create_budget(Budget("", "b", 10, group="G", models=()))
    store.add_credit(Credit("", "b", 5))
    store.delete_group(group.name, cascade=True)
    store.create_budget(Budget("", "b", 10))
    store.add_credit(Credit("", "b", 7))
    store.configure(WantedConfiguration(budgets={}, prune=True))
    gone = [
        entry.before for entry in store.journal.entries(100) if (entry.section, entry.change) == ("credit", "removed")
    ]
    assert [before and before["amount"] for before in gone] == [7, 5]
    store.focus.put_cost_centers({"staff": "4711"})
    store.focus.put_cost_centers({"staff": "4711"})
    [entry] = [entry for entry in store.journal.entries(100) if entry.section == "cost_centers"]
    assert (entry.before, entry.after) == ({}, {"staff": "4711"})


def rows_of_older_version(store: Store, query: str) -> list[tuple[Any, ...]]:
    """What is in the tables after a way back to before there were exceptions and windows."""
    config = _config()
    config.attributes["schema"] = None
    with writing(store._engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0015")
        return [tuple(row) for row in connection.execute(text(query))]


def test_what_an_older_version_would_hold_for_ever_only_warns_there(store: Store) -> None:
    for period in ("minute", "last 5 hours", "hour", "month"):
        store.create_budget(Budget("", period, 10, period=period))
    rows = rows_of_older_version(store, "SELECT name, period, action FROM usage_budget")
    assert {name: (period, action) for name, period, action in rows} == {
        **dict.fromkeys(("minute", "last 5 hours", "hour"), ("total", "warn")),
        "month": ("month", "block"),
    }


def test_groups_have_periods_that_an_older_version_knows_there(store: Store) -> None:
    for period in ("year", "week"):
        store.create_group(period, ["*"], 10, "documented")
        store.update_group(period, {"period": period})
    rows = rows_of_older_version(store, "SELECT name, period, action FROM usage_group ORDER BY name")
    assert rows == [("week", "week", "block"), ("year", "total", "warn")]


def test_budgets_of_a_role_are_of_a_user_group_that_nobody_is_in_there(store: Store) -> None:
    store.create_budget(Budget("", "a", 10, scope=Scope("role", "user")))
    store.create_budget(Budget("", "b", 10, scope=Scope("each_user_of_role", "user")))
    store.create_budget(Budget("", "c", 10, scope=Scope("each_user_of_group", "staff")))
    rows = rows_of_older_version(store, "SELECT scope, scope_id FROM usage_budget ORDER BY name")
    assert rows == [("group", "role:user"), ("each_user_of_group", "role:user"), ("each_user_of_group", "staff")]


def given_before(store: Store, budget: str, amount: int, *, days: float, expires_in: float) -> None:
    """Credit that was given some days ago."""
    given = store.add_credit(Credit("", budget, amount, expires_at=time.time() + expires_in))
    with writing(store._engine) as connection:
        created = text("UPDATE usage_credit SET created_at = :at WHERE id = :id")
        connection.execute(created, {"at": time.time() - days * DAY, "id": given.id})
        raise_revision(connection)


def extra_of(store: Store, caller: Subject = ANN) -> int:
    """What somebody may use beyond the limit of the only budget."""
    [budget] = store.budgets()
    [(counter, _)] = budget_statuses(store, [caller], datetime.now(UTC))[caller]
    return (counter.budget.limit or 0) - (budget.limit or 0)


def test_credit_that_has_ended_is_still_reckoned_with(store: Store) -> None:
    store.create_budget(Budget("", "b", 100, period="month"))
    given_before(store, "b", 100, days=70, expires_in=-1)
    given_before(store, "b", 100, days=70, expires_in=90 * DAY)
    use(store, "ann", 200, started_at=time.time() - 31 * DAY)
    assert extra_of(store) == 100


def test_no_number_of_hours_hides_the_latest_ones(store: Store) -> None:
    store.create_budget(Budget("", "b", 10, period="hour"))
    given_before(store, "b", 100, days=80, expires_in=10 * DAY)
    now = time.time()
    store.record([call_row("m", usage=TokenUsage(input=1), started_at=now - 3600 * hours) for hours in range(1, 1900)])
    use(store, "ann", 108, started_at=now - 2 * 3600)
    assert extra_of(store) == 1


def test_a_batch_asks_for_earlier_periods_only_where_a_mark_may_be_reached(store: Store) -> None:
    store.notices = lambda change, now: []
    store.create_budget(Budget("", "each", 100, scope=Scope("each_user"), period="month", carry_over="all"))
    asked: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "usage_total" in statement and statement.startswith("SELECT"):
            asked.append(statement)

    use(store, "ann", 79)
    assert asked == []
    use(store, "ann", 1)
    assert asked


def test_a_forecast_and_what_monitoring_is_told_know_of_credit(store: Store) -> None:
    store.create_budget(Budget("", "all", 100, period="month"))
    store.create_budget(Budget("", "each", 100, scope=Scope("each_user"), period="month"))
    store.add_credit(Credit("", "all", 900))
    store.add_credit(Credit("", "each", 50, user_id="ann"))
    use(store, "ann", 100)
    now, definitions = datetime.now(UTC), store.definitions()
    own = store.forecasts.of_caller(ANN, (), definitions.budgets, definitions, now)
    of_all = store.forecasts.of_all(definitions, now)
    for found in (own, of_all):
        limits = {each.counter.budget.name: each.counter.budget.limit for each in found}
        assert limits == {"all": 1000, "each": 150}
        assert all(each.forecast.reached_at is None or each.forecast.reached_at > now for each in found)
    [limit] = store.metric_sums(5).read(definitions).limits
    assert (limit.name, limit.limit, limit.used) == ("all", 1000, 100)


def test_monitoring_is_told_what_windows_hold_and_nothing_of_minutes(store: Store) -> None:
    store.create_budget(Budget("", "window", 100, period="last 5 hours"))
    store.create_budget(Budget("", "minute", 5, unit="requests", period="minute"))
    for hours in (100, 50, 0):
        use(store, "ann", 90 if hours else 10, started_at=time.time() - hours * 3600)
    limits = store.metric_sums(5).read(store.definitions()).limits
    assert [(limit.name, limit.used) for limit in limits] == [("window", 10)]


@pytest.mark.parametrize("changes", [{"models": ("gpt*",)}, {"timezone": "Europe/Berlin"}], ids=str)
@pytest.mark.parametrize("how", ["update", "configure"])
def test_a_budget_that_counts_anew_knows_its_earlier_periods(store: Store, changes: dict[str, Any], how: str) -> None:
    store.create_budget(Budget("", "b", 100, period="month"))
    given_before(store, "b", 100, days=70, expires_in=90 * DAY)
    use(store, "ann", 160, started_at=time.time() - 31 * DAY)
    use(store, "ann", 10)
    [before] = store.budgets()
    assert extra_of(store) == 40
    if how == "update":
        store.update_budget("b", changes)
    else:
        store.configure(WantedConfiguration(budgets={"b": replace(before, **changes)}))
    assert store.budgets()[0].id != before.id
    assert extra_of(store) == 40


def changed_at(store: Store, *moments: float) -> None:
    """Move the journal's changes of budgets into the past, the oldest first."""
    with writing(store._engine) as connection:
        query = text("SELECT id FROM usage_journal WHERE section = 'budget' AND change = 'changed' ORDER BY id")
        for id_, moment in zip(connection.execute(query).scalars().all(), moments, strict=True):
            moved = text("UPDATE usage_journal SET at = :at WHERE id = :id")
            connection.execute(moved, {"at": moment, "id": id_})
        raise_revision(connection)


@pytest.mark.parametrize("unit", ["tokens", "usd"])
def test_what_a_month_left_is_reckoned_with_the_limit_that_it_ended_with(store: Store, unit: Any) -> None:
    store.put_price(Price("gpt-4o", Decimal(1), Decimal(1)))  # A token costs 1,000 nano-dollars.
    one = 1 if unit == "tokens" else 1000
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = [first - timedelta(days=days) for days in (80, 45, 15)]
    raised = Override("user", "bob", 900 * one)
    budget = Budget("", "b", 100 * one, unit, Scope("each_user"), period="month", carry_over="all")
    store.create_budget(budget)
    for moment in months:
        use(store, "ann", 70, started_at=moment.timestamp())
        use(store, "bob", 70, started_at=moment.timestamp())
    assert extra_of(store) == 90 * one
    store.update_budget("b", {"limit": 200 * one, "overrides": (raised,)})
    store.update_budget("b", {"action": "warn"})
    store.update_budget("b", {"limit": 5000 * one})
    # After the first month, within the last one, and today.
    changed_at(store, (months[0] + timedelta(days=31)).timestamp(), months[2].timestamp(), time.time())
    assert extra_of(store) == (30 + 130 + 130) * one
    [(counter, _)] = budget_statuses(store, [BOB], datetime.now(UTC))[BOB]
    assert counter.budget.limit == (900 + 30 + 830 + 830) * one
    store.update_budget("b", {"unit": "requests", "limit": 2})
    assert extra_of(store) == 3, "limits in another unit say nothing"


def test_a_month_without_a_limit_passes_on_what_it_was_left() -> None:
    budget, period = monthly(carry_over="all"), period_at("month", "UTC", NOW)
    used = {"2026-08 UTC": 40, "2026-09 UTC": 5000, "2026-10 UTC": 70}
    earlier = [EarlierLimit(at(9, 2), 50), EarlierLimit(at(10, 2), None)]
    assert allowance(budget, (), period, used, None, earlier).carried == 10 + 30


def test_while_it_is_found_how_far_back_to_count_others_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create_budget(Budget("", "b", 100, period="month", carry_over="all"))
    use(store, "ann", 60, started_at=time.time() - 31 * DAY)
    writer = Store(engine_like_open_webui(store._engine.url.render_as_string()))
    earlier = recount._earlier

    def slowly(*given: Any) -> list[Period]:
        use(writer, "ann", 10)
        return earlier(*given)

    monkeypatch.setattr(recount, "_earlier", slowly)
    store.update_budget("b", {"timezone": "Europe/Berlin"})
    assert extra_of(store) == 40
    [(_, sums)] = budget_statuses(store, [ANN], datetime.now(UTC))[ANN]
    assert sums.total("documented") == 10


def test_a_new_budget_has_no_remainders_of_the_time_before_it(store: Store) -> None:
    use(store, "ann", 10, started_at=time.time() - 31 * DAY)
    use(store, "ann", 10)
    store.create_budget(Budget("", "b", 100, period="month", carry_over="all"))
    assert extra_of(store) == 0
    store.update_budget("b", {"timezone": "Europe/Berlin"})
    assert extra_of(store) == 0


@pytest.mark.parametrize("scope", ["everyone", "each_user"])
def test_what_ended_credit_covered_leaves_new_credit_whole(store: Store, scope: Any) -> None:
    store.create_budget(Budget("", "b", 100, scope=Scope(scope)))
    given_before(store, "b", 50, days=2, expires_in=-DAY)
    use(store, "ann", 149, started_at=time.time() - 1.5 * DAY)
    use(store, "ann", 1)
    assert extra_of(store) == 0
    store.add_credit(Credit("", "b", 50))
    assert extra_of(store) == 99


@pytest.mark.parametrize("scope", ["group", "each_user_of_group", "role", "each_user_of_role"])
def test_what_ended_credit_of_a_group_or_a_role_covered_is_told_by_its_totals(store: Store, scope: Any) -> None:
    who = Subject("ann", frozenset({"user"}), "user")
    goes = {"user_groups": ("user",), "user_role": "user"}
    store.create_budget(Budget("", "b", 100, scope=Scope(scope, "user")))
    given_before(store, "b", 50, days=2, expires_in=-DAY)
    given_before(store, "b", 50, days=2, expires_in=30 * DAY)
    use(store, "ann", 120, started_at=time.time() - 1.5 * DAY, **goes)
    use(store, "bob", 70, started_at=time.time() - 1.5 * DAY)
    assert extra_of(store, who) == 20 + 50, "20 of the credit that has ended stay covered"
    use(store, "ann", 40, **goes)
    assert extra_of(store, who) == 70, "what is used afterwards takes none of it"
    use(store, "ann", 5, started_at=time.time() - 1.5 * DAY, **goes)
    assert extra_of(store, who) == 75, "a call that is written late began before the end"
    [(counter, sums)] = budget_statuses(store, [who], datetime.now(UTC))[who]
    assert (counter.budget.limit, sums.total("documented")) == (175, 165)
    store.delete_budget("b")
    with store._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM usage_total")).scalar() == 0


def test_what_was_used_when_credit_ended_is_read_from_rows_ever_less_often(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_budget(Budget("", "b", 100))
    given_before(store, "b", 50, days=2, expires_in=-3600)
    store.add_credit(Credit("", "b", 50))
    use(store, "ann", 120, started_at=time.time() - DAY)
    read: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM usage_call" in statement:
            read.append(statement)

    now = time.time()
    for seconds, times in ((0, 1), (1, 1), (3590, 1), (3610, 2), (3610 + 7100, 2), (3610 + 7300, 3)):
        monkeypatch.setattr("openwebui_usage.ledger.ended_credit.time.time", lambda at=now + seconds: at)
        assert extra_of(store) == 70
        store.metric_sums(10)._limits(store.definitions(), datetime.now(UTC))
        assert len(read) == times, seconds
