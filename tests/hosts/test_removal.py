"""Taking the plugin out of an Open WebUI of any version, after everything else was tried in it."""

from __future__ import annotations

import httpx
import pytest

from tests.hosts.world import CHAT, MESSAGES
from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider


@pytest.mark.cell("Uninstall")
def test_after_pip_uninstall_open_webui_runs_as_without_us(
    server: OpenWebUI, people: tuple[Client, Client], provider: Provider
) -> None:
    user = people[1]
    server.stop()
    server.host.pip("uninstall", "--yes", "--quiet", "openwebui-usage")
    left = [path.name for path in server.host.site_packages.iterdir() if "usage" in path.name]
    assert left == []
    said_before = len(server.log_text())
    server.start(timeout=840)
    answer = user.post(CHAT, json={"model": "gpt-4o", "messages": MESSAGES})
    assert answer.status_code == httpx.codes.OK
    assert len(provider.ended_calls(1)) == 1
    assert "json" not in user.get("/api/usage/groups").headers["content-type"]
    assert user.get("/static/loader.js").text == ""
    assert "openwebui_usage" not in server.log_text()[said_before:]
