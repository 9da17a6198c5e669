"""The groups over HTTP: the documented requests word for word, who may do what, and what no group may be."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider

CREATE = r"""
curl -X POST "http://localhost:8081/api/usage/groups" \
     -H "Authorization: Bearer YOUR_TOKEN" \
     -H "Content-Type: application/json" \
     -d '{
       "name": "gpt-4-group",
       "models": ["gpt-4", "gpt-4o"],
       "limit": 1000000
     }'
"""
VIEW = r"""
curl "http://localhost:8081/api/usage/groups" \
     -H "Authorization: Bearer YOUR_TOKEN"
"""
GROUPS = "/api/usage/groups"
NOTHING = {"in": 0, "out": 0, "total": 0}

_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """A group's name that no other test has."""
    return f"group {next(_numbers)}"


@pytest.fixture(autouse=True)
def no_groups_left(admin: Client) -> Iterator[None]:
    yield
    admin.forget_definitions()


@pytest.fixture(scope="module")
def strict_openwebui(new_openwebui: Callable[..., OpenWebUI]) -> Iterator[OpenWebUI]:
    """As in production: no docs of the host's own, and models only for those whom they are shared with."""
    server = new_openwebui(env={"ENV": "prod", "BYPASS_MODEL_ACCESS_CONTROL": "false"})
    try:
        yield server.start()
    finally:
        server.discard()


def documented(group: dict[str, Any]) -> dict[str, Any]:
    """The documented fields of a group; more are allowed, these never change."""
    usage = {key: group["usage"][key] for key in ("in", "out", "total")}
    return {"models": group["models"], "limit": group["limit"], "usage": usage}


class TestTheDocumentedRequests:
    def shell(self, command: str, client: Client) -> Any:
        command = command.replace("localhost:8081", client.url.removeprefix("http://"))
        command = command.replace("YOUR_TOKEN", str(client.token)).replace("curl ", "curl --silent --noproxy '*' ", 1)
        return json.loads(subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout)

    def test_work_word_for_word(self, admin: Client) -> None:
        created = self.shell(CREATE, admin)
        assert created["status"] is True
        assert created["group"]["name"] == "gpt-4-group"
        expected = {"models": ["gpt-4", "gpt-4o"], "limit": 1_000_000, "usage": NOTHING}
        assert documented(created["group"]) == expected
        seen = self.shell(VIEW, admin)
        assert list(seen) == ["groups"]
        assert {name: documented(group) for name, group in seen["groups"].items()} == {"gpt-4-group": expected}

    def test_count_what_the_provider_billed(self, admin: Client, user: Client, provider: Provider) -> None:
        self.shell(CREATE, admin)
        admin.chat("gpt-4o")
        user.stream("gpt-4o")
        user.chat("gpt-4o-mini")
        usage = self.shell(VIEW, admin)["groups"]["gpt-4-group"]["usage"]
        assert {key: usage[key] for key in NOTHING} == {"in": 2 * 1234, "out": 2 * 56, "total": 2 * 1290}

    def test_update_and_delete(self, admin: Client) -> None:
        self.shell(CREATE, admin)
        changed = admin.request("PUT", f"{GROUPS}/gpt-4-group", {"models": ["updated-models"], "limit": 2_000_000})
        assert changed["status"] is True
        assert documented(changed["group"]) == {"models": ["updated-models"], "limit": 2_000_000, "usage": NOTHING}
        assert admin.request("DELETE", f"{GROUPS}/gpt-4-group") == {"status": True}
        assert admin.usage_groups() == {}


# More of both in tests/unit/api; these have something that a server or its middleware could stumble over.
BAD_FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a name with a NUL": ({"name": "a\x00b"}, "name", "control characters"),
    "a name with half a character": ({"name": "\ud800"}, "name", "control characters"),
    "no number for a limit": ({"limit": float("nan")}, "limit", "whole number of tokens"),
}
BAD_BODIES = {
    "no UTF-8": b'{"name": "\xff\xfe", "models": []}',
    "deep nesting": b'{"name": "x", "models": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "five megabytes": json.dumps({"name": "x" * 5_000_000, "models": []}).encode(),
}
JSON_TYPE = {"Content-Type": "application/json"}


