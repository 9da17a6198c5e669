"""What `doctor` and `status` ask a server that runs: how the plugin fares there, and a call to try."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from openwebui_usage.checks import Check
from openwebui_usage.checks.check import fail, ok

_TIMEOUT = 20.0
_CALL_TIMEOUT = 300.0
"""Seconds that a model may think about one word."""
_QUESTION = "Answer with one word: does this work?"


class NoServer(Exception):
    """The server cannot be asked. The first argument is why, the second what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """One Open WebUI, and the API key or token of an admin."""

    url: str
    key: str | None

    def health(self) -> dict[str, Any]:
        """The answer of `GET /api/usage/health`. Raises `NoServer`."""
        return self._get("/api/usage/health")

    def today(self) -> dict[str, Any]:
        """What the calls since midnight in UTC come to. Raises `NoServer`."""
        found: dict[str, Any] = self._get("/api/usage/reports", {"from": f"{datetime.now(UTC):%Y-%m-%d}"})["totals"]
        return found

    def try_model(self, model: str) -> Check:
        """A short call of a model, and whether the ledger has it then."""
        try:
            before = self._newest(model)
        except NoServer as error:
            return fail("call", f"The ledger cannot be asked: {error.args[0]}", error.args[1])
        started = time.perf_counter()
        body = {"model": model, "messages": [{"role": "user", "content": _QUESTION}], "stream": False}
        try:
            with self._client(_CALL_TIMEOUT) as client:
                answer = client.post("/api/chat/completions", json=body)
        except httpx.HTTPError as error:
            return fail("call", f"{model} did not answer: {_said(error)}.", "See whether the provider can be reached.")
        seconds = time.perf_counter() - started
        if answer.status_code == 429:
            return fail("call", f"A limit refused the call of {model}: {_detail(answer)}", "Raise the limit, or wait.")
        if answer.is_error:
            return fail(
                "call",
                f"The call of {model} ended with HTTP {answer.status_code}: {_detail(answer)}",
                "See whether the model answers in Open WebUI itself.",
            )
        try:
            call = self._newest(model)
        except NoServer as error:
            return fail("call", f"{model} answered, but the ledger cannot be asked: {error.args[0]}", error.args[1])
        if call is None or (before is not None and call["id"] == before["id"]):
            return fail(
                "call",
                f"{model} answered, but the ledger has no such call.",
                "See what else is wrong here, above all whether the ledger can be written.",
            )
        cost = "a cost that nobody knows" if call["cost"] is None else f"${call['cost']:.6f}"
        return ok(
            "call",
            f"{model} answered in {seconds:.1f} s, and the ledger has the call: {call['in']:,} tokens in, "
            f"{call['out']:,} out, {cost}.",
        )

    def _newest(self, model: str) -> dict[str, Any] | None:
        """One's own newest call of a model. A row is durable before the end of its answer is sent."""
        calls: list[dict[str, Any]] = self._get("/api/usage/me/calls", {"model": model, "limit": "1"})["calls"]
        return calls[0] if calls else None

    def _get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            with self._client(_TIMEOUT) as client:
                answer = client.get(path, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoServer(
                f"{self.url} does not answer: {_said(error)}.", "Start Open WebUI, or correct --url."
            ) from None
        if answer.status_code in (401, 403):
            raise NoServer(
                f"{self.url} does not take the key for an admin's: {_detail(answer)}",
                "Give an admin's API key or session token with --key, or in OPENWEBUI_USAGE_KEY.",
            )
        found = None if answer.is_error else _json_object(answer)
        if found is None:
            what = f"HTTP {answer.status_code}" if answer.is_error else "a page instead of JSON"
            raise NoServer(
                f"{self.url}{path} answers with {what}: the plugin is not there, or it is not Open WebUI.",
                "Correct --url; where that is right, look at the check `autoload` in the server's environment.",
            )
        return found

    def _client(self, timeout: float) -> httpx.Client:
        """Raises `NoServer` for a key that no header can have: httpx would tell it in its error."""
        key = (self.key or "").strip()  # As a file has it, with a line's end.
        if not (key.isascii() and key.isprintable()):
            raise NoServer("The key has characters that no key has.", "Give it again, as Open WebUI shows it.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url.rstrip("/"), headers=headers, timeout=timeout, follow_redirects=True)


def checks_of(health: dict[str, Any]) -> list[Check]:
    """The checks in an answer of `GET /api/usage/health`."""
    return [Check(each["id"], each["state"], each["text"], each.get("mend")) for each in health["checks"]]


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _detail(answer: httpx.Response) -> str:
    """What an error says, in one line."""
    try:
        body = answer.json()
    except ValueError:
        return " ".join(answer.text.split())[:200]
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, dict):
        detail = detail.get("message") or (detail.get("error") or {}).get("message") or detail
    return " ".join(str(detail).split())[:300]
