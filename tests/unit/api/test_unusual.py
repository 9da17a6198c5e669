"""/api/usage/unusual-users: who used far more in the last day than usual, and who is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from openwebui_usage.ledger.unusual import UnusualQuery
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables

DAY = 86_400
PATH = "/api/usage/unusual-users"

# Tokens on each of the days before, and in the last 24 hours; a million cost a dollar.
PEOPLE: dict[str, tuple[list[int], int]] = {
    "even": ([1_000_000] * 20, 1_500_000),
    "doubled": ([1_000_000] * 20, 2_500_000),
    "ten times": ([2_000_000] * 20, 20_000_000),
    "little": ([1_000] * 20, 900_000),
    "new": ([], 7_000_000),
    "away": ([5_000_000] * 20, 0),
}


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    router = Router(tmp_path_factory.mktemp("router"))
    give_tables(router.engine)
    router.store.put_price(Price("*", Decimal(1), Decimal(1)))
    now = time.time()
    rows = []
    for name, (days, last) in PEOPLE.items():
        groups = ("staff",) if name == "new" else ()
        amounts = [(3600, last), *((DAY * (number + 2), tokens) for number, tokens in enumerate(days))]
        rows += [
            call_row(
                "gpt-4o",
                started_at=now - ago,
                user_id=f"id of {name}",
                user_name=name,
                user_groups=groups,
                user_group_names=tuple(map(str.capitalize, groups)),
                usage=TokenUsage(input=tokens),
            )
            for ago, tokens in amounts
            if tokens
        ]
    rows.append(call_row("gpt-4o", started_at=now - 60, usage=TokenUsage(input=50_000_000)))
    router.store.record(rows)
    yield router
    router.engine.dispose()


def ask(router: Router, who: str = "admin", **parameters: Any) -> dict[str, Any]:
    with router.client(who) as client:
        answer = client.http.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def names(answer: dict[str, Any]) -> list[str]:
    return [each["user"]["name"] for each in answer["users"]]


def test_those_far_beyond_their_usual_day_are_told(router: Router) -> None:
    answer = ask(router)
    assert names(answer) == ["new", "ten times", "doubled"]
    found = {each["user"]["name"]: each for each in answer["users"]}
    assert found["ten times"] == {
        "user": {"id": "id of ten times", "name": "ten times"},
        "calls": 1,
        "unusual": ["cost", "tokens"],
        "cost": {"last_day": 20, "usual_day": 2, "threshold": 5, "days": 20},
        "tokens": {"last_day": 20_000_000, "usual_day": 2_000_000, "threshold": 4_000_000, "days": 20},
    }
    assert found["doubled"]["unusual"] == ["tokens"], "its 2.50 dollars are below the floor"
    assert (found["new"]["tokens"]["usual_day"], found["new"]["tokens"]["days"]) == (0, 0)
    assert answer["days"] == 30


def test_what_is_much_is_for_the_caller_to_say(router: Router) -> None:
    assert names(ask(router, least_cost=10, least_tokens=10_000_000)) == ["ten times"]
    assert "little" in names(ask(router, least_cost=0.5, least_tokens=1000))
    assert names(ask(router, least_cost=10**9, least_tokens=10**15)) == []


def test_a_lead_is_told_of_the_team_alone(router: Router) -> None:
    assert names(ask(router, "lead")) == ["new"]
    assert names(ask(router, "reader")) == names(ask(router))


def test_the_last_day_and_the_days_before_do_not_overlap() -> None:
    query = UnusualQuery(datetime(2026, 11, 28, 21, 40, 3, tzinfo=UTC), 0, 0, 6)
    last, before = query.last_day, query.days_before
    assert (last.iso(last.start), last.iso(last.end)) == ("2026-11-27T21:45:00+00:00", "2026-11-28T21:45:00+00:00")
    assert (before.iso(before.start), before.iso(before.end)) == (
        "2026-10-28T00:00:00+00:00",
        "2026-11-27T00:00:00+00:00",
    )
