"""The plugin where there is no shell: a function brings it into an Open WebUI that runs, through the REST API alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openwebui_usage import __version__
from tests.integration.test_paths import ENV, PATHS, World, furnish, someone, walk, world
from tests.support.clients import Client
from tests.support.host import ROOT, HostEnvironment
from tests.support.nightly import mostly_at_night
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider

__all__ = ["someone", "world"]  # Fixtures.

EVERY_DAY = (
    "page",
    "api-chat",
    "channel",
    "direct-connection",
    "messages-native",
    "openai-proxy",
    "ollama-chat",
    "pipe-inner",
)
"""Paths that are walked in each run: one for each place where a late mount finds a function held by somebody else."""
FUNCTION = "usage_bootstrap"
SOURCE = (ROOT / "functions" / f"{FUNCTION}.py").read_text()
REQUIREMENT = f"requirements: /app/backend/data/openwebui_usage-{__version__}-py3-none-any.whl"
TOGGLE = f"/api/v1/functions/id/{FUNCTION}/toggle"


def test_it_asks_for_the_wheel_of_this_version() -> None:
    assert REQUIREMENT in SOURCE.splitlines()


def is_there(client: Client) -> bool:
    return "json" in client.get("/api/usage/groups").headers["content-type"]


@pytest.fixture(scope="module")
def empty_host(new_host: Callable[..., HostEnvironment]) -> HostEnvironment:
    return new_host(plugin=False)


@pytest.fixture(scope="module")
def deployment(
    new_openwebui: Callable[..., OpenWebUI], empty_host: HostEnvironment, wheel: Path, provider_process: Provider
) -> Iterator[OpenWebUI]:
    """Started without the plugin, and given it while it runs."""
    server = new_openwebui(host=empty_host, env={**ENV, "OFFLINE_MODE": "false"})
    try:
        server.start()
        assert not is_there(server.admin)
        server.anonymous().get("/openapi.json")  # What was asked before we came does not stay.
        shutil.copy(wheel, server.data)
        here = f"requirements: {server.data / wheel.name}"
        server.admin.add_function(FUNCTION, SOURCE.replace(REQUIREMENT, here), everywhere=False)
        assert is_there(server.admin), server.process.log_tail()
        furnish(server.admin, provider_process.url)
        yield server
    finally:
        server.discard()


@pytest.mark.parametrize("path", mostly_at_night(PATHS, everyday=EVERY_DAY))
def test_a_path_is_counted_though_the_plugin_came_late(world: World, path: str) -> None:
    walk(world, path)


@pytest.fixture
def admin(deployment: OpenWebUI, provider: Provider) -> Client:
    return deployment.admin


def usage(admin: Client) -> dict[str, Any]:
    found: dict[str, Any] = admin.usage_groups()["all"]["usage"]
    return found


def test_the_page_gets_its_script_and_the_docs_their_endpoints(admin: Client) -> None:
    assert "usage" in admin.get("/static/loader.js").text
    assert "/api/usage/groups" in admin.get("/openapi.json").json()["paths"]


def test_switched_off_it_leaves_and_switched_on_it_comes_back(admin: Client) -> None:
    before = usage(admin)["calls"]
    admin.request("POST", TOGGLE)
    assert not is_there(admin)
    admin.chat("gpt-4o")
    admin.request("POST", TOGGLE)
    assert is_there(admin)
    assert usage(admin)["calls"] == before, "what came meanwhile was not counted"
    admin.chat("gpt-4o")
    assert usage(admin)["calls"] == before + 1


@pytest.mark.parametrize("autoload", [True, False], ids=["and the wheel's autoload line", "alone"])
def test_it_is_there_after_a_restart(
    deployment: OpenWebUI, empty_host: HostEnvironment, provider: Provider, autoload: bool
) -> None:
    if not autoload:  # As on a file system that keeps packages and no .pth file.
        (empty_host.site_packages / "openwebui_usage.pth").unlink(missing_ok=True)
    before = usage(deployment.admin)["calls"]
    deployment.restart()
    wait_until(lambda: is_there(deployment.admin), timeout=10, what="the plugin is there")
    assert usage(deployment.admin)["calls"] == before
    deployment.admin.chat("gpt-4o")
    assert usage(deployment.admin)["calls"] == before + 1
    assert deployment.log_text().count("counts the calls of:") >= 1
    assert "Event function failed" not in deployment.log_text()
