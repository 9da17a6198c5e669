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
