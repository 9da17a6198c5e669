"""What all tests of a host share: people, a furnished deployment, and two books."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.hosts.older_page import OlderPage
from tests.support.clients import Client
from tests.support.host import HostEnvironment
from tests.support.ledger import Ledger, Row, assert_equal
from tests.support.openwebui import ADMIN_EMAIL, ADMIN_PASSWORD, OpenWebUI, connections
from tests.support.provider import Provider

MESSAGES = [{"role": "user", "content": "Hello there"}]
CHAT = "/api/chat/completions"
SHARED = (
    "gpt-4o",
    "gpt-4o-mini",
    "o3-mini",
    "tool-user",
    "slow",
    "gpt-5-mini",
    "claude-sonnet-4-5",
    "llama3.2:latest",
    "gpt-oss:20b",
    "text-embedding-3-small",
    "nomic-embed-text:latest",
)
"""Models that everybody may use."""

# PROVIDER stands for the stand-in's address. They are sync or async as the host's own methods are.
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
        import inspect
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = Users.get_user_by_id(__user__["id"])
                user = await user if inspect.isawaitable(user) else user
                return await generate_chat_completion(__request__, {**body, "model": "gpt-4o"}, user)
        """,
}
TOOL = '''
class Tools:
    def get_current_timestamp(self) -> str:
        """What time it is."""
        return "noon"
'''


@dataclass
class World:
    """A deployment with everything that a test may need."""

    server: OpenWebUI
    admin: Client
    user: Client
    provider: Provider
    ledger: Ledger
    open_page: Callable[[], OlderPage]

    def api(self, path: str, body: dict[str, Any], by: Client | None = None) -> None:
        """One call, by the user or somebody else, read to its end."""
        answer = (by or self.user).post(path, json=body)
        assert answer.status_code == httpx.codes.OK, answer.text

    def whole_and_stream(self, path: str, body: dict[str, Any], by: Client | None = None) -> None:
        """The same call twice."""
        for stream in (False, True):
            self.api(path, {**body, "stream": stream}, by)

    def assert_counted(self, count: int, **columns: Any) -> list[Row]:
        """The ledger has `count` new rows, each equal to one of the provider's bills, token by token."""
        self.ledger.wait(count)
        calls = self.provider.ended_calls(count)
        rows = self.ledger.rows()
        assert len(rows) == count, "\n".join(map(str, rows))
        for name, value in columns.items():
            assert {getattr(row, name) for row in rows} == {value}, name
        # A pipe's own call stands under the pipe's name, and in the provider's book under the model's.
        called = [Row(**{**vars(row), "called_model": "gpt-4o"}) if row.called_model in PIPES else row for row in rows]
        assert_equal(called, calls)
        assert {row.estimated for row in rows} == {0}
        return rows


def sign_in(server: OpenWebUI) -> Client:
    """The administrator, whom the oldest hosts do not make from their settings."""
    name = {"name": "Admin", "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    httpx.post(f"{server.url}/api/v1/auths/signup", json=name, timeout=60, trust_env=False)
    return server.admin


def furnish(admin: Client, provider_url: str, host: HostEnvironment) -> None:
    """Connections, shared models, a workspace model, pipes, an arena and a tool."""
    env = connections(provider_url)
    form = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": env["OPENAI_API_BASE_URLS"].split(";"),
        "OPENAI_API_KEYS": env["OPENAI_API_KEYS"].split(";"),
        "OPENAI_API_CONFIGS": {"1": {"api_type": "responses"}, "2": {"provider": "litellm"}},
    }
    admin.request("POST", "/openai/config/update", form)
    admin.models(refresh=True)
    for name, source in PIPES.items():
        admin.add_function(name, textwrap.dedent(source).replace("PROVIDER", provider_url), everywhere=False)
    arena = {"id": "arena", "name": "Arena", "meta": {"model_ids": ["gpt-4o"], "filter_mode": "include"}}
    form = {"ENABLE_EVALUATION_ARENA_MODELS": True, "EVALUATION_ARENA_MODELS": [arena]}
    admin.request("POST", "/api/v1/evaluations/config", form)
    everybody = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    tool = {"id": "clock", "name": "Clock", "content": TOOL, "meta": {"description": "What time it is."}}
    admin.request("POST", "/api/v1/tools/create", {**tool, "access_grants": [everybody]})
    admin.add_model("helper", base="gpt-4o", meta={"capabilities": {}})
    for model in (*SHARED, *PIPES):
        admin.add_model(model, meta={"capabilities": {}})  # 0.7.2 answers nothing for a model without any.
    admin.models(refresh=True)
