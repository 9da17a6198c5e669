"""What a row tells of a call beside its tokens: how it came in, by which key and connection, for whom, what it cost."""

from __future__ import annotations

import json
import sqlite3
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx
import pytest

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.storage import hasher_of_open_webui
from openwebui_usage.settings import ClientSettings
from tests.support.clients import Client
from tests.support.ledger import Ledger, Row
from tests.support.openwebui import OpenWebUI, connections
from tests.support.process import free_port, wait_until
from tests.support.provider import Provider
from tests.support.recorder import engine_like_open_webui
from tests.support.ui import UI

CHAT = "/api/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello there"}]
HIGH = {"reasoning": {"effort": "high"}}
COMBINED = ("user", "model", "called_model", "connection", "kind", "key", "outcome", "user_groups")
PARTS = ("cost_input", "cost_cached", "cost_cache_write", "cost_output")

PIPES = {
    "pipe_own": """
        import json, urllib.request
        class Pipe:
            def pipe(self, body):
                ask = {"model": "gpt-4o", "messages": body["messages"]}
                request = urllib.request.Request("PROVIDER/openai/v1/chat/completions", json.dumps(ask).encode())
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
        """,
    "pipe_inner": """
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = await Users.get_user_by_id(__user__["id"])
                ask = {"model": "gpt-4o", "messages": body["messages"], "stream": False}
                return await generate_chat_completion(__request__, ask, user)
        """,
}


@dataclass
class World:
    """A deployment, an ordinary user in one user group, with a page, an API key and an account of the token client."""

    server: OpenWebUI
    user: Client
    key: Client
    ui: UI
    token: str
    group: str
    provider: Provider
    ledger: Ledger

    @property
    def admin(self) -> Client:
        return self.server.admin

    def post(self, path: str, body: dict[str, Any], by: Client | None = None, status: int = 200) -> None:
        answer = (by or self.user).post(path, json=body)
        assert answer.status_code == status, answer.text

    def chat(self, by: Client | None = None, model: str = "gpt-4o", status: int = 200, **body: Any) -> None:
        self.post(CHAT, {"model": model, "messages": MESSAGES, **body}, by, status)

    def facts(self, row: Row) -> dict[str, Any]:
        """Key and name of each dimension of a row."""
        with closing(sqlite3.connect(f"file:{self.server.ledger_file}?mode=ro", uri=True)) as ledger:
            columns = ", ".join(f'"{name}"' for name in COMBINED)
            numbers = ledger.execute(
                f"SELECT {columns} FROM usage_combination WHERE id = ?",
                [row.combination],
            ).fetchone()
            found = ledger.execute("SELECT id, key, name FROM usage_dimension")
            named = {number: (key, name) for number, key, name in found}
        return {kind: named.get(number, (None, None)) for kind, number in zip(COMBINED, numbers, strict=True)}

    def names(self, kind: str) -> dict[str, str | None]:
        with closing(sqlite3.connect(f"file:{self.server.ledger_file}?mode=ro", uri=True)) as ledger:
            return dict(ledger.execute("SELECT key, name FROM usage_dimension WHERE kind = ?", [kind]))


def url(w: World, kind: str = "openai") -> str:
    return f"{w.provider.url}/{kind}" + ("" if kind == "ollama" else "/v1")


def page(w: World) -> None:
    w.ui.ask("o3-mini", **HIGH).wait()


def automation(w: World) -> None:
    data = {"prompt": "Hello there", "model_id": "gpt-4o", "rrule": "RRULE:FREQ=YEARLY"}
    made = w.admin.request("POST", "/api/v1/automations/create", {"name": "greeting", "data": data})
    w.admin.request("POST", f"/api/v1/automations/{made['id']}/run")


def token_client(w: World) -> None:
    answer = httpx.post(f"{w.server.url}/o1/chat", json={"messages": MESSAGES, "token": w.token}, trust_env=False)
    assert answer.status_code == 200, answer.text


def of_own_parameters(base: str, **params: Any) -> Callable[[World], None]:
    """A chat with a workspace model whose admin set how hard it thinks."""

    def make(w: World) -> None:
        name = f"thinker-{base.partition(':')[0]}"
        w.admin.add_model(name, base=base, params=params)
        w.chat(w.key, name)

    return make


