"""Credit and the journal over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clients import Client

BUDGETS = "/api/usage/budgets"


def test_credit_is_given_listed_and_taken_back(admin: Client, user: Client, name: str) -> None:
    body = {"name": name, "limit": 10, "unit": "usd", "period": "month", "scope": {"kind": "each_user"}}
    admin.request("POST", BUDGETS, body)
    path = f"{BUDGETS}/{name}/credits"
    form = {"user": "user", "amount": 2.5, "note": "Thesis", "expires_at": "2099-12-31T23:00:00+01:00"}
    given = admin.request("POST", path, form)["credit"]
    expected = {
        "amount": 2.5,
        "user": "user",
        "expires_at": "2099-12-31T22:00:00Z",
        "created_by": "Ada",
        "active": True,
    }
    assert given.items() >= expected.items()
    assert admin.request("GET", path) == {"credits": [given]}
    [own] = [budget for budget in user.request("GET", "/api/usage/me")["budgets"] if budget["name"] == name]
    assert (own["limit"], own["remaining"]) == (12.5, 12.5)
    admin.request("DELETE", f"{path}/{given['id']}")
    assert admin.request("GET", path) == {"credits": []}
    assert admin.http.delete(f"{path}/{given['id']}").status_code == 404


@pytest.mark.parametrize(
    ("scope", "form", "field"),
    [
        ("each_user", {"user": "a", "user_group": "b", "amount": 1}, "user"),
        ("everyone", {"user": "a", "amount": 1}, "user"),
        ("everyone", {"user_group": "a", "amount": 1}, "user_group"),
        ("everyone", {"amount": 0}, "amount"),
        ("everyone", {"amount": 1.5}, "amount"),
        ("everyone", {"amount": 1, "note": "x" * 501}, "note"),
        ("everyone", {"amount": 1, "expires_at": "2099-01-01"}, "expires_at"),
        ("everyone", {"amount": 1, "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
    ],
    ids=str,
)
def test_what_cannot_be_names_the_field(admin: Client, name: str, scope: str, form: dict[str, Any], field: str) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 10, "scope": {"kind": scope}})
    answer = admin.post(f"{BUDGETS}/{name}/credits", json=form)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


@pytest.mark.parametrize(
    ("budget", "form", "field"),
    [
        ({"unit": "usd"}, {"amount": "1e-12"}, "amount"),
        ({"period": "last 5 hours"}, {"amount": 1}, "expires_at"),
        ({"period": "hour"}, {"amount": 1, "expires_at": "2099-01-01T00:00:00Z"}, "expires_at"),
    ],
    ids=str,
)
def test_credit_that_would_be_nothing_or_last_too_long_names_the_field(
    admin: Client, name: str, budget: dict[str, Any], form: dict[str, Any], field: str
) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 10, **budget})
    answer = admin.post(f"{BUDGETS}/{name}/credits", json=form)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", field])


def test_a_remainder_that_rounds_to_nothing_names_the_field(admin: Client, name: str) -> None:
    body = {"name": name, "limit": 10, "unit": "usd", "period": "month", "carry_over": "1e-12"}
    answer = admin.post(BUDGETS, json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "carry_over"])


def test_a_budget_with_credit_keeps_its_unit(admin: Client, name: str) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 10, "unit": "usd"})
    given = admin.request("POST", f"{BUDGETS}/{name}/credits", {"amount": 20})["credit"]
    change = {"unit": "tokens", "limit": 10}
    answer = admin.http.put(f"{BUDGETS}/{name}", json=change)
    wrong = {"type": "unit", "loc": ["body", "unit"], "msg": "has credit in usd; take it back first"}
    assert (answer.status_code, answer.json()["detail"]) == (422, [wrong])
    file = f"budgets:\n- name: {name}\n  limit: 10\n  unit: tokens\n"
    answer = admin.http.post("/api/usage/config", content=file.encode())
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "budgets"])
    assert "has credit in usd; take it back first" in answer.json()["detail"][0]["msg"]
    admin.request("DELETE", f"{BUDGETS}/{name}/credits/{given['id']}")
    assert admin.request("PUT", f"{BUDGETS}/{name}", change)["budget"]["unit"] == "tokens"


def test_the_journal_has_pages_and_says_who(admin: Client, name: str) -> None:
    admin.request("POST", BUDGETS, {"name": name, "limit": 10})
    admin.request("PUT", f"{BUDGETS}/{name}", {"limit": 20, "action": "warn"})
    page = admin.request("GET", "/api/usage/journal?limit=1")
    [entry] = page["entries"]
    assert (entry["by"], entry["section"], entry["name"], entry["change"]) == (
        {"id": "admin", "name": "Ada"},
        "budget",
        name,
        "changed",
    )
    assert (entry["before"], entry["after"]) == ({"limit": 10, "action": "block"}, {"limit": 20, "action": "warn"})
    [before] = admin.request("GET", f"/api/usage/journal?limit=1&before={page['next']}")["entries"]
    assert (before["name"], before["change"], before["before"]) == (name, "added", None)
    assert before["id"] < entry["id"]
