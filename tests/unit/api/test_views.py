"""/api/usage/views: who sees, shares, changes and removes a view, and what a view may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import delete

from openwebui_usage.ledger.schema import usage_view
from openwebui_usage.ledger.views import MOST_VIEWS
from tests.support.router import Router

VIEW = {"page": "overview", "state": "range=month&group=model"}


@pytest.fixture(autouse=True)
def _no_views(router: Router) -> Iterator[None]:
    yield
    with router.engine.begin() as connection:
        connection.execute(delete(usage_view))


def call(router: Router, who: str, method: str, name: str = "", body: Any = None, **parameters: Any) -> Any:
    with router.client(who) as client:
        path = f"/api/usage/views/{quote(name, safe='')}" if name else "/api/usage/views"
        return client.http.request(method, path, json=body, params=parameters)


def seen(router: Router, who: str) -> list[tuple[str, bool]]:
    return [(view["name"], view["shared"]) for view in call(router, who, "GET").json()["views"]]


def test_a_view_comes_back_as_it_was_saved(router: Router) -> None:
    saved = call(router, "user", "PUT", "Cost by model & week", VIEW)
    assert saved.status_code == 200, saved.text
    view = saved.json()["view"]
    assert view.pop("saved_at").endswith("Z")
    assert view == {**VIEW, "name": "Cost by model & week", "shared": False, "author": "Uma", "is_own": True}
    assert call(router, "user", "GET", "Cost by model & week").json() == saved.json()["view"]
    call(router, "user", "PUT", "Cost by model & week", {**VIEW, "state": "range=day"})
    [view] = call(router, "user", "GET").json()["views"]
    assert view["state"] == "range=day"
    assert call(router, "user", "DELETE", "Cost by model & week").json() == {"status": True}
    assert call(router, "user", "DELETE", "Cost by model & week").status_code == 404


def test_a_private_view_is_nobody_elses(router: Router) -> None:
    call(router, "user", "PUT", "mine", VIEW)
    call(router, "admin", "PUT", "mine", {**VIEW, "state": "range=week"})
    assert [seen(router, who) for who in ("user", "admin", "lead", "reader")] == [
        [("mine", False)],
        [("mine", False)],
        [],
        [],
    ]
    assert call(router, "admin", "DELETE", "mine").status_code == 200
    assert call(router, "user", "GET", "mine").json()["state"] == VIEW["state"]


def test_a_shared_view_is_for_those_who_read_reports_of_everybody(router: Router) -> None:
    """It may name people whom a team's lead knows nothing of."""
    assert call(router, "reader", "PUT", "ours", {**VIEW, "shared": True}).status_code == 200
    for who in ("reader", "admin"):
        assert seen(router, who) == [("ours", True)]
        assert call(router, who, "GET", "ours", shared=True).json()["author"] == "Ray"
    for who in ("lead", "user"):
        assert seen(router, who) == []
        for method, body in (("GET", None), ("DELETE", None), ("PUT", {**VIEW, "shared": True})):
            assert call(router, who, method, "ours", body, shared=True).status_code == 403, (who, method)
    assert call(router, "reader", "GET", "ours").status_code == 404, "it is no private one"


def test_a_shared_view_is_changed_by_its_author_and_by_admins(router: Router) -> None:
    shared = {**VIEW, "shared": True}
    call(router, "admin", "PUT", "ours", shared)
    for method, body in (("PUT", shared), ("DELETE", None)):
        answer = call(router, "reader", method, "ours", body, shared=True)
        assert answer.status_code == 403
        assert "another name" in answer.json()["detail"]
    call(router, "reader", "PUT", "theirs", shared)
    assert call(router, "admin", "PUT", "theirs", {**shared, "state": "x=1"}).json()["view"]["author"] == "Ada"
    assert call(router, "admin", "DELETE", "theirs", shared=True).status_code == 200


def test_there_is_room_for_a_hundred(router: Router) -> None:
    for number in range(MOST_VIEWS):
        call(router, "user", "PUT", f"view {number}", VIEW)
    refused = call(router, "user", "PUT", "one more", VIEW)
    assert refused.status_code == 409
    assert str(MOST_VIEWS) in refused.json()["detail"]
    assert call(router, "user", "PUT", "view 7", VIEW).status_code == 200
    assert call(router, "admin", "PUT", "one more", VIEW).status_code == 200


@pytest.mark.parametrize(
    ("name", "change", "field", "words"),
    [
        ("x" * 101, {}, "name", "1 to 100"),
        ("a\u202eb", {}, "name", "control characters"),
        ("v", {"state": "x" * 4097}, "state", "4096"),
        ("v", {"state": "a b"}, "state", "query"),
        ("v", {"state": "a=1#b"}, "state", "query"),
        ("v", {"state": "ä=1"}, "state", "query"),
        ("v", {"state": 5}, "state", "query"),
        ("v", {"page": "Overview"}, "page", "name of a page"),
        ("v", {"page": "../x"}, "page", "name of a page"),
        ("v", {"shared": "perhaps"}, "shared", "boolean"),
        ("v", {"owner": "admin"}, "owner", "not permitted"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(router: Router, name: str, change: dict[str, Any], field: str, words: str) -> None:
    answer = call(router, "user", "PUT", name, {**VIEW, **change})
    assert answer.status_code == 422, answer.text
    [wrong] = answer.json()["detail"]
    assert wrong["loc"][-1] == field
    assert words in wrong["msg"]
    assert seen(router, "user") == []
