"""Limits that users set for themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openwebui_usage.ledger.own_limits import OwnLimit
from tests.support.clients import Client
from tests.support.router import Router

PATH = "/api/usage/me/limit"


def test_nobody_has_one_at_first(user: Client) -> None:
    assert user.request("GET", PATH) == {"limit": None}


def used(user: Client) -> int:
    """Tokens, this month."""
    total: int = user.request("GET", "/api/usage/me/report")["totals"]["total"]
    return total


def test_it_says_what_is_used_of_it_by_whoever_set_it(user: Client, router: Router) -> None:
    before = used(user)
    router.record("gpt-4o")
    router.record("gpt-4o", user_id="somebody else")
    form = {"limit": before + 20, "unit": "tokens", "period": "month"}
    limit = user.request("PUT", PATH, form)["limit"]
    assert (limit["used"], limit["remaining"], limit["reached"]) == (before + 15, 5, False)
    router.record("o3")
    limit = user.request("GET", PATH)["limit"]
    assert (limit["used"], limit["remaining"], limit["reached"]) == (before + 30, 0, True)


def test_requests_and_dollars_are_counted_too(user: Client, router: Router) -> None:
    router.record("gpt-4o", "gpt-4o")
    assert user.request("PUT", PATH, {"limit": 2, "unit": "requests", "period": "day"})["limit"]["reached"] is True
    cost = user.request("GET", "/api/usage/me/report")["totals"]["cost"]
    limit = user.request("PUT", PATH, {"limit": 2.5, "unit": "usd"})["limit"]
    assert (limit["limit"], limit["used"]) == (2.5, pytest.approx(cost))


def test_only_whoever_set_it_sees_it(user: Client, admin: Client) -> None:
    user.request("PUT", PATH, {"limit": 20})
    assert admin.request("GET", PATH) == {"limit": None}
    assert admin.request("GET", "/api/usage/budgets") == {"budgets": []}


def test_the_counter_shows_it_among_the_budgets_of_whoever_set_it(user: Client, admin: Client, router: Router) -> None:
    router.changes.clear()
    user.request("PUT", PATH, {"limit": 20, "name": "Enough for me"})
    assert router.changes == []  # Nothing that calls are admitted by; pages are told by the new revision.
    for path in ("/api/usage/me", "/api/usage/page"):
        [budget] = user.request("GET", path)["budgets"]
        assert (budget["name"], budget["scope"], budget["action"]) == ("Enough for me", "own", "warn")
        assert budget["used"] == used(user)
        assert admin.request("GET", path)["budgets"] == []


def test_it_can_be_changed_and_removed(user: Client) -> None:
    user.request("PUT", PATH, {"limit": 20})
    assert user.request("PUT", PATH, {"limit": 30})["limit"]["limit"] == 30
    assert user.request("PUT", PATH, {"limit": None}) == {"limit": None}
    assert user.request("GET", PATH) == {"limit": None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 2.5}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": "much"}, "limit"),
        ({}, "limit"),
        ({"limit": 1, "unit": "euros"}, "unit"),
        ({"limit": 1, "period": "total"}, "period"),
        ({"limit": 1, "timezone": "Mars"}, "timezone"),
        ({"limit": 1, "name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_named(user: Client, body: dict[str, object], field: str) -> None:
    answer = user.http.put(PATH, json=body)
    assert answer.status_code == 422
    assert [item["loc"] for item in answer.json()["detail"]] == [["body", field]]


def test_it_begins_anew_where_the_users_day_begins(router: Router) -> None:
    router.store.own_limits.put("user", OwnLimit(5, "tokens", "day", "Asia/Tokyo"))
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC)
    limits = router.store.own_limits
    assert limits.of("nobody") == {}
    status = limits.status(limits.all(), noon)
    assert list(status) == ["user"]
    assert status["user"].resets_at == datetime(2026, 11, 28, 15, tzinfo=UTC)
