"""Groups, budgets and prices come, change and go."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.clients import Client
from tests.support.router import Router

GROUPS, BUDGETS, PRICES = "/api/usage/groups", "/api/usage/budgets", "/api/usage/prices"


class TestAGroup:
    def test_has_a_name_of_its_own(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"], 5)
        answer = admin.post(GROUPS, json={"name": name, "models": []})
        assert (answer.status_code, answer.json()["detail"]) == (409, f'name: a usage group "{name}" exists already.')
        assert admin.usage_groups()[name]["limit"] == 5

    @pytest.mark.parametrize(
        ("method", "path"), [("PUT", ""), ("DELETE", ""), ("POST", "/reset")], ids=["update", "delete", "reset"]
    )
    def test_that_does_not_exist_is_not_found(self, admin: Client, method: str, path: str) -> None:
        body = {"limit": 1} if method == "PUT" else None
        answer = admin.http.request(method, f"{GROUPS}/no such group{path}", json=body)
        assert (answer.status_code, answer.json()["detail"]) == (404, 'There is no usage group "no such group".')

    @pytest.mark.parametrize(
        ("change", "models", "limit"),
        [
            ({}, ["gpt-4o"], 5),
            ({"limit": 7}, ["gpt-4o"], 7),
            ({"limit": 0}, ["gpt-4o"], 0),
            ({"limit": None}, ["gpt-4o"], None),
            ({"models": ["o3*", "o3*", " gpt-4 "]}, ["o3*", "gpt-4"], 5),
            ({"models": []}, [], 5),
            ({"models": ["a"], "limit": None}, ["a"], None),
        ],
        ids=str,
    )
    def test_keeps_what_an_update_leaves_out(
        self, admin: Client, name: str, change: dict[str, Any], models: list[str], limit: int | None
    ) -> None:
        admin.add_group(name, ["gpt-4o"], 5, period="month", timezone="Asia/Kathmandu", action="warn")
        group = admin.request("PUT", f"{GROUPS}/{name}", change)["group"]
        assert (group["models"], group["limit"]) == (models, limit)
        assert (group["period"], group["timezone"], group["action"]) == ("month", "Asia/Kathmandu", "warn")
        assert {"name": name, **admin.usage_groups()[name]} == group

    @pytest.mark.parametrize(
        "name",
        [
            "with spaces",
            "größe 漢字 🙂",
            "100% of gpt-4",
            "a+b&c=d?e#f;g",
            'it\'s "quoted" `so`',
            "<script>alert(1)<|script>",
            "drop table usage_group; --",
            "reset",
            "x" * 100,
        ],
    )
    def test_may_be_called_almost_anything(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"])
        path = f"{GROUPS}/{quote(name, safe='')}"
        assert admin.request("PUT", path, {"limit": 9})["group"]["name"] == name
        assert admin.usage_groups()[name]["limit"] == 9
        assert admin.request("POST", f"{path}/reset")["group"]["name"] == name
        assert admin.request("DELETE", path) == {"status": True}
        assert name not in admin.usage_groups()

    @pytest.mark.parametrize("counting", ["documented", "billed", None])
    def test_counts_as_it_was_told_or_as_is_usual(self, admin: Client, name: str, counting: str | None) -> None:
        assert admin.add_group(name, [], counting=counting)["counting"] == (counting or "documented")

    def test_that_a_budget_counts_is_deleted_with_it_alone(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"])
        for number in (1, 2):
            admin.request("POST", BUDGETS, {"name": f"{name} budget {number}", "group": name, "limit": 0})
        answer = admin.delete(f"{GROUPS}/{name}")
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            f'The usage group "{name}" is what the budgets "{name} budget 1", "{name} budget 2" counts. '
            "Delete the budgets first, or everything with ?cascade=true."
        )
        assert admin.request("DELETE", f"{GROUPS}/{name}?cascade=true") == {"status": True}
        assert admin.request("GET", BUDGETS) == {"budgets": []}

    def test_starts_again_after_a_reset(self, router: Router, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"], 100)
        router.record("gpt-4o", "gpt-4o")
        used = admin.usage_groups()[name]
        assert (used["usage"]["total"], used["usage"]["calls"], used["remaining"]) == (30, 2, 70)
        assert admin.request("POST", f"{GROUPS}/{name}/reset")["group"]["usage"]["total"] == 0
        assert admin.usage_groups()[name]["remaining"] == 100

    def test_that_changes_is_told_of(self, router: Router, admin: Client, name: str) -> None:
        router.changes.clear()
        admin.add_group(name, ["gpt-4o"])
        admin.request("PUT", f"{GROUPS}/{name}", {"limit": 5})
        admin.request("POST", f"{GROUPS}/{name}/reset")
        admin.request("DELETE", f"{GROUPS}/{name}")
        assert router.changes == [[name]] * 4


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
    "reset_at": None,
    "several_groups": "highest",
    "fallback_model": None,
    "slow_up_to": 30,
    "effort_from": None,
    "strict": False,
    "cap_output": False,
    "carry_over": "none",
}


class TestABudget:
    def test_is_as_documented_where_nothing_is_said(self, admin: Client, name: str) -> None:
        made = admin.request("POST", BUDGETS, {"name": name, "limit": 5})
        assert made == {"status": True, "budget": {"name": name, "limit": 5, **DEFAULTS}}

    def test_has_a_name_of_its_own(self, admin: Client, name: str) -> None:
        admin.request("POST", BUDGETS, {"name": name, "limit": 5})
        answer = admin.post(BUDGETS, json={"name": name, "limit": 6})
        assert (answer.status_code, answer.json()["detail"]) == (409, f'name: a budget "{name}" exists already.')
        for method in ("PUT", "DELETE"):
            answer = admin.http.request(method, f"{BUDGETS}/none", json={"limit": 1})
            assert (answer.status_code, answer.json()["detail"]) == (404, 'There is no budget "none".')

    @pytest.mark.parametrize("limit", [None, 0, 10**15, "5"])
    def test_takes_any_limit_that_makes_sense(self, admin: Client, name: str, limit: Any) -> None:
        made = admin.request("POST", BUDGETS, {"name": name, "limit": limit})["budget"]
        assert made["limit"] == (None if limit is None else int(limit))

    @pytest.mark.parametrize(("limit", "kept"), [(0.1 + 0.2, 0.3), ("0.000000001", 1e-9), (10**9, 1e9), (0, 0)])
    def test_in_money_is_kept_to_the_nano_dollar(self, admin: Client, name: str, limit: Any, kept: float) -> None:
        made = admin.request("POST", BUDGETS, {"name": name, "unit": "usd", "limit": limit})["budget"]
        assert made["limit"] == kept

    def test_that_gets_models_points_to_no_group_any_more(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"])
        assert admin.request("POST", BUDGETS, {"name": name, "limit": 5, "group": name})["budget"]["group"] == name
        changed = admin.request("PUT", f"{BUDGETS}/{quote(name)}", {"models": ["o1"]})["budget"]
        assert (changed["group"], changed["models"]) == (None, ["o1"])

    def test_is_shown_to_those_whom_it_binds(self, router: Router, admin: Client, user: Client, name: str) -> None:
        for kind, id_ in (("each_user", None), ("user", "user"), ("group", "staff"), ("user", "somebody else")):
            scope = {"kind": kind, "id": id_}
            form = {"name": f"{name} {id_}", "scope": scope, "models": ["helper"], "unit": "requests", "limit": 3}
            admin.request("POST", BUDGETS, form)
        router.record("helper")
        [each, own, staff] = user.request("GET", "/api/usage/me")["budgets"]
        assert [each["name"], own["name"], staff["name"]] == [f"{name} {id_}" for id_ in (None, "user", "staff")]
        assert (each["used"], each["remaining"]) == (1, 2)


class TestAPrice:
    def test_comes_changes_and_goes(self, admin: Client) -> None:
        price = {"model": "openai/gpt-4o*", "input": 2.5, "output": 10}
        full = {**price, "cached_input": None, "cache_write": None, "request": 0}
        assert admin.request("PUT", PRICES, price) == {"status": True, "price": full}
        fuller = {**full, "cached_input": 1.25, "cache_write": 3, "request": 0.01}
        admin.request("PUT", PRICES, fuller)
        assert admin.request("GET", PRICES) == {"prices": [fuller]}
        assert admin.request("DELETE", f"{PRICES}/{quote(str(price['model']))}") == {"status": True}
        answer = admin.delete(f"{PRICES}/{quote(str(price['model']))}")
        assert (answer.status_code, answer.json()["detail"]) == (404, 'There is no price for "openai/gpt-4o*".')


class TestThePage:
    @pytest.mark.parametrize(
        ("language", "word"), [("de-DE", "Denkaufwand"), ("en-GB", "Reasoning effort"), ("tlh", "Reasoning effort")]
    )
    def test_has_its_words_in_its_language(self, user: Client, language: str, word: str) -> None:
        assert user.request("GET", "/api/usage/page", lang=language)["words"]["effort"] == word

    def test_speaks_english_where_it_does_not_say(self, user: Client) -> None:
        assert user.request("GET", "/api/usage/page")["words"]["high"] == "High"

    def test_has_the_models_with_their_efforts(self, user: Client) -> None:
        assert user.request("GET", "/api/usage/page")["models"] == {
            "gpt-4o": {"name": "GPT-4o", "base": None, "effort": None},
            "helper": {"name": "Helper", "base": "o3", "effort": "medium", "efforts": ["low", "medium", "high"]},
        }

    def test_tells_what_me_tells(self, router: Router, admin: Client, user: Client, name: str) -> None:
        admin.add_group(name, ["o3", "secret"])
        admin.request("POST", BUDGETS, {"name": name, "limit": 1.5, "unit": "usd"})
        page, me = user.request("GET", "/api/usage/page"), user.request("GET", "/api/usage/me")
        assert {what: page[what] for what in me} == me
        assert me["groups"][name]["models"] == ["helper"]
