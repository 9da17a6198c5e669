"""What a budget says of its limit: what is taken, what is said of what is not, and that a file has it, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clients import Client

BUDGETS = "/api/usage/budgets"
GIVEN: dict[str, Any] = {
    "action": "fallback",
    "fallback_model": "gpt-4o-mini",
    "slow_up_to": 60,
    "effort_from": 70,
    "strict": True,
    "cap_output": True,
    "carry_over": 2.5,
}


def test_all_of_it_is_kept_and_exported_and_read_back(admin: Client, name: str) -> None:
    body = {"name": name, "limit": 10, "unit": "usd", "period": "month", **GIVEN}
    made = admin.request("POST", BUDGETS, body)["budget"]
    assert {field: made[field] for field in GIVEN} == GIVEN
    file = admin.get("/api/usage/config").text
    admin.request("PUT", f"{BUDGETS}/{name}", {"action": "block", "carry_over": "all", "strict": False})
    admin.post("/api/usage/config", content=file.encode()).raise_for_status()
    [again] = [budget for budget in admin.request("GET", BUDGETS)["budgets"] if budget["name"] == name]
    assert again == made


def test_what_is_left_out_is_as_it_always_was(admin: Client, name: str) -> None:
    made = admin.request("POST", BUDGETS, {"name": name, "limit": 5})["budget"]
    expected = {"action": "block", "fallback_model": None, "slow_up_to": 30, "effort_from": None}
    expected |= {"strict": False, "cap_output": False, "carry_over": "none"}
    assert {field: made[field] for field in expected} == expected


def test_less_effort_begins_somewhere(admin: Client, name: str) -> None:
    made = admin.request("POST", BUDGETS, {"name": name, "limit": 5, "action": "effort"})["budget"]
    assert made["effort_from"] == 80


def test_less_effort_ends_with_its_action(admin: Client, name: str) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 5, "action": "effort"})
    made = admin.request("PUT", f"{BUDGETS}/{name}", {"action": "block"})["budget"]
    assert made["effort_from"] is None
    made = admin.request("PUT", f"{BUDGETS}/{name}", {"effort_from": 60})["budget"]
    assert (made["action"], made["effort_from"]) == ("block", 60)


@pytest.mark.parametrize("action", ["warn", "slow", "effort"])
def test_what_refuses_nothing_caps_nothing(admin: Client, name: str, action: str) -> None:
    answer = admin.post(BUDGETS, json={"name": name, "limit": 5, "action": action, "cap_output": True})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "cap_output"]


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"action": "fallback"}, "fallback_model", "must be given for the action fallback"),
        ({"fallback_model": " "}, "fallback_model", "must be the id of a model"),
        ({"slow_up_to": 301}, "slow_up_to", "must be a whole number of seconds, 1 to 300 (got 301)"),
        ({"slow_up_to": None}, "slow_up_to", "must be a whole number of seconds, 1 to 300 (got None)"),
        ({"effort_from": 0}, "effort_from", "must be a whole number of percent, 1 to 100, or null (got 0)"),
        ({"carry_over": "some"}, "carry_over", 'must be "none", "all", or an amount'),
        ({"carry_over": 0, "period": "month"}, "carry_over", 'must be "none", "all", or an amount'),
        ({"carry_over": "1e-999999999", "period": "month"}, "carry_over", 'must be "none", "all", or an amount'),
        ({"carry_over": 2.5, "period": "month"}, "carry_over", "must be a whole number of tokens"),
        ({"carry_over": "all"}, "carry_over", "must be none for a budget that never begins anew"),
        ({"carry_over": 5, "period": "last 5 hours"}, "carry_over", "must be none for a budget that never begins anew"),
        ({"action": "explode"}, "action", "Input should be"),
    ],
    ids=str,
)
def test_what_cannot_be_names_the_field(admin: Client, name: str, body: dict[str, Any], field: str, text: str) -> None:
    answer = admin.post(BUDGETS, json={"name": name, "limit": 5, **body})
    assert answer.status_code == 422
    [wrong] = answer.json()["detail"]
    assert wrong["loc"][:2] == ["body", field]
    assert text in wrong["msg"]


def test_another_unit_needs_what_was_carried_in_it(admin: Client, name: str) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 500, "period": "day", "carry_over": 100})
    answer = admin.put(f"{BUDGETS}/{name}", json={"unit": "usd", "limit": 5})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "carry_over"]
    admin.request("PUT", f"{BUDGETS}/{name}", {"unit": "usd", "limit": 5, "carry_over": 1})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"unit": "usd"}, "unit"),
        ({"action": "slow"}, "action"),
        ({"carry_over": "all"}, "carry_over"),
        ({"effort_from": 50}, "effort_from"),
        ({"cap_output": True}, "cap_output"),
    ],
    ids=str,
)
def test_a_minute_has_rules_of_its_own(admin: Client, name: str, body: dict[str, Any], field: str) -> None:
    answer = admin.post(BUDGETS, json={"name": name, "limit": 5, "period": "minute", **body})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]
    made = {"name": name, "limit": 5, "period": "minute", "unit": "requests"}
    assert admin.request("POST", BUDGETS, made)["budget"]["period"] == "minute"
    assert admin.post(f"{BUDGETS}/preview", json=made).status_code == 422
    assert admin.post(f"{BUDGETS}/{name}/credits", json={"amount": 5}).status_code == 422
    [own] = [budget for budget in admin.request("GET", "/api/usage/me")["budgets"] if budget["name"] == name]
    assert (own["period"], own["resets_at"], own["used"]) == ("minute", None, 0)
