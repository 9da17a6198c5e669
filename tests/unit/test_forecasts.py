"""What is to be expected of groups and budgets, from a ledger of some weeks, folded or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.folding import Folding
from openwebui_usage.ledger.forecasts import MOST_USERS, LimitForecast
from openwebui_usage.rules.budgets import Budget, Scope, Subject
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables

NOW = datetime(2026, 11, 18, tzinfo=UTC)
"""Midnight before a Wednesday."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    store = Store(engine)
    give_tables(engine)
    return store


def created_long_ago(engine: Engine) -> None:
    """As if all definitions were older than the days that are looked at."""
    with engine.begin() as connection:
        for table in ("usage_group", "usage_budget"):
            connection.execute(text(f"UPDATE {table} SET created_at = 0"))


def use(
    store: Store,
    days: int,
    tokens: Callable[[datetime], int] = lambda day: 100,
    model: str = "gpt-4o",
    user: str | None = "ann",
    now: datetime = NOW,
    **info: Any,
) -> None:
    """A call at noon of each of so many days before today."""
    rows = []
    for number in range(days, 0, -1):
        day = now - timedelta(days=number)
        if count := tokens(day):
            names = {"user_id": user, "user_name": user and user.title()}
            noon = (day + timedelta(hours=12)).timestamp()
            rows.append(call_row(model, started_at=noon, usage=TokenUsage(input=count), **names, **info))
    store.record(rows)


def forecasts(store: Store, now: datetime = NOW) -> dict[str, LimitForecast]:
    """By the name of the limit, and of the user where it is one's own."""
    found = store.forecasts.of_all(store.definitions(), now)
    return {each.counter.budget.name + (f" of {each.user.name}" if each.user else ""): each for each in found}


@pytest.mark.parametrize("is_folded", [False, True])
def test_groups_and_budgets_of_every_scope(store: Store, engine: Engine, is_folded: bool) -> None:
    store.create_group("GPT", ["gpt-4o*"], 10_000, "documented", period="month")
    store.create_group("no limit", ["*"], None, "documented")
    store.create_budget(Budget("", "all", 10**6, models=("*",), period="month"))
    store.create_budget(Budget("", "calls", 10**6, unit="requests", group="GPT", period="month"))
    store.create_budget(Budget("", "each", 10**6, scope=Scope("each_user"), period="month"))
    store.create_budget(Budget("", "bob's", 10**6, scope=Scope("user", "bob"), period="month"))
    store.create_budget(Budget("", "staff", 10**6, scope=Scope("group", "staff"), period="month"))
    store.create_budget(Budget("", "member", 10**6, scope=Scope("each_user_of_group", "staff"), period="month"))
    created_long_ago(engine)
    use(store, 28, model="gpt-4o-mini", user_groups=("staff", "leads"))
    use(store, 28, lambda day: 30, model="o3", user="bob", user_groups=("staff",))
    use(store, 28, lambda day: 7, model="helper", called_model="gpt-4o", user="cy")
    if is_folded:
        folding = Folding(engine, None)
        while folding.step(NOW.timestamp()):
            pass
    found = forecasts(store)
    paces = {name: each.forecast.pace for name, each in found.items()}
    assert paces == {
        "GPT": 107,
        "all": 137,
        "calls": 2,
        "each of Ann": 100,
        "each of Bob": 30,
        "each of Cy": 7,
        "bob's of Bob": 30,
        "staff": 130,
        "member of Ann": 100,
        "member of Bob": 30,
    }
    assert found["GPT"].kind == "group"
    assert found["GPT"].used == 17 * 107, "of this month"
    assert found["GPT"].forecast.projection is not None
    assert found["GPT"].forecast.projection.expected == 30 * 107
    assert found["all"].kind == "budget"


def test_a_team_that_rests_at_weekends(store: Store, engine: Engine) -> None:
    store.create_group("GPT", ["gpt-4o"], 10**6, "documented", period="month")
    created_long_ago(engine)
    use(store, 35, lambda day: 0 if day.weekday() >= 5 else 100)
    found = forecasts(store)["GPT"].forecast
    assert found.projection is not None
    assert found.projection.expected == 12 * 100 + 9 * 100, "twelve working days before, nine to come"


