"""A data directory that was used with the plugin: the doctor looks at it, and the newest Open WebUI goes on with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.doctor import examine
from tests.hosts.world import World
from tests.support.clients import PASSWORD, Client
from tests.support.host import HostEnvironment
from tests.support.matrix import NEWEST_VARIABLE
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider


@pytest.mark.cell("Doctor")
def test_the_doctor_finds_everything_in_order(world: World) -> None:
    world.admin.chat("gpt-4o-mini")
    for model in {row.called_model for row in world.ledger.all() if row.cost_nano is None}:
        world.admin.request("PUT", "/api/usage/prices", {"model": model, "input": 0, "output": 0})
    examine(world.server, "gpt-4o-mini")


def kept(admin: Client) -> dict[str, Any]:
    """What must be the same after an upgrade of Open WebUI."""
    groups = admin.usage_groups()
    budgets = admin.request("GET", "/api/usage/budgets")["budgets"]
    return {
        "groups": {name: (group["models"], group["limit"], group["usage"]) for name, group in groups.items()},
        "budgets": [(each["name"], each["unit"], each["limit"], each["scope"]) for each in budgets],
        "prices": admin.request("GET", "/api/usage/prices")["prices"],
        "report": admin.request("GET", "/api/usage/reports", group_by="user,model")["rows"],
    }


@pytest.mark.cell("Its data in the newest version")
def test_the_newest_version_goes_on_with_everything(
    server: OpenWebUI,
    people: tuple[Client, Client],
    provider: Provider,
    wheel: Path,
    new_log: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    newest = HostEnvironment(Path(os.environ[NEWEST_VARIABLE]))
    if newest.prefix == HostEnvironment.cached().prefix:
        pytest.skip("not there: it is the newest")
    admin, user = people
    admin.add_group("kept", ["gpt-4o-mini"], 1_000_000)
    scope = {"kind": "user", "id": user.id}
    admin.request(
        "POST",
        "/api/usage/budgets",
        {"name": "kept", "scope": scope, "unit": "requests", "limit": 100, "period": "month"},
    )
    admin.request("PUT", "/api/usage/prices", {"model": "gpt-4o-mini", "input": 1, "output": 2})
    user.chat("gpt-4o-mini")
    before, [mine] = kept(admin), user.request("GET", "/api/usage/me")["budgets"]
    assert before["groups"]["kept"][2]["total"] > 0
    server.stop()

    shutil.copytree(server.data, tmp_path / "data")
    host = newest.overlay(tmp_path / "env")
    host.install(wheel)
    upgraded = OpenWebUI(host, tmp_path, provider_url=provider.url, log=new_log("upgraded"))
    try:
        upgraded.start(timeout=840)
        after = kept(upgraded.admin)
        assert after == before
        token = upgraded.sign_in(user.user["email"], PASSWORD)
        token.chat("gpt-4o-mini")
        used = upgraded.admin.usage_groups()["kept"]["usage"]
        assert used["calls"] == before["groups"]["kept"][2]["calls"] + 1
        [budget] = token.request("GET", "/api/usage/me")["budgets"]
        assert (budget["name"], budget["used"]) == ("kept", mine["used"] + 1)
    finally:
        upgraded.discard()
