"""What Open WebUI's page loads: the admin's script, ours, and later what says how much is usually used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from openwebui_usage.host.assets import LOADER, Served, loader_route


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "loader.js").write_text("theirs()")
    app = FastAPI()
    app.include_router(loader_route(tmp_path, Served()))
    with TestClient(app) as client:
        yield client


def test_the_loader_has_the_admins_script_ours_and_what_loads_more_later(http: TestClient) -> None:
    loader = http.get(LOADER).text
    assert loader.startswith("theirs();\n")
    later = loader.index("/static/openwebui-usage-advice.js")
    assert loader.index("openwebuiUsage") < loader.rindex("(() => {") < later, "it leaves no name behind"


def test_what_is_loaded_later_is_where_the_loader_says_and_asked_for_each_time(http: TestClient) -> None:
    [address] = re.findall(r'"(/static/openwebui-usage[^"]+)"', http.get(LOADER).text)
    script = http.get(address)
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "no-cache"
    assert "/api/usage/typical" in script.text
    again = http.get(address, headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")