def test_what_is_new_without_a_call_has_no_pace_and_says_why(store: Store) -> None:
    store.create_group("new", ["o3"], 10**6, "documented")
    found = forecasts(store)["new"].forecast
    assert (found.pace, found.projection, found.reason) == (None, None, "no_history")


def test_what_is_new_for_models_in_use_has_their_pace(store: Store) -> None:
    use(store, 3)
    store.create_group("new", ["gpt-4o"], 10**6, "documented")
    assert forecasts(store)["new"].forecast.pace == 100, "of the three days that are known"


def test_what_is_old_and_unused_has_a_pace_of_nothing(store: Store, engine: Engine) -> None:
    store.create_group("old", ["o3"], 10**6, "documented")
    created_long_ago(engine)
    use(store, 3)
    found = forecasts(store)["old"].forecast
    assert (found.pace, found.reached_at, found.reason) == (0, None, None)
    assert found.projection is not None
    assert found.projection.expected == 0


def test_days_begin_in_the_limits_own_zone(store: Store, engine: Engine) -> None:
    store.create_budget(Budget("", "UTC", 10**6, period="day"))
    store.create_budget(Budget("", "Kathmandu", 10**6, period="day", timezone="Asia/Kathmandu"))
    created_long_ago(engine)
    # At 20:00 UTC it is 1:45 of the next day there, which is today.
    for days in range(1, 8):
        at = NOW - timedelta(days=days - 1, hours=4)
        store.record([call_row("m", started_at=at.timestamp(), usage=TokenUsage(input=10 * days))])
    found = forecasts(store)
    assert found["UTC"].forecast.pace == sum(10 * days for days in range(1, 8)) / 7
    assert found["Kathmandu"].forecast.pace == sum(10 * days for days in range(2, 8)) / 7


def test_what_is_reached_first_comes_first(store: Store, engine: Engine) -> None:
    use(store, 10)
    for name, limit in (("late", 5000), ("soon", 1100), ("never", 10**9)):
        store.create_budget(Budget("", name, limit))
    assert [each.counter.budget.name for each in store.forecasts.of_all(store.definitions(), NOW)] == [
        "soon",
        "late",
        "never",
    ]


def test_of_many_users_those_who_used_the_most_are_told(store: Store) -> None:
    store.create_budget(Budget("", "each", 10**6, scope=Scope("each_user"), period="month"))
    for number in range(MOST_USERS + 5):
        use(store, 1, lambda day: 100 + number, user=f"user-{number:02}")  # noqa: B023 - called at once
    found = store.forecasts.of_all(store.definitions(), NOW)
    assert {each.user and each.user.id for each in found} == {f"user-{number:02}" for number in range(5, 15)}


def test_a_caller_is_told_of_what_binds_them(store: Store) -> None:
    use(store, 7)
    use(store, 7, lambda day: 10, user="bob")
    budgets = [
        store.create_budget(Budget("", "each", 10**6, scope=Scope("each_user"))),
        store.create_budget(Budget("", "ann's", 10**6, scope=Scope("user", "ann"))),
        store.create_budget(Budget("", "all", 10**6)),
        store.create_budget(Budget("", "uncounted", None)),
    ]
    bob = Subject("bob", frozenset(("staff",)))
    found = store.forecasts.of_caller(bob, [], budgets, store.definitions(), NOW)
    assert {each.counter.budget.name: (each.forecast.pace, each.used) for each in found} == {
        "each": (10, 70),
        "all": (110, 770),
    }


def test_of_budgets_without_a_limit_it_is_known_what_is_used(store: Store) -> None:
    store.create_budget(Budget("", "all", None, period="month"))
    store.create_budget(Budget("", "each", None, scope=Scope("each_user"), period="month"))
    store.create_budget(Budget("", "bob's", None, unit="requests", scope=Scope("user", "bob")))
    store.create_budget(Budget("", "nobody's", None, scope=Scope("user", "cy")))
    store.create_budget(Budget("", "limited", 10, period="month"))
    use(store, 3)
    use(store, 2, lambda day: 30, user="bob")
    found = store.forecasts.without_limit(store.definitions(), NOW)
    assert [(each.counter.budget.name, each.user and each.user.name, each.used) for each in found] == [
        ("all", None, 360),
        ("each", "Ann", 300),
        ("bob's", "Bob", 2),
        ("nobody's", "cy", 0),
    ]
