"""What is served at /usage/: shells and built files, and nothing of anybody's usage."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from openwebui_usage.host.splicing import add_routes
from openwebui_usage.pages import LOAD_ENTRIES, page_routes
from openwebui_usage.pages.files import built_folder

SHELLS = ("/usage/", "/usage/admin/", "/usage/admin/overview", "/usage/admin/calls/18d63c1f?kind=chat")


@pytest.fixture
def http() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=page_routes()), follow_redirects=False) as client:
        yield client


def assets(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]*assets/[^"]+)"', html)


@pytest.mark.parametrize("path", SHELLS)
def test_all_that_a_shell_names_is_there(http: TestClient, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 200
    names = assets(answer.text)
    assert len(names) >= 3
    for name in names:
        address = answer.url.join(name)
        assert address.path.startswith("/usage/assets/")
        assert http.get(str(address)).status_code == 200


def test_the_admins_shell_is_another_one(http: TestClient) -> None:
    assert http.get("/usage/").text != http.get("/usage/admin/").text


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/usage", "usage/"),
        ("/usage?range=7d", "usage/?range=7d"),
        ("/usage/admin", "admin/"),
        ("/usage/admin?by=user", "admin/?by=user"),
    ],
)
def test_an_address_without_its_slash_leads_to_the_page_wherever_a_proxy_put_it(
    http: TestClient, path: str, to: str
) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, to)


@pytest.mark.parametrize("path", [*SHELLS, "/usage", "/usage/assets/none.js"])
def test_a_strict_policy_holds_for_every_answer(http: TestClient, path: str) -> None:
    headers = http.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", SHELLS[:2])
def test_a_shell_has_nothing_that_the_policy_forbids(http: TestClient, path: str) -> None:
    html = http.get(path).text
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\s(?:style|on\w+)=", html) == []
    assert re.findall(r'(?:src|href)="(?!\.)', html) == []  # absolute addresses


def test_shells_are_asked_for_each_time_and_files_once(http: TestClient) -> None:
    shell = http.get("/usage/")
    assert shell.headers["cache-control"] == "no-cache"
    again = http.get("/usage/", headers={"If-None-Match": shell.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    file = http.get(str(shell.url.join(assets(shell.text)[0])))
    assert "immutable" in file.headers["cache-control"]
    assert re.search(r"-[\w-]{8}\.\w+$", file.url.path)


def test_the_way_from_the_hosts_pages_is_asked_for_each_time(http: TestClient) -> None:
    [address] = re.findall(r'import\("([^"]+)"\)', LOAD_ENTRIES)
    entries = http.get(str(http.base_url.join("/static/loader.js").join(address)))
    assert entries.status_code == 200
    assert entries.headers["content-type"].startswith("text/javascript")
    assert entries.headers["cache-control"] == "no-cache"
    assert http.get("/usage/entries.js", headers={"If-None-Match": entries.headers["etag"]}).status_code == 304


def test_files_are_compressed_for_whoever_takes_that(http: TestClient) -> None:
    script = next(name for name in assets(http.get("/usage/").text) if "my-" in name and name.endswith(".js"))
    plain = http.get(f"/usage/{script}", headers={"Accept-Encoding": "identity"})
    with http.stream("GET", f"/usage/{script}", headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("name", ["none.js", "..%2Fmy.html", "%2e%2e/%2e%2e/usage.js"])
def test_nothing_but_built_files_is_served(http: TestClient, name: str) -> None:
    assert http.get(f"/usage/assets/{name}").status_code == 404


def test_an_address_that_is_deeper_than_any_page_is_none(http: TestClient) -> None:
    assert http.get("/usage/admin/a/b/c").status_code == 200
    assert http.get("/usage/admin/" + "/" * 5000).status_code == 404


def test_without_built_files_there_are_no_pages(tmp_path: Path) -> None:
    assert page_routes(tmp_path) == []


def test_the_routes_come_before_the_hosts_own_page_and_can_be_taken_away() -> None:
    app = FastAPI()
    app.mount("/", PlainTextResponse("host"))
    undo = add_routes(app, page_routes())
    with TestClient(app) as client:
        assert "/assets/my-" in client.get("/usage/").text
        undo()
        assert client.get("/usage/").text == "host"


def test_every_built_file_has_a_hash_in_its_name() -> None:
    names = [path.name for path in (built_folder() / "assets").iterdir() if path.name != "licences.txt"]
    assert [name for name in names if not re.search(r"-[\w-]{8}\.\w+$", name)] == []
