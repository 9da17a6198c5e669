"""The provider that answers chats: the configured OpenAI-compatible endpoint, or the demo provider on a local port."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from openwebui_usage.client import responses
from openwebui_usage.demo.answers import REASONER
from openwebui_usage.demo.connection import KEY as DEMO_KEY
from openwebui_usage.rules.effort import Effort, EffortRules, set_for_chat
from openwebui_usage.rules.effort_levels import UNKNOWN, effort_levels
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.wires import Wire
from openwebui_usage.settings import ClientSettings

OPENAI = "https://api.openai.com/v1"
DEFAULT_MODEL = "o1"
_PLACEHOLDER = "your_api_key_here"
"""The value in .env.example."""
_LONGEST_REASON = 300
_NO_SUCH_PATH = (404, 405, 501)


class ProviderFailed(Exception):
    """The provider did not answer, or refused. The text is shown to the user."""

    def __init__(self, text: str, retry_after: str | None = None, status_code: int | None = None) -> None:
        """`retry_after` is the provider's own header, `status_code` its HTTP status where it said no."""
        super().__init__(text)
        self.retry_after = retry_after
        self.status_code = status_code


@dataclass(frozen=True, slots=True)
class Upstream:
    """Model, URL and key of the provider. `url` is None for the demo provider, which is started with the client."""

    model: str
    url: str | None = None
    key: str | None = None

    @property
    def is_demo(self) -> bool:
        """Whether no real model answers."""
        return self.url is None

    @classmethod
    def configured(cls, settings: ClientSettings) -> Upstream:
        """The upstream in the settings. Without the single variables, Open WebUI's lists of connections are used."""
        keys = _first(settings.openai_api_keys.get_secret_value() if settings.openai_api_keys else None)
        urls = _first(settings.openai_api_base_urls)
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        key = None if key == _PLACEHOLDER else key
        url = settings.openai_api_base_url
        if not key and not url:
            key, url = keys, urls
        if not key and not url:
            return cls(settings.model or REASONER)
        model = settings.model or (REASONER if key == DEMO_KEY else DEFAULT_MODEL)
        return cls(model, (url or OPENAI).rstrip("/"), key)


