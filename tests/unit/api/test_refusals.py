"""Who was refused, who would have been, and when limits will be reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.clients import Client
from tests.support.recorder import call_row
from tests.support.router import Router

BASE = "/api/usage"


@pytest.fixture(autouse=True)
def _nothing_before(router: Router) -> Iterator[None]:
    yield
    with router.engine.begin() as connection:
        for table in ("usage_refusal", "usage_call", "usage_cube", "usage_total"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def refuse(router: Router) -> Any:
    """Calls of a user for a model that a budget or group refused."""

    def refuse(budget: Budget, user: str | None, model: str, calls: int, amount: int, **info: Any) -> None:
        pending = PendingRefusals()
        groups = [group for group in router.store.definitions().groups if group.holds([model])]
        for _ in range(calls):
            pending.note(CallInfo(model, model, user, user and user.title(), **info), groups, budget, amount)
        pending.write(router.store.add_refusals)

    return refuse


@pytest.fixture
def refused(admin: Client, router: Router, refuse: Any) -> None:
    admin.add_group("GPT", ["gpt-4o"], 5)
    admin.request("POST", f"{BASE}/budgets", {"name": "money", "unit": "usd", "limit": 1})
    definitions = router.store.definitions()
    group, [money] = definitions.groups[0], definitions.budgets
    of_group = Budget(group.id, group.name, group.limit)
    refuse(of_group, "ann", "gpt-4o", 3, 100, user_groups=("staff",), user_group_names=("Staff",))
    refuse(of_group, "bob", "gpt-4o", 1, 70)
    refuse(money, "bob", "o3", 2, 250_000_000, kind="api", connection="c1", connection_name="https://api.example.com")
    refuse(Budget("gone", "deleted since", 5, unit="requests"), None, "o1", 1, 1)


@pytest.mark.usefixtures("refused")
class TestRefusals:
    def test_tell_who_was_refused_by_what_how_often_and_when(self, admin: Client) -> None:
        answer = admin.request("GET", f"{BASE}/refusals")
        shown = [
            (each["user"], each["model"], each["limit"]["kind"], each["limit"]["name"], each["unit"], each["calls"])
            for each in answer["refusals"]
        ]
        ann, bob = {"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}
        assert shown[:2] == [
            (ann, "gpt-4o", "group", "GPT", "tokens", 3),
            (bob, "o3", "budget", "money", "usd", 2),
        ]
        assert (None, "o1", "budget", "deleted since", "requests", 1) in shown
        assert [each["amount"] for each in answer["refusals"][:2]] == [300, 0.5]
        for each in answer["refusals"]:
            assert time.time() - 60 < datetime.fromisoformat(each["first_at"]).timestamp() <= time.time()
            assert each["first_at"] <= each["last_at"]
        assert answer["timezone"] == "UTC"
        assert answer["from"] == datetime.now(UTC).strftime("%Y-%m-01T00:00:00+00:00")

    @pytest.mark.parametrize(
        ("parameters", "calls"),
        [
            ({"user": "ann"}, 3),
            ({"user": ["Ann", "bob"]}, 6),
            ({"model": "gpt*"}, 4),
            ({"model": "gpt*", "user": "bob"}, 1),
            ({"usage_group": "GPT"}, 4),
            ({"user_group": "Staff"}, 3),
            ({"kind": "api"}, 2),
            ({"connection": "https://api.example.com"}, 2),
            ({"user": "nobody of that name"}, 0),
            ({"from": "1999-01-01", "to": "2000-01-01"}, 0),
            ({"limit": 1}, 3),
        ],
        ids=str,
    )
    def test_are_chosen_as_a_reports_calls_are(self, admin: Client, parameters: dict[str, Any], calls: int) -> None:
        answer = admin.request("GET", f"{BASE}/refusals", **parameters)
        assert sum(each["calls"] for each in answer["refusals"]) == calls

    @pytest.mark.parametrize(
        ("parameters", "name", "words"),
        [
            ({"tz": "Mars"}, "tz", "IANA"),
            ({"from": "yesterday"}, "from", "ISO 8601"),
            ({"from": "2026-02-01", "to": "2026-01-01"}, "to", "after"),
            ({"limit": 1001}, "limit", "1000"),
            ({"limit": 0}, "limit", "1"),
            ({"user": "a\0b"}, "user", "NUL"),
        ],
        ids=str,
    )
    def test_say_what_is_wrong_with_a_parameter(
        self, admin: Client, parameters: dict[str, Any], name: str, words: str
    ) -> None:
        answer = admin.get(f"{BASE}/refusals", params=parameters)
        assert answer.status_code == 422, answer.text
        [wrong] = answer.json()["detail"]
        assert wrong["loc"] == ["query", name]
        assert words in wrong["msg"]

    @pytest.mark.parametrize(
        ("who", "calls"), [("admin", 7), ("reader", 7), ("lead", 3), ("user", None), (None, None)], ids=str
    )
    def test_are_told_to_whom_reports_are(self, router: Router, who: str | None, calls: int | None) -> None:
        with router.client(who) as client:
            answer = client.get(f"{BASE}/refusals")
        if calls is None:
            assert answer.status_code == (401 if who is None else 403)
        else:
            assert sum(each["calls"] for each in answer.json()["refusals"]) == calls

    def test_say_whether_their_limit_is_still_there(self, admin: Client) -> None:
        limits = [each["limit"] for each in admin.request("GET", f"{BASE}/refusals")["refusals"]]
        assert {limit["name"] for limit in limits if limit["is_gone"]} == {"deleted since"}

    def test_of_a_limit_have_its_name_of_today(self, admin: Client, router: Router) -> None:
        with router.engine.begin() as connection:
            connection.execute(text("UPDATE usage_group SET name = 'renamed'"))
            connection.execute(text("UPDATE usage_revision SET value = value + 1"))
        names = {each["limit"]["name"] for each in admin.request("GET", f"{BASE}/refusals")["refusals"]}
        assert names == {"renamed", "money", "deleted since"}
        with router.engine.begin() as connection:
            connection.execute(text("UPDATE usage_group SET name = 'GPT'"))
            connection.execute(text("UPDATE usage_revision SET value = value + 1"))


BUDGET = {"name": "fair share", "scope": {"kind": "each_user"}, "unit": "requests", "limit": 2}
TIME = {"from": "2026-03-01", "to": "2026-03-15"}


class TestAPreview:
    def record(self, router: Router, *users: str | None) -> None:
        """A call each an hour, from noon of the second of March."""
        first = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
        router.store.record(
            [
                call_row(
                    "gpt-4o",
                    user_id=user,
                    user_name=user and user.title(),
                    started_at=first + 3600 * number,
                    usage=TokenUsage(input=10),
                )
                for number, user in enumerate(users)
            ]
        )

    def test_tells_whom_a_budget_would_have_refused(self, admin: Client, router: Router) -> None:
        self.record(router, "ann", "bob", "ann", "ann", "ann", "bob", None)
        answer = admin.request("POST", f"{BASE}/budgets/preview", {**BUDGET, **TIME})
        assert answer["refused"] == [
            {"user": {"id": "ann", "name": "Ann"}, "first_at": "2026-03-02T15:00:00Z", "calls": 2, "amount": 2}
        ]
        assert (answer["calls"], answer["amount"], answer["unit"]) == (2, 2, "requests")
        assert (answer["from"], answer["to"]) == ("2026-03-01T00:00:00+00:00", "2026-03-15T00:00:00+00:00")
        assert answer["counted_from"] == "2026-03-01T00:00:00Z"
        assert answer["user_groups_since"]
        assert admin.request("GET", f"{BASE}/budgets") == {"budgets": []}, "it is only looked at"

    def test_cuts_days_in_the_budgets_zone(self, admin: Client, router: Router) -> None:
        self.record(router, *["ann"] * 24)
        budget = {**BUDGET, **TIME, "period": "day", "timezone": "Asia/Tokyo", "to": "2026-03-03"}
        answer = admin.request("POST", f"{BASE}/budgets/preview", budget)
        assert answer["calls"] == 3 - 2, "Tokyo's second of March ends three hours later; the third begins with two"
        assert answer["to"] == "2026-03-03T00:00:00+09:00"

    def test_in_dollars_tells_dollars(self, admin: Client, router: Router) -> None:
        admin.request("PUT", f"{BASE}/prices", {"model": "gpt-4o", "input": 50_000, "output": 0})
        router.store.definitions()
        self.record(router, "ann", "ann")
        budget = {**BUDGET, **TIME, "unit": "usd", "limit": 0.25}
        answer = admin.request("POST", f"{BASE}/budgets/preview", budget)
        assert (answer["amount"], answer["refused"][0]["amount"]) == (0.5, 0.5)

    def test_of_a_name_that_is_taken_is_possible(self, admin: Client, router: Router) -> None:
        admin.request("POST", f"{BASE}/budgets", BUDGET)
        assert admin.request("POST", f"{BASE}/budgets/preview", {**BUDGET, **TIME})["calls"] == 0

    def test_is_of_this_month_by_default(self, admin: Client, router: Router) -> None:
        answer = admin.request("POST", f"{BASE}/budgets/preview", BUDGET)
        assert answer["from"] == datetime.now(UTC).strftime("%Y-%m-01T00:00:00+00:00")

    @pytest.mark.parametrize(
        ("change", "name", "words"),
        [
            ({"from": "soon"}, "from", "ISO 8601"),
            ({"to": "1970-01-01"}, "to", "after"),
            ({"to": "2027-03-03"}, "to", "366 days"),
            ({"limit": -1}, "limit", "0 to"),
            ({"limit": 0.5}, "limit", "whole number"),
            ({"group": "none of that name"}, "group", "no usage group"),
            ({"group": "any", "models": ["any"]}, "group", "not both"),
            ({"timezone": "Mars"}, "timezone", "time zone"),
            ({"until": "2026-03-15"}, "until", "not permitted"),
        ],
        ids=str,
    )
    def test_says_what_is_wrong(self, admin: Client, change: dict[str, Any], name: str, words: str) -> None:
        answer = admin.post(f"{BASE}/budgets/preview", json={**BUDGET, **TIME, **change})
        assert answer.status_code == 422, answer.text
        [wrong] = answer.json()["detail"]
        assert wrong["loc"] == ["body", name]
        assert words in wrong["msg"]


class TestAForecast:
    def record(self, router: Router, model: str, user: str, tokens: int) -> None:
        """A call at noon of each of the ten days before today."""
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        router.store.record(
            [
                call_row(
                    model,
                    user_id=user,
                    user_name=user.title(),
                    started_at=(noon - timedelta(days=days)).timestamp(),
                    usage=TokenUsage(input=tokens),
                )
                for days in range(1, 11)
            ]
        )

    def test_tells_of_every_limit(self, admin: Client, router: Router) -> None:
        admin.add_group("GPT", ["gpt-4o"], 10_000)
        admin.add_group("no limit", ["gpt-4o"])
        admin.add_group("new", ["o9"], 5)
        admin.request("POST", f"{BASE}/budgets", {"name": "each", "scope": {"kind": "each_user"}, "limit": 1200})
        self.record(router, "gpt-4o", "user", 100)
        found = {each["name"]: each for each in admin.request("GET", f"{BASE}/forecast")["forecasts"]}
        assert set(found) == {"GPT", "new", "each"}
        assert (found["GPT"]["kind"], found["GPT"]["pace"], found["GPT"]["used"]) == ("group", 100, 1000)
        assert (found["each"]["kind"], found["each"]["user"]) == ("budget", {"id": "user", "name": "User"})
        assert datetime.fromisoformat(found["each"]["reached_at"]) > datetime.now(UTC)
        assert found["each"]["projection"]["low"] >= 1000
        assert (found["new"]["pace"], found["new"]["projection"], found["new"]["reason"]) == (None, None, "no_history")

    def test_tells_users_of_their_own(self, admin: Client, user: Client, router: Router) -> None:
        admin.add_group("seen", ["gpt-4o"], 10_000)
        admin.add_group("unseen", ["o3-secret"], 10_000)
        for budget in (
            {"name": "each", "scope": {"kind": "each_user"}, "limit": 5000},
            {"name": "another's", "scope": {"kind": "user", "id": "bob"}, "limit": 5000},
            {"name": "of a secret model", "models": ["o3-secret"], "limit": 5000},
            {"name": "staff", "scope": {"kind": "group", "id": "staff"}, "limit": 5000},
        ):
            admin.request("POST", f"{BASE}/budgets", budget)
        self.record(router, "gpt-4o", "user", 10)
        self.record(router, "gpt-4o", "bob", 100)
        found = {each["name"]: each for each in user.request("GET", f"{BASE}/me/forecast")["forecasts"]}
        assert set(found) == {"seen", "each", "staff"}
        assert (found["each"]["pace"], found["each"]["used"], found["each"]["user"]["id"]) == (10, 100, "user")
        assert found["seen"]["pace"] == 110
        assert user.get(f"{BASE}/forecast").status_code == 403
