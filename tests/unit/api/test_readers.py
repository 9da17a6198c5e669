"""Who may read reports is set by admins, where the environment does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openwebui_usage.api.readers import FixedReaders
from tests.support.clients import Client
from tests.support.router import Router
from tests.support.tables import give_tables

READERS = "/api/usage/readers"


@pytest.fixture
def fresh(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A router with what the environment says of readers: of everybody, of own groups."""
    router = Router(tmp_path, FixedReaders.of(*getattr(request, "param", ("", ""))))
    give_tables(router.engine)
    yield router
    router.engine.dispose()


def status(router: Router, who: str) -> int:
    with router.client(who) as client:
        return client.http.get("/api/usage/reports").status_code


def put(router: Router, **readers: list[str]) -> Any:
    with router.client("admin") as admin:
        return admin.request("PUT", READERS, readers)["readers"]


def test_nobody_reads_before_they_may_and_after_they_may_no_longer(fresh: Router) -> None:
    assert status(fresh, "reader") == 403
    assert put(fresh, of_everybody=["Finance"])["of_everybody"] == {"user_groups": ["Finance"], "set_by": "admins"}
    assert (status(fresh, "reader"), status(fresh, "lead")) == (200, 403)
    put(fresh, of_own_groups=["leads"])
    assert (status(fresh, "reader"), status(fresh, "lead")) == (403, 200)


@pytest.mark.parametrize("fresh", [("Finance", "")], indirect=True)
def test_the_environment_wins(fresh: Router) -> None:
    assert status(fresh, "reader") == 200
    answer = put(fresh, of_everybody=["Finance"], of_own_groups=["leads"])
    assert answer == {
        "of_everybody": {"user_groups": ["Finance"], "set_by": "environment"},
        "of_own_groups": {"user_groups": ["leads"], "set_by": "admins"},
    }
    with fresh.client("admin") as admin:
        refused = admin.put(READERS, json={"of_everybody": [], "of_own_groups": []})
        assert (refused.status_code, refused.json()["detail"][0]["msg"]) == (
            422,
            "is set by OPENWEBUI_USAGE_REPORT_READERS: change it there",
        )
        assert admin.request("GET", READERS) == answer


@pytest.mark.parametrize(
    "groups", ["Finance", [""], [" "], [1], ["x" * 101], ["a\u202eb"], [f"g{n}" for n in range(1001)]], ids=str
)
def test_bad_names_are_told(admin: Client, groups: Any) -> None:
    answer = admin.put(READERS, json={"of_everybody": groups})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "of_everybody"]
