"""Budgets and prices over HTTP, and what a user sees of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from openwebui_usage.rules.periods import period_at
from tests.support.clients import Client
from tests.support.provider import Provider

BUDGETS, PRICES, ME = "/api/usage/budgets", "/api/usage/prices", "/api/usage/me"
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"budget {next(_numbers)}"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    yield
    admin.forget_definitions()


def status(client: Client, model: str = "gpt-4o-mini") -> int:
    form = {"model": model, "messages": [{"role": "user", "content": "Hello there"}]}
    return client.post("/api/chat/completions", json=form).status_code


def own(client: Client, name: str) -> dict[str, Any]:
    [found] = [budget for budget in client.request("GET", ME)["budgets"] if budget["name"] == name]
    return dict(found)


DEFAULTS = {
    "scope": {"kind": "everyone", "id": None},
    "models": ["*"],
    "group": None,
    "unit": "tokens",
    "period": "total",
    "timezone": "UTC",
    "action": "block",
    "soft_limits": [80, 95],
    "counting": "documented",
    "free_models_exempt": True,
    "overrides": [],
    "several_groups": "highest",
    "reset_at": None,
    "fallback_model": None,
    "slow_up_to": 30,
    "effort_from": None,
    "strict": False,
    "cap_output": False,
    "carry_over": "none",
}


class TestABudget:
    def test_comes_changes_and_goes(self, admin: Client, name: str) -> None:
        made = admin.request("POST", BUDGETS, {"name": name, "limit": 5})
        assert made == {"status": True, "budget": {"name": name, "limit": 5, **DEFAULTS}}
        changes = {
            "limit": 12.5,
            "unit": "usd",
            "scope": {"kind": "each_user_of_group", "id": "staff"},
            "models": ["gpt-4o*", "o1"],
            "period": "week",
            "timezone": "Europe/Berlin",
            "action": "warn",
            "soft_limits": [50],
            "counting": "billed",
            "free_models_exempt": False,
        }
        path = f"{BUDGETS}/{quote(name)}"
        changed = admin.request("PUT", path, changes)["budget"]
        assert changed == {**DEFAULTS, "name": name, **changes}
        assert admin.request("PUT", path, {})["budget"] == changed
        assert admin.request("GET", BUDGETS) == {"budgets": [changed]}
        assert admin.request("DELETE", path) == {"status": True}
        assert admin.request("GET", BUDGETS) == {"budgets": []}

    def test_keeps_its_usage_group_from_being_deleted(self, admin: Client, user: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o-mini"])
        scope = {"kind": "user", "id": user.id}
        form = {"name": f"{name} budget", "group": name, "scope": scope, "unit": "requests", "limit": 0}
        admin.request("POST", BUDGETS, form)
        path = f"/api/usage/groups/{quote(name)}"
        answer = admin.delete(path)
        assert answer.status_code == 409
        assert f'"{name} budget"' in answer.json()["detail"]
        assert "?cascade=true" in answer.json()["detail"]
        assert status(user) == 429
        assert admin.request("DELETE", f"{path}?cascade=true") == {"status": True}
        assert admin.request("GET", BUDGETS) == {"budgets": []}
        assert status(user) == 200

    def test_is_never_given_the_limit_of_another_unit(self, admin: Client, name: str) -> None:
        """However changes of both meet: $5 never become 5 tokens, nor the other way round."""
        admin.request("POST", BUDGETS, {"name": name, "limit": 7})
        path = f"{BUDGETS}/{quote(name)}"
        forms = [{"unit": "usd", "limit": 5}, {"limit": 9}, {"unit": "tokens", "limit": 7}] * 8
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda form: admin.put(path, json=form), forms))
        assert {answer.status_code for answer in answers} == {200}
        for answer in answers:
            budget = answer.json()["budget"]
            assert (budget["unit"], budget["limit"]) in {("usd", 5), ("usd", 9), ("tokens", 7), ("tokens", 9)}


class TestWhatAUserSees:
    def test_is_each_budget_with_what_is_left(self, admin: Client, user: Client, name: str) -> None:
        form = {"name": name, "scope": {"kind": "each_user"}, "unit": "requests", "limit": 3, "period": "month"}
        admin.request("POST", BUDGETS, {**form, "timezone": "Asia/Kathmandu"})
        assert status(user) == 200
        ends_at = period_at("month", "Asia/Kathmandu", datetime.now(UTC)).ends_at
        assert ends_at is not None
        expected = {
            "name": name,
            "scope": "each_user",
            "unit": "requests",
            "limit": 3,
            "used": 1,
            "remaining": 2,
            "period": "month",
            "resets_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}",
            "models": ["*"],
            "group": None,
            "action": "block",
            "limit_from": "budget",
        }
        found = own(user, name)
        assert {field: found[field] for field in expected} == expected
        assert set(user.request("GET", ME)) == {"budgets", "groups"}

    def test_never_falls_below_nothing(self, admin: Client, user: Client, name: str) -> None:
        admin.request("POST", BUDGETS, {"name": name, "limit": 1, "action": "warn"})
        assert [status(user), status(user)] == [200, 200]
        assert own(user, name)["remaining"] == 0
        assert own(user, name)["used"] > 1


class TestWhomABudgetBinds:
    """Two of a user group, and one beside it."""

    @pytest.fixture
    def people(self, admin: Client, user: Client, name: str) -> tuple[str, Client, Client, Client]:
        group = admin.request("POST", "/api/v1/groups/create", {"name": name, "description": ""})
        second, beside = admin.add_user(), admin.add_user()
        ids = {"user_ids": [user.id, second.id]}
        admin.request("POST", f"/api/v1/groups/id/{group['id']}/users/add", ids)
        return group["id"], user, second, beside

    @pytest.mark.parametrize(
        ("kind", "answers"),
        [
            # After the first member has made the one call: again, the second member, somebody else.
            ("everyone", [429, 429, 429]),
            ("each_user", [429, 200, 200]),
            ("user", [429, 200, 200]),
            ("group", [429, 429, 200]),
            ("each_user_of_group", [429, 200, 200]),
        ],
    )
    def test_shares_it_or_has_it_for_himself(
        self, admin: Client, people: tuple[str, Client, Client, Client], name: str, kind: str, answers: list[int]
    ) -> None:
        group, first, second, beside = people
        who = {"user": first.id, "group": group, "each_user_of_group": group}.get(kind)
        scope = {"kind": kind} if who is None else {"kind": kind, "id": who}
        admin.request(
            "POST", BUDGETS, {"name": name, "scope": scope, "unit": "requests", "limit": 1, "models": ["gpt-4o-mini"]}
        )
        if kind == "everyone":  # It starts with what others have used.
            admin.request("PUT", f"{BUDGETS}/{quote(name)}", {"limit": 1 + own(first, name)["used"]})
        assert status(first) == 200
        assert [status(client) for client in (first, second, beside)] == answers

    def test_of_each_of_a_group_is_told_apart(
        self, admin: Client, people: tuple[str, Client, Client, Client], name: str
    ) -> None:
        group, first, second, beside = people
        scope = {"kind": "each_user_of_group", "id": group}
        admin.request("POST", BUDGETS, {"name": name, "scope": scope, "unit": "requests", "limit": 5})
        assert [status(client) for client in (first, first, second, beside)] == 4 * [200]
        assert [own(client, name)["used"] for client in (first, second)] == [2, 1]
        assert not [each for each in beside.request("GET", ME)["budgets"] if each["name"] == name]


class TestWhatABudgetCounts:
    def test_is_a_usage_group_where_it_names_one(self, admin: Client, user: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o-mini"])
        form = {"name": name, "group": name, "scope": {"kind": "user", "id": user.id}, "unit": "requests", "limit": 0}
        admin.request("POST", BUDGETS, form)
        assert [status(user, model) for model in ("gpt-4o-mini", "gpt-4o")] == [429, 200]
        admin.request("PUT", f"/api/usage/groups/{quote(name)}", {"models": ["gpt-4o"]})
        assert [status(user, model) for model in ("gpt-4o-mini", "gpt-4o")] == [200, 429]

    def test_starts_with_the_ledgers_rows_of_its_period(self, admin: Client, user: Client, name: str) -> None:
        status(user)
        status(user, "gpt-4o")
        scope = {"kind": "user", "id": user.id}
        for period in ("total", "month", "week", "day"):
            form = {"name": f"{name} {period}", "scope": scope, "unit": "requests", "limit": 9, "period": period}
            admin.request("POST", BUDGETS, {**form, "models": ["gpt-4o-mini"]})
            assert own(user, f"{name} {period}")["used"] == 1
            admin.request("PUT", f"{BUDGETS}/{quote(name)}%20{period}", {"models": ["*"]})
            assert own(user, f"{name} {period}")["used"] == 2

    def test_is_tokens_as_billed_or_as_documented(self, admin: Client, user: Client, provider: Provider) -> None:
        provider.behave("o3-mini", prompt=10, visible=5, reasoning=20)
        scope = {"kind": "user", "id": user.id}
        for counting in ("documented", "billed"):
            admin.request("POST", BUDGETS, {"name": counting, "scope": scope, "limit": 900, "counting": counting})
        assert status(user, "o3-mini") == 200
        assert [own(user, counting)["used"] for counting in ("documented", "billed")] == [55, 35]


class TestPrices:
    def test_come_change_and_go(self, admin: Client) -> None:
        price = {"model": "openai/gpt-4o*", "input": 2.5, "output": 10}
        full = {**price, "cached_input": None, "cache_write": None, "request": 0}
        assert admin.request("PUT", PRICES, price) == {"status": True, "price": full}
        fuller = {**full, "cached_input": 1.25, "cache_write": 3, "request": 0.01}
        admin.request("PUT", PRICES, fuller)
        assert admin.request("GET", PRICES) == {"prices": [fuller]}
        assert admin.request("DELETE", f"{PRICES}/{quote(price['model'])}") == {"status": True}
        answer = admin.delete(f"{PRICES}/{quote(str(price['model']))}")
        assert answer.status_code == 404
        assert 'no price for "openai/gpt-4o*"' in answer.json()["detail"]

    def test_hold_for_calls_that_come_and_not_for_those_that_were(
        self, admin: Client, provider: Provider, name: str
    ) -> None:
        provider.behave("gpt-4o-mini", prompt=100, cached=40, visible=10)
        admin.add_group(name, ["gpt-4o-mini"])
        price = {"model": "gpt-4o-mini", "input": 10, "cached_input": 1, "output": 20, "request": 0.5}
        admin.request("PUT", PRICES, price)
        assert status(admin) == 200
        cost = 0.5 + (60 * 10 + 40 * 1 + 10 * 20) / 10**6
        assert admin.usage_groups()[name]["usage"]["cost"] == pytest.approx(cost, abs=1e-9)
        admin.request("PUT", PRICES, {**price, "request": 7})
        assert admin.usage_groups()[name]["usage"]["cost"] == pytest.approx(cost, abs=1e-9)
        assert status(admin) == 200
        assert admin.usage_groups()[name]["usage"]["cost"] == pytest.approx(2 * cost + 6.5, abs=1e-9)

    def test_that_nobody_knows_are_not_nothing(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["llama3.2:latest"])
        assert status(admin, "llama3.2:latest") == 200
        usage = admin.usage_groups()[name]["usage"]
        assert (usage["cost"], usage["unpriced_calls"]) == (None, 1)
        admin.request("PUT", PRICES, {"model": "llama*", "input": 0, "output": 0})
        assert status(admin, "llama3.2:latest") == 200
        usage = admin.usage_groups()[name]["usage"]
        assert (usage["cost"], usage["unpriced_calls"], usage["calls"]) == (None, 1, 2)
        admin.request("POST", f"/api/usage/groups/{quote(name)}/reset")
        assert status(admin, "llama3.2:latest") == 200
        usage = admin.usage_groups()[name]["usage"]
        assert (usage["cost"], usage["unpriced_calls"], usage["calls"]) == (0, 0, 1)

    def test_that_the_provider_tells_count_where_the_admin_says_nothing(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["openrouter-auto"])
        assert status(admin, "openrouter-auto") == 200
        assert admin.usage_groups()[name]["usage"]["cost"] == 0.00042