class TestBadInput:
    @pytest.mark.parametrize(("change", "field", "words"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
    def test_names_the_field_and_stores_nothing(
        self, admin: Client, change: dict[str, Any], field: str, words: str
    ) -> None:
        body = json.dumps({"name": "new", "models": ["gpt-4o"], "limit": 5} | change)
        answer = admin.post(GROUPS, content=body, headers=JSON_TYPE)
        assert answer.status_code == 422, answer.text
        [error] = answer.json()["detail"]
        assert error["loc"] == ["body", field]
        assert words in error["msg"]
        assert admin.usage_groups() == {}

    @pytest.mark.parametrize("content", BAD_BODIES.values(), ids=BAD_BODIES.keys())
    def test_of_any_kind_is_refused(self, admin: Client, content: bytes) -> None:
        answer = admin.post(GROUPS, content=content, headers=JSON_TYPE)
        assert answer.status_code in (400, 413, 422), answer.text
        assert answer.json()["detail"]
        assert len(answer.content) < 10_000
        assert admin.usage_groups() == {}


class TestGroups:
    @pytest.mark.parametrize(
        "name",
        [
            "größe 漢字 🙂",
            "100% of gpt-4",
            "%2e%2e",
            "a+b&c=d?e#f;g",
        ],
    )
    def test_may_be_called_almost_anything(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"])
        path = f"{GROUPS}/{quote(name, safe='')}"
        assert admin.request("PUT", path, {"limit": 9})["group"]["name"] == name
        assert admin.usage_groups()[name]["limit"] == 9
        assert admin.request("POST", f"{path}/reset")["group"]["name"] == name
        assert admin.request("DELETE", path) == {"status": True}
        assert name not in admin.usage_groups()

    def test_are_reset_by_no_other_sites_page(self, admin: Client, name: str) -> None:
        """A browser adds the cookie to any page's request, and this one needs no body."""
        admin.add_group(name, ["gpt-4o"])
        admin.chat("gpt-4o")
        path = f"{admin.url}{GROUPS}/{name}/reset"
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        cookie = {"Cookie": f"token={admin.token}"}
        assert httpx.post(path, headers={**cookie, **foreign}, trust_env=False).status_code == 403
        assert httpx.post(path, headers=cookie, data={"a": "b"}, trust_env=False).status_code == 403
        assert admin.usage_groups()[name]["usage"]["total"]
        bearer = {"Authorization": f"Bearer {admin.token}"}
        assert httpx.post(path, headers=bearer, trust_env=False).status_code == 200
        assert not admin.usage_groups()[name]["usage"]["total"]

    def test_start_again_after_a_reset(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o"], 10_000)
        admin.add_group(f"{name} too", ["gpt-4*"])
        admin.chat("gpt-4o")
        group = admin.request("POST", f"{GROUPS}/{name}/reset")["group"]
        assert documented(group) == {"models": ["gpt-4o"], "limit": 10_000, "usage": NOTHING}
        admin.chat("gpt-4o")
        groups = admin.usage_groups()
        assert (groups[name]["usage"]["total"], groups[f"{name} too"]["usage"]["total"]) == (1290, 2580)

    def test_are_made_once_however_many_ask(self, openwebui: OpenWebUI, admin: Client, name: str) -> None:
        def create(number: int) -> int:
            with httpx.Client(base_url=openwebui.url, headers=admin.http.headers, trust_env=False) as client:
                body = {"name": name, "models": ["gpt-4o"], "limit": number}
                return client.post(GROUPS, json=body, timeout=60).status_code

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            statuses = sorted(pool.map(create, range(12)))
        assert statuses == [200] + 11 * [409]
        assert len(admin.usage_groups()) == 1

    def test_leave_open_webuis_own_usage_alone(
        self, openwebui: OpenWebUI, admin: Client, bare_openwebui: OpenWebUI
    ) -> None:
        ours, theirs = admin.get("/api/usage"), bare_openwebui.admin.get("/api/usage")
        assert (ours.status_code, ours.json().keys()) == (theirs.status_code, theirs.json().keys())
        assert ours.json()["model_ids"] == []
        assert openwebui.anonymous().get("/api/usage").status_code == 401

    def test_are_seen_by_those_who_can_use_a_model_of_theirs(self, strict_openwebui: OpenWebUI) -> None:
        admin = strict_openwebui.admin
        admin.models(refresh=True)
        admin.add_model("shared-helper", base="gpt-4o")
        admin.add_model("gpt-4o", public=True)
        admin.add_model("secret-helper", base="o3-mini", public=False)
        for name, models in {
            "by base": ["gpt-4o"],
            "by id": ["shared-*"],
            "secret": ["secret-helper"],
            "unshared": ["o3-mini"],
            "unknown": ["no-such-model"],
            "empty": [],
        }.items():
            admin.add_group(name, models)
        user = admin.add_user()
        assert set(user.usage_groups()) == {"by base", "by id"}
        assert set(user.request("GET", "/api/usage/page")["models"]) == {"gpt-4o", "shared-helper"}
        assert len(admin.usage_groups()) == 6


class TestPage:
    """What the page's script is told, beside groups, budgets and models."""

    def test_its_words_in_its_language(self, user: Client) -> None:
        assert user.request("GET", "/api/usage/page", lang="de-DE")["words"]["effort"] == "Denkaufwand"


class TestDocs:
    def test_are_open_webuis_own_where_it_has_some(self, openwebui: OpenWebUI) -> None:
        assert openwebui.anonymous().get("/docs").status_code == 200
        paths = openwebui.anonymous().get("/openapi.json").json()["paths"]
        assert {GROUPS, f"{GROUPS}/{{name}}", f"{GROUPS}/{{name}}/reset", "/api/chat/completions"} <= set(paths)
        assert next(iter(paths)).startswith("/api/usage/")

    def test_leave_what_open_webui_says_of_its_own_as_it_was(
        self, openwebui: OpenWebUI, bare_openwebui: OpenWebUI
    ) -> None:
        """A model of ours by the name of one of theirs would rename both."""
        ours, theirs = (each.anonymous().get("/openapi.json").json() for each in (openwebui, bare_openwebui))
        assert {path: ours["paths"].get(path) for path in theirs["paths"]} == theirs["paths"]
        schemas = theirs["components"]["schemas"]
        assert {name: ours["components"]["schemas"].get(name) for name in schemas} == schemas

    def test_of_ours_alone_are_at_a_place_of_their_own(self, openwebui: OpenWebUI, user: Client) -> None:
        page = user.get("/api/usage/docs")
        assert page.status_code == 200
        [url] = re.findall(r'"url": "([^"]+)"', page.text)
        paths = user.request("GET", url)["paths"]
        assert all(path.startswith("/api/usage/") for path in paths)
        assert paths[GROUPS]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert openwebui.anonymous().get("/api/usage/docs").status_code == 401

    def test_functions_belong_to_the_first_admin(self, admin: Client) -> None:
        def owners() -> set[str]:
            ours = [item for item in admin.request("GET", "/api/v1/functions/") if item["id"].startswith("usage_")]
            return {item["user_id"] for item in ours}

        wait_until(lambda: owners() == {admin.user["id"]}, timeout=15, what="our functions have an owner")

    def test_are_ours_where_it_has_none(self, strict_openwebui: OpenWebUI) -> None:
        user = strict_openwebui.admin.add_user()
        page = user.get("/docs")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert assets
        for asset in assets:
            assert re.match("/[^/]", asset), "nothing from other hosts"
            assert user.get(asset).status_code == 200, asset
        [url] = re.findall(r'"url": "([^"]+)"', page.text)
        paths = user.request("GET", url)["paths"]
        assert set(paths[GROUPS]) == {"get", "post"}
        assert set(paths[f"{GROUPS}/{{name}}"]) == {"put", "delete"}
        for path in ("/docs", url):
            assert strict_openwebui.anonymous().get(path).status_code == 401


class TestThePagesScript:
    PATH = "/static/loader.js"

    def test_is_asked_for_each_time_and_mostly_not_changed(self, openwebui: OpenWebUI) -> None:
        stranger = openwebui.anonymous()
        answer = stranger.get(self.PATH)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "no-cache"
        assert "usage" in answer.text
        etag = answer.headers["etag"]
        for given in (etag, f"W/{etag}", f'"other", {etag}'):
            again = stranger.get(self.PATH, headers={"If-None-Match": given})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert stranger.get(self.PATH, headers={"If-None-Match": '"other"'}).status_code == 200
        head = stranger.http.head(self.PATH)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)

    def test_comes_after_an_admins_own(self, openwebui: OpenWebUI) -> None:
        stranger = openwebui.anonymous()
        ours = stranger.get(self.PATH)
        loader = Path(openwebui.env["STATIC_DIR"]) / "loader.js"
        before = loader.read_bytes() if loader.exists() else None
        try:
            loader.write_text("window.mine = 1")
            both = stranger.get(self.PATH)
            assert both.text == f"window.mine = 1;\n{ours.text}"
            assert both.headers["etag"] != ours.headers["etag"]
        finally:
            loader.unlink() if before is None else loader.write_bytes(before)
        assert stranger.get(self.PATH).content == ours.content


def test_groups_and_their_numbers_survive_a_restart(strict_openwebui: OpenWebUI) -> None:
    admin = strict_openwebui.admin
    admin.add_group("lasting", ["gpt-4o"], 1_000_000)
    admin.chat("gpt-4o")
    before = admin.usage_groups()
    assert before["lasting"]["usage"]["total"] == 1290
    strict_openwebui.restart()
    assert strict_openwebui.admin.usage_groups() == before
