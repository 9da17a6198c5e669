"""Budgets with exceptions, windows, resets and groups that are renamed: what admins and users are told."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.router import Router

BUDGETS, GROUPS, CONFIG = "/api/usage/budgets", "/api/usage/groups", "/api/usage/config"
OVERRIDES: list[dict[str, Any]] = [
    {"user": "lead", "limit": 50},
    {"user_group": "staff", "limit": 30},
    {"user_group": "finance", "limit": 2},
    {"role": "admin", "limit": None},
]
_numbers = itertools.count(1)


def allowance(name: str, **others: Any) -> dict[str, Any]:
    body = {"name": name, "scope": {"kind": "each_user"}, "unit": "usd", "limit": 10, "period": "month"}
    return body | {"overrides": OVERRIDES} | others


def mine(client: Client, name: str) -> dict[str, Any]:
    [found] = [budget for budget in client.request("GET", "/api/usage/me")["budgets"] if budget["name"] == name]
    return found


def said(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    return "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in answer.json()["detail"])


class TestExceptions:
    def test_are_told_as_they_were_given(self, admin: Client, name: str) -> None:
        made = admin.request("POST", BUDGETS, allowance(name))["budget"]
        assert (made["overrides"], made["several_groups"], made["limit"]) == (OVERRIDES, "highest", 10)
        [listed] = admin.request("GET", BUDGETS)["budgets"]
        assert listed == made

    def test_everybody_is_told_the_limit_that_holds_and_why(self, router: Router, admin: Client, name: str) -> None:
        admin.request("POST", BUDGETS, allowance(name))
        told = {}
        for who in ("admin", "user", "lead", "reader"):
            with router.client(who) as client:
                budget = mine(client, name)
                told[who] = (budget["limit"], budget["remaining"], budget["limit_from"])
        assert told == {
            "admin": (None, None, "role"),
            "user": (30, 30, "user_group"),
            "lead": (50, 50, "user"),
            "reader": (2, 2, "user_group"),
        }

    def test_change_with_the_budget(self, admin: Client, user: Client, name: str) -> None:
        admin.request("POST", BUDGETS, allowance(name))
        admin.request("PUT", f"{BUDGETS}/{name}", {"limit": 5})
        assert mine(user, name)["limit"] == 30
        admin.request("PUT", f"{BUDGETS}/{name}", {"overrides": []})
        assert (mine(user, name)["limit"], mine(user, name)["limit_from"]) == (5, "budget")

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"overrides": [{"limit": 5}]}, "overrides.0: must name one of user, user_group and role"),
            (
                {"overrides": [{"user": "a", "role": "admin", "limit": 5}]},
                "overrides.0: must name one of user, user_group and role",
            ),
            ({"overrides": [{"user": "a", "limit": -1}]}, "overrides.0.limit: must be a number, 0 to"),
            ({"overrides": [{"user": "a", "limit": 2 * 10**9}]}, "overrides: entry 0, limit: must be at most"),
            ({"overrides": [{"user": "", "limit": 1}]}, "overrides.0.user: must be the id"),
            ({"several_groups": "median"}, "several_groups:"),
            ({"scope": {"kind": "everyone"}}, 'overrides: the scope "everyone" has one sum for all'),
            ({"scope": {"kind": "role"}}, 'scope: kind "role" needs the id'),
        ],
        ids=str,
    )
    def test_that_make_no_sense_say_which_and_why(
        self, admin: Client, name: str, change: dict[str, Any], text: str
    ) -> None:
        assert text in said(admin.post(BUDGETS, json=allowance(name, **change)))

    def test_are_in_the_budget_s_unit(self, admin: Client, name: str) -> None:
        admin.request("POST", BUDGETS, allowance(name))
        answer = admin.http.request("PUT", f"{BUDGETS}/{name}", json={"unit": "tokens", "limit": 5})
        assert "overrides: must be given together with another unit" in said(answer)
        answer = admin.http.request(
            "PUT",
            f"{BUDGETS}/{name}",
            json={"unit": "tokens", "limit": 5, "overrides": [{"user": "a", "limit": 1.5}]},
        )
        assert "overrides: entry 0, limit: must be a whole number of tokens" in said(answer)

    def test_are_in_the_file_of_all_definitions(self, admin: Client, name: str) -> None:
        made = admin.request("POST", BUDGETS, allowance(name, several_groups="lowest", period="last 30 days"))["budget"]
        text = admin.http.get(CONFIG).text
        assert "period: last 30 days" in text
        admin.request("DELETE", f"{BUDGETS}/{name}")
        answer = admin.http.request("POST", CONFIG, content=text.encode(), headers={"Content-Type": "application/yaml"})
        assert answer.status_code == 200, answer.text
        [again] = admin.request("GET", BUDGETS)["budgets"]
        assert again == made

    def test_say_whom_they_would_have_refused(self, router: Router, admin: Client, name: str) -> None:
        for who in ("user", "lead", "other"):
            router.record("gpt-4o", "gpt-4o", "gpt-4o", "gpt-4o", user_id=who)
        body = allowance(name, unit="requests", limit=1, overrides=[{"user": "lead", "limit": 3}])
        found = admin.request("POST", f"{BUDGETS}/preview", {**body, "models": ["gpt-4o"]})
        refused = {entry["user"]["id"]: entry["calls"] for entry in found["refused"]}
        assert (refused["user"], refused["lead"], refused["other"]) == (3, 1, 3)


class TestWindows:
    @pytest.mark.parametrize(
        ("period", "told"),
        [
            ("hour", "hour"),
            ("quarter", "quarter"),
            ("year", "year"),
            ("14 days from 2026-11-01", "14 days from 2026-11-01"),
            ("last 1 hours", "last 1 hour"),
            ("last 30 days", "last 30 days"),
        ],
    )
    def test_are_what_they_were_called(
        self, router: Router, admin: Client, user: Client, name: str, period: str, told: str
    ) -> None:
        admin.request("POST", BUDGETS, allowance(name, period=period, unit="requests", limit=100, overrides=[]))
        before = mine(user, name)["used"]
        router.record("gpt-4o")
        found = mine(user, name)
        assert (found["period"], found["used"]) == (told, before + 1)
        assert (found["resets_at"] is None) == told.startswith("last")
        assert {each["period"] for each in admin.request("GET", "/api/usage/forecast")["forecasts"]} == {told}

    def test_at_their_limit_say_when_there_is_room_again(
        self, router: Router, admin: Client, user: Client, name: str
    ) -> None:
        router.record("gpt-4o")
        admin.request("POST", BUDGETS, allowance(name, period="last 5 hours", unit="requests", limit=1, overrides=[]))
        found = mine(user, name)
        assert found["remaining"] == 0
        assert found["resets_at"] is not None

    def test_that_are_none_say_what_would_be_right(self, admin: Client, name: str) -> None:
        assert "period: must be total, hour" in said(admin.post(BUDGETS, json=allowance(name, period="fortnight")))
        group = {"name": name, "models": [], "period": "last 5 hours"}
        assert "period" in said(admin.post(GROUPS, json=group)), "the limits of usage groups begin anew"


class TestResets:
    def test_are_remembered_whatever_changes(self, router: Router, admin: Client, user: Client, name: str) -> None:
        admin.request("POST", BUDGETS, allowance(name, unit="requests", limit=100, overrides=[]))
        router.record("gpt-4o", "gpt-4o")
        assert mine(user, name)["used"] >= 2
        made = admin.request("POST", f"{BUDGETS}/{name}/reset")["budget"]
        assert made["reset_at"] is not None
        assert mine(user, name)["used"] == 0
        router.record("gpt-4o")
        for change in (
            {"period": "total"},
            {"period": "last 30 days"},
            {"period": "year", "timezone": "Asia/Tokyo"},
            {"models": ["gpt-*"]},
            {"period": "14 days from 2026-11-01"},
        ):
            admin.request("PUT", f"{BUDGETS}/{name}", change)
            assert mine(user, name)["used"] == 1, change
        admin.request("PUT", f"{BUDGETS}/{name}", {"unit": "tokens", "limit": 1000})
        assert mine(user, name)["used"] == 15
        text = admin.http.get(CONFIG).text.replace("Asia/Tokyo", "UTC")
        admin.http.request("POST", CONFIG, content=text.encode(), headers={"Content-Type": "application/yaml"})
        assert mine(user, name)["used"] == 15, "a file of definitions brings nothing back, either"

    def test_of_what_is_not_there_are_not_found(self, admin: Client) -> None:
        assert admin.post(f"{BUDGETS}/none/reset").status_code == 404


class TestRenaming:
    def test_a_group_leaves_the_budgets_that_count_it(
        self, router: Router, admin: Client, user: Client, name: str
    ) -> None:
        old, new = f"{name} old", f"{name} new"
        admin.add_group(old, ["gpt-4o"])
        admin.request("POST", BUDGETS, allowance(name, unit="requests", limit=5000, group=old, overrides=[]))
        before = mine(user, name)["used"]
        changed = admin.request("PUT", f"{GROUPS}/{old}", {"name": new})["group"]
        assert changed["name"] == new
        assert router.changes[-1] == [new, old], "both names are told to those who look"
        router.record("gpt-4o")
        found = mine(user, name)
        assert (found["group"], found["used"]) == (new, before + 1)
        answer = admin.http.request("DELETE", f"{GROUPS}/{new}")
        assert answer.status_code == 409
        assert f'"{name}"' in answer.json()["detail"]
        assert "no usage group" in said(admin.post(BUDGETS, json=allowance(f"{name} 2", group=old)))
        admin.request("DELETE", f"{GROUPS}/{new}?cascade=true")
        assert admin.request("GET", BUDGETS)["budgets"] == []

    def test_to_a_name_that_is_taken_changes_nothing(self, admin: Client, name: str) -> None:
        one, other = f"{name} one", f"{name} other"
        admin.add_group(one, ["a"])
        admin.add_group(other, ["b"])
        answer = admin.http.request("PUT", f"{GROUPS}/{one}", json={"name": other, "limit": 5})
        assert (answer.status_code, answer.json()["detail"]) == (409, f'name: a usage group "{other}" exists already.')
        assert admin.usage_groups()[one]["limit"] is None