Way = tuple[Callable[[World], None], dict[str, Any]]
WAYS: dict[str, Way] = {
    "page": (page, {"kind": "chat", "called_model": "o3-mini", "effort": "high"}),
    "page-of-responses": (
        lambda w: w.ui.ask("gpt-5-mini", reasoning={"effort": "low"}).wait() and None,
        {"kind": "chat", "called_model": "gpt-5-mini", "effort": "low", "connection": "responses"},
    ),
    "ollama": (
        lambda w: w.ui.ask("gpt-oss:20b", **HIGH).wait() and None,
        {"kind": "chat", "called_model": "gpt-oss:20b", "effort": "high", "connection": "ollama"},
    ),
    "own-parameters": (
        of_own_parameters("o3-mini", reasoning_effort="high"),
        {"kind": "api", "by_key": True, "called_model": "o3-mini", "effort": "high"},
    ),
    "own-parameters-of-responses": (
        of_own_parameters("gpt-5-mini", custom_params={"reasoning": '{"effort": "minimal"}'}),
        {"kind": "api", "by_key": True, "called_model": "gpt-5-mini", "effort": "minimal", "connection": "responses"},
    ),
    "own-parameters-of-ollama": (
        of_own_parameters("gpt-oss:20b", think="low"),
        {"kind": "api", "by_key": True, "called_model": "gpt-oss:20b", "effort": "low", "connection": "ollama"},
    ),
    "key": (lambda w: w.chat(w.key), {"kind": "api", "by_key": True}),
    "key-by-its-header": (
        lambda w: w.post(
            CHAT,
            {"model": "gpt-4o", "messages": MESSAGES},
            Client(w.user.url, http=httpx.Client(base_url=w.user.url, headers={"x-api-key": w.key.token or ""})),
        ),
        {"kind": "api", "by_key": True},
    ),
    "token": (lambda w: w.chat(), {"kind": "api"}),
    "passed-through": (
        lambda w: w.post("/openai/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}, w.key),
        {"kind": "api", "by_key": True},
    ),
    "messages": (
        lambda w: w.post("/api/v1/messages", {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 9}, w.key),
        {"kind": "api", "by_key": True},
    ),
    "task": (
        lambda w: w.post("/api/v1/tasks/title/completions", {"model": "gpt-4o", "messages": MESSAGES}, w.key),
        {"kind": "task", "by_key": True},
    ),
    "embedding": (
        lambda w: w.post("/api/embeddings", {"model": "text-embedding-3-small", "input": "Hello there"}, w.key),
        {"kind": "embedding", "called_model": "text-embedding-3-small", "by_key": True},
    ),
    "pipe": (
        lambda w: w.chat(w.key, "pipe_own"),
        {"kind": "api", "by_key": True, "called_model": "pipe_own", "connection": "pipe"},
    ),
    "inside-a-pipe": (lambda w: w.chat(w.key, "pipe_inner"), {"kind": "api", "by_key": True}),
    "inside-a-pipe-in-the-page": (lambda w: w.ui.ask("pipe_inner").wait() and None, {"kind": "chat"}),
    "automation": (automation, {"kind": "automation", "user": "admin"}),
    "token-client": (
        token_client,
        {"kind": "client", "user": "account", "called_model": "o3-mini", "effort": "medium"},
    ),
    "refused-by-the-provider": (
        lambda w: w.chat(w.key, "error-429", status=429),
        {"kind": "api", "by_key": True, "called_model": "error-429", "error": "http_429", "outcome": "error"},
    ),
    "provider-away": (
        lambda w: w.chat(w.key, "gone", status=500),
        {
            "kind": "api",
            "by_key": True,
            "called_model": "gone",
            "error": "connection",
            "outcome": "error",
            "connection": "gone",
        },
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_row_tells_how_its_call_was_made(world: World, way: str) -> None:
    make, expected = WAYS[way]
    world.ledger.mark()
    make(world)
    row = next(each for each in world.ledger.wait(1, timeout=15) if each.task is None or expected["kind"] == "task")
    facts = world.facts(row)
    expected = {"called_model": "gpt-4o", "connection": "openai", "outcome": "done", **expected}

    assert facts["kind"][0] == expected["kind"]
    assert facts["called_model"][0] == expected["called_model"]
    assert facts["outcome"][0] == expected["outcome"]
    assert (row.effort, row.error) == (expected.get("effort"), expected.get("error"))

    key = world.key.token or ""
    fingerprint, shown = facts["key"]
    assert shown == (f"…{key[-4:]}" if expected.get("by_key") else None)
    assert fingerprint is None or (len(fingerprint) == 16 and fingerprint not in key)

    kinds = {"ollama": "ollama", "pipe": "pipe"}
    where = {"pipe": "pipe_own", "gone": "http://127.0.0.1:"}.get(expected["connection"])
    if where is None:
        where = url(world, expected["connection"])
    connection, connection_name = facts["connection"]
    assert connection.startswith(f"{kinds.get(expected['connection'], 'openai')}:{where}")
    assert where in connection_name
    assert "sk-" not in f"{connection} {connection_name}"

    if expected.get("user") == "account":
        assert facts["user"][1] == "Ann"
    else:
        caller = world.admin if expected.get("user") == "admin" else world.user
        assert facts["user"][0] == caller.id
        assert facts["user_groups"][0] == (world.group if caller is world.user else None)

    parts = [getattr(row, name) for name in PARTS]
    if row.cost_source == "genai-prices":
        assert row.price_version == version("genai-prices")
        assert sum(parts) == row.cost_nano > 0
        assert [part > 0 for part in parts[1:3]] == [row.cached_input > 0, row.cache_write > 0]
    else:
        assert row.cost_nano is None
        assert parts == [None] * 4
    assert (row.cost_source == "genai-prices") is (expected["called_model"].startswith(("gpt-4o", "gpt-5", "o3")))


def test_an_admins_price_is_told_by_parts(world: World) -> None:
    price = {"model": "gpt-4o", "input": 2, "output": 10, "cached_input": 0.5, "request": 0.001}
    world.admin.request("PUT", "/api/usage/prices", price)
    try:
        world.ledger.mark()
        world.chat(world.key)
        [row] = world.ledger.wait(1)
        assert (row.cost_source, row.price_version) == ("admin", None)
        plain = row.input - row.cached_input - row.cache_write
        assert [getattr(row, name) for name in PARTS] == [
            plain * 2000,
            row.cached_input * 500,
            row.cache_write * 2000,
            row.output * 10_000,
        ]
        assert row.cost_nano == sum(getattr(row, name) for name in PARTS) + 1_000_000
    finally:
        world.admin.request("DELETE", "/api/usage/prices/gpt-4o")


def test_a_chat_that_is_left_was_cancelled(world: World) -> None:
    world.ledger.mark()
    with world.key.streaming("slow") as response:
        next(response.iter_bytes())
    [row] = world.ledger.wait(1)
    assert (row.outcome, row.error) == ("stopped", "cancelled")


def test_names_outlive_what_they_name(world: World) -> None:
    """The last name that was seen stays, once user, group and connection are gone."""
    leaver = world.admin.add_user()
    group = world.admin.request("POST", "/api/v1/groups/create", {"name": "Interns", "description": ""})["id"]
    world.admin.request("POST", f"/api/v1/groups/id/{group}/users/add", {"user_ids": [leaver.id]})
    key = leaver.with_api_key()
    world.ledger.mark()
    world.chat(key)
    [row] = world.ledger.wait(1)
    connection = world.facts(row)["connection"][0]
    assert (world.names("user")[leaver.id], world.names("user_group")[group]) == (leaver.user["name"], "Interns")

    form = {"name": "Nora Newname", "email": leaver.user["email"], "profile_image_url": "/user.png", "role": "user"}
    world.admin.request("POST", f"/api/v1/users/{leaver.id}/update", form)
    world.admin.request("POST", f"/api/v1/groups/id/{group}/update", {"name": "Trainees", "description": ""})
    other = world.admin.add_user()  # Whose groups nobody has looked up yet.
    world.admin.request("POST", f"/api/v1/groups/id/{group}/users/add", {"user_ids": [other.id]})
    world.chat(key)
    world.chat(other)
    world.ledger.wait(3)
    assert (world.names("user")[leaver.id], world.names("user_group")[group]) == ("Nora Newname", "Trainees")

    world.admin.request("DELETE", f"/api/v1/groups/id/{group}/delete")
    world.admin.request("DELETE", f"/api/v1/users/{leaver.id}")
    config = world.admin.request("GET", "/openai/config")
    without = {**config, "OPENAI_API_BASE_URLS": config["OPENAI_API_BASE_URLS"][1:]}
    without["OPENAI_API_KEYS"] = config["OPENAI_API_KEYS"][1:]
    world.admin.request("POST", "/openai/config/update", without)
    try:
        world.ledger.mark()
        world.chat(other, "llama3.2:latest")
        [last] = world.ledger.wait(1)
        assert world.facts(last)["connection"][0] != connection
        assert (world.names("user")[leaver.id], world.names("user_group")[group]) == ("Nora Newname", "Trainees")
        assert world.names("connection")[connection] == url(world)
    finally:
        world.admin.request("POST", "/openai/config/update", config)
        world.admin.models(refresh=True)


# --- the world


@pytest.fixture(scope="module")
def deployment(new_openwebui: Callable[..., OpenWebUI], provider_process: Provider) -> Iterator[tuple[OpenWebUI, str]]:
    """The server, and the token of an account. Its last connection leads nowhere."""
    theirs = connections(provider_process.url)
    configs = json.loads(theirs["OPENAI_API_CONFIGS"]) | {"3": {"model_ids": ["gone"]}}
    server = new_openwebui(
        env={
            "OPENAI_API_BASE_URLS": f"{theirs['OPENAI_API_BASE_URLS']};http://127.0.0.1:{free_port()}/v1",
            "OPENAI_API_KEYS": f"{theirs['OPENAI_API_KEYS']};sk-stand-in",
            "OPENAI_API_CONFIGS": json.dumps(configs),
            "OPENWEBUI_USAGE_CLIENT": "true",
            "OPENWEBUI_USAGE_CLIENT_MODEL": "o3-mini",
        }
    )
    try:
        server.start()
        yield server, account(server)
    finally:
        server.discard()


def account(server: OpenWebUI) -> str:
    """The token of a new account. The command line would first ask a second Open WebUI where its database is."""
    settings = ClientSettings(WEBUI_SECRET_KEY=server.env["WEBUI_SECRET_KEY"])
    engine = engine_like_open_webui(f"sqlite:///{server.ledger_file}")
    token = Accounts(engine, hasher_of_open_webui(settings)).create("Ann")[1]
    engine.dispose()
    stats = f"{server.url}/o1/user/stats/{token}"
    wait_until(lambda: httpx.get(stats, trust_env=False).status_code == 200, timeout=10, what="the account is known")
    return token


@pytest.fixture(scope="module")
def furnished(
    deployment: tuple[OpenWebUI, str], provider_process: Provider
) -> Iterator[tuple[OpenWebUI, str, Client, str]]:
    """A user who is in a user group, and the group's id."""
    server, token = deployment
    admin = server.admin
    for name, source in PIPES.items():
        source = textwrap.dedent(source).replace("PROVIDER", provider_process.url)
        admin.add_function(name, source, everywhere=False)
    admin.models(refresh=True)
    user = admin.add_user()
    group = admin.request("POST", "/api/v1/groups/create", {"name": "Staff", "description": ""})["id"]
    admin.request("POST", f"/api/v1/groups/id/{group}/users/add", {"user_ids": [user.id]})
    yield server, token, user, group
    user.close()


@pytest.fixture(scope="module")
def signed_in(furnished: tuple[OpenWebUI, str, Client, str]) -> Iterator[tuple[Client, UI]]:
    """The same user with an API key, and with a page."""
    user = furnished[2]
    with user.ui() as ui:
        yield user.with_api_key(), ui


@pytest.fixture
def world(furnished: tuple[OpenWebUI, str, Client, str], signed_in: tuple[Client, UI], provider: Provider) -> World:
    server, token, user, group = furnished
    key, ui = signed_in
    return World(server, user, key, ui, token, group, provider, Ledger(server))
