"""People and programs that use Open WebUI over HTTP."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.ui import UI

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


class Client:
    """One user of one Open WebUI. `get`, `post`, `put`, `patch` and `delete` are httpx's, with the login added."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        user: dict[str, Any] | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """`http` is for a server that is no process."""
        self.url = url
        self.token = token
        self.user = user or {}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = http or httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
        self.get, self.post, self.put = self.http.get, self.http.post, self.http.put
        self.patch, self.delete = self.http.patch, self.http.delete

    @classmethod
    def sign_in(cls, url: str, email: str, password: str) -> Client:
        """Open WebUI allows 15 of these in three minutes per address: keep the client."""
        answer = httpx.post(
            f"{url}/api/v1/auths/signin", json={"email": email, "password": password}, timeout=60, trust_env=False
        )
        user = _json(answer)
        return cls(url, user["token"], user)

    @property
    def id(self) -> str:
        return str(self.user["id"])

    def close(self) -> None:
        self.http.close()

    def request(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The parsed answer. An error status fails the test with the answer's text."""
        return _json(self.http.request(method, path, json=body, params=params or None))

    def asynchronous(self, **options: Any) -> httpx.AsyncClient:
        """The same user for many calls at once: an httpx.AsyncClient, to be closed by the caller."""
        options = {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.token}"} if self.token else {},
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=None),
            "timeout": 120,
            "trust_env": False,
            **options,
        }
        return httpx.AsyncClient(**options)

    # --- users

    def add_user(self, name: str | None = None, *, role: str = "user") -> Client:
        """A further user, signed in. For admins."""
        name = name or f"user{next(_numbers)}-{os.getpid()}"
        form = {"name": name, "email": f"{name}@example.com", "password": PASSWORD, "role": role}
        user = self.request("POST", "/api/v1/auths/add", form)
        return Client(self.url, user["token"], user)

    def with_api_key(self) -> Client:
        """The same user, with a new API key instead of a session."""
        key = self.request("POST", "/api/v1/auths/api_key")["api_key"]
        return Client(self.url, key, self.user)

    # --- models and functions

    def models(self, *, refresh: bool = False) -> list[str]:
        """Ids of the models that this user may use. `refresh` asks the providers again."""
        answer = self.request("GET", "/api/models", refresh=str(refresh).lower())
        return [model["id"] for model in answer["data"]]

    def add_model(
        self,
        model: str,
        *,
        base: str | None = None,
        params: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        public: bool = True,
    ) -> None:
        """A workspace model on top of `base`, or, without one, settings for a provider's model. For admins."""
        grant = {"principal_type": "user", "principal_id": "*", "permission": "read"}
        form = {"id": model, "name": model, "base_model_id": base, "params": params or {}, "meta": meta or {}}
        self.request("POST", "/api/v1/models/create", {**form, "access_grants": [grant] if public else []})
        self.models(refresh=True)

    def add_function(self, function_id: str, source: str, *, active: bool = True, everywhere: bool = True) -> None:
        """A function as an admin adds it: created, switched on, and made global (filters and actions)."""
        form = {"id": function_id, "name": function_id, "content": source, "meta": {"description": function_id}}
        self.request("POST", "/api/v1/functions/create", form)
        if active:
            self.request("POST", f"/api/v1/functions/id/{function_id}/toggle")
        if everywhere:
            self.request("POST", f"/api/v1/functions/id/{function_id}/toggle/global")

    def function(self, function_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", f"/api/v1/functions/id/{function_id}")
        return found

    # --- chats

    def chat(self, model: str, prompt: str = "Hello there", **body: Any) -> dict[str, Any]:
        """One call of the chat API, not streamed: the whole answer. `body` adds to the request."""
        answer: dict[str, Any] = self.request(
            "POST", "/api/chat/completions", _chat(model, prompt, stream=False) | body
        )
        return answer

    @contextmanager
    def streaming(
        self, model: str, prompt: str = "Hello there", *, path: str = "/api/chat/completions", **body: Any
    ) -> Iterator[httpx.Response]:
        """One streamed call, still open: read `iter_bytes()` or `iter_lines()`, or leave early to go away."""
        with self.http.stream("POST", path, json=_chat(model, prompt, stream=True) | body) as response:
            if response.is_error:
                response.read()
                _json(response)
            yield response

    def stream(self, model: str, prompt: str = "Hello there", **body: Any) -> list[dict[str, Any]]:
        """One streamed call, read to its end: the chunks."""
        with self.streaming(model, prompt, **body) as response:
            return events(response.iter_lines())

    @contextmanager
    def ui(self) -> Iterator[UI]:
        """This user with the page open: socket connected, chats as the browser sends them."""
        ui = UI(self)
        try:
            yield ui
        finally:
            ui.close()

    # --- the plugin

    def usage_groups(self) -> dict[str, Any]:
        """`GET /api/usage/groups`: the groups by name."""
        groups: dict[str, Any] = self.request("GET", "/api/usage/groups")["groups"]
        return groups

    def add_group(self, name: str, models: Sequence[str], limit: int | None = None, **fields: Any) -> dict[str, Any]:
        """`POST /api/usage/groups`. For admins."""
        form = {"name": name, "models": list(models), "limit": limit, **fields}
        group: dict[str, Any] = self.request("POST", "/api/usage/groups", form)["group"]
        return group

    def forget_definitions(self) -> None:
        """Delete all groups, budgets and prices. For admins."""
        for budget in self.request("GET", "/api/usage/budgets")["budgets"]:
            self.request("DELETE", f"/api/usage/budgets/{quote(budget['name'], safe='')}")
        for name in self.usage_groups():
            self.request("DELETE", f"/api/usage/groups/{quote(name, safe='')}")
        for price in self.request("GET", "/api/usage/prices")["prices"]:
            self.request("DELETE", f"/api/usage/prices/{quote(price['model'], safe='')}")


def events(lines: Iterator[str]) -> list[dict[str, Any]]:
    """The JSON of a stream of server-sent events."""
    return [json.loads(line[5:]) for line in lines if line.startswith("data:") and line[5:].strip() != "[DONE]"]


def text(chunks: Sequence[dict[str, Any]]) -> str:
    """What the chunks of a chat completion say."""
    return "".join(
        choice.get("delta", {}).get("content") or "" for chunk in chunks for choice in chunk.get("choices") or []
    )


def _chat(model: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}


def _json(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise AssertionError(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:2000]}")
    return answer.json()