class Provider:
    """Sends requests to the upstream. `start` and `stop` it on the event loop."""

    def __init__(self, upstream: Upstream, timeout: float) -> None:
        """`timeout`: seconds of silence after which a call is given up."""
        self.upstream = upstream
        self.model = upstream.model
        host = httpx.URL(upstream.url).host if upstream.url else None
        self._levels = effort_levels(upstream.model, host) or UNKNOWN
        self.takes_effort = EffortRules().reasons([upstream.model]) and bool(self._levels.levels)
        self.wire: Wire = "chat" if upstream.is_demo or not responses.is_needed(upstream.model) else "responses"
        """The API of the provider that is used. Gateways without a Responses API are asked by chat completions."""
        self._timeout = httpx.Timeout(timeout, connect=10.0)
        self._http: httpx.AsyncClient | None = None
        self._demo: _Demo | None = None

    async def start(self) -> None:
        """Make the HTTP client, and start the demo provider if it is used."""
        url = self.upstream.url
        if url is None:
            self._demo = _Demo()
            url = self._demo.start()
        headers = {"Authorization": f"Bearer {self.upstream.key}"} if self.upstream.key else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        # Proxies in the environment are not meant for a demo on loopback.
        self._http = httpx.AsyncClient(
            base_url=f"{url}/",
            headers=headers,
            timeout=self._timeout,
            limits=limits,
            trust_env=not self.upstream.is_demo,
        )

    async def stop(self) -> None:
        """Close connections, and stop the demo provider."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        if self._demo is not None:
            self._demo.stop()
            self._demo = None

    def body(self, messages: Sequence[Mapping[str, Any]], effort: Effort, *, stream: bool) -> dict[str, Any]:
        """The body of a chat completion, with an effort if the model takes one."""
        body: dict[str, Any] = {"model": self.model, "messages": list(messages)}
        if self.takes_effort and effort in self._levels.levels:
            set_for_chat(body, effort, self._levels)
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def lowered(self, effort: Effort) -> Effort:
        """The effort for a budget that wants less thinking: low, where the model takes that."""
        return "low" if "low" in self._levels.levels else effort

    async def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The complete answer. Raises `ProviderFailed`."""
        async with self._post(body) as response:
            try:
                answer = json.loads(await response.aread())
            except (ValueError, RecursionError):
                raise ProviderFailed("The provider answered with something that is no JSON.") from None
        if failure := responses.failure_in(answer):
            raise ProviderFailed(_reason(failure) or "The provider broke off with an error.")
        if not isinstance(answer, dict) or (not answer.get("choices") and find_usage(answer) is None):
            raise ProviderFailed(_reason(answer) or "The provider answered with nothing.")
        return answer

    @asynccontextmanager
    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of the answer as they arrive. Raises `ProviderFailed` before the first of them."""
        async with self._post(body) as response:
            yield response.aiter_raw() if "content-encoding" not in response.headers else response.aiter_bytes()

    @asynccontextmanager
    async def _post(self, body: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        if self._http is None:
            raise ProviderFailed("The client is not started yet.")
        try:
            async with contextlib.AsyncExitStack() as stack:
                response = await stack.enter_async_context(self._request(body))
                if self.wire == "responses" and response.status_code in _NO_SUCH_PATH:
                    await response.aread()
                    refusal = await _refused(response)
                    self.wire = "chat"
                    again = await stack.enter_async_context(self._request(body))
                    if again.is_error:  # So the missing path was not the reason.
                        self.wire = "responses"
                        raise refusal
                    response = again
                if response.is_error or response.is_redirect:
                    raise await _refused(response)
                yield response
        except httpx.TimeoutException:
            raise ProviderFailed("The provider did not answer in time.") from None
        except (httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ProviderFailed(f"The provider was not reached ({type(error).__name__}).") from error
        except httpx.HTTPError as error:
            raise ProviderFailed(f"The provider broke off ({type(error).__name__}).") from error

    def _request(self, body: Mapping[str, Any]) -> AbstractAsyncContextManager[httpx.Response]:
        assert self._http is not None
        if self.wire == "responses":
            return self._http.stream("POST", "responses", json=responses.request_of(body))
        return self._http.stream("POST", "chat/completions", json=body)


async def _refused(response: httpx.Response) -> ProviderFailed:
    with contextlib.suppress(httpx.HTTPError):
        await response.aread()
    status = response.status_code
    if status in (401, 403):  # Its text would be about the server's key.
        text = f"The provider did not accept the server's API key ({status}). Tell whoever runs it."
        return ProviderFailed(text, status_code=status)
    if status == 429:
        text = "The provider has too much to do, or its own quota is used up (429). Try again later."
        return ProviderFailed(text, response.headers.get("retry-after"), status)
    reason = None
    with contextlib.suppress(ValueError, RecursionError, httpx.ResponseNotRead):
        reason = _reason(response.json())
    text = f"The provider answered with an error ({status}){f': {reason}' if reason else '.'}"
    return ProviderFailed(text, status_code=status)


def _reason(answer: object) -> str | None:
    error = answer.get("error") if isinstance(answer, Mapping) else None
    reason = error.get("message") if isinstance(error, Mapping) else error
    return reason[:_LONGEST_REASON] if isinstance(reason, str) and reason else None


def reason_of_event(event: object) -> str | None:
    """Why a stream failed, if an event reports that."""
    event = responses.failure_in(event) or event
    if isinstance(event, Mapping) and event.get("error"):
        return _reason(event) or "The provider broke off with an error."
    return None


def _first(values: str | None) -> str | None:
    return (values or "").split(";")[0].strip() or None


class _Demo:
    """The demo provider on loopback, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        from openwebui_usage.demo.server import create_server

        self._server = create_server()
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="usage-demo", daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(5)
