"""Open WebUI in a few lines: one router in front of one provider, and the chat endpoint before it, with the seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, cast

from fastapi import FastAPI
from starlette.responses import StreamingResponse

from openwebui_usage.admission.steering import NOTHING, Steering
from openwebui_usage.host.models import HostModels
from openwebui_usage.host.seam import Seam, host_of
from openwebui_usage.host.wrapping import wrap_module
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.meter import Meter
from openwebui_usage.rules.connections import MeteringRules

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ANSWER = {"choices": [{"message": {"content": "Hi"}}], "usage": USAGE}


@dataclass
class Rows:
    """A writer that keeps what it gets."""

    rows: list[CallRow] = field(default_factory=list)

    def post(self, row: CallRow) -> None:
        self.rows.append(row)

    async def write(self, row: CallRow) -> None:
        self.rows.append(row)


class Rules:
    """Valves."""

    def __init__(self, rules: MeteringRules) -> None:
        self._rules = rules

    async def metering_rules(self) -> MeteringRules:
        return self._rules


class EffortPolicy:
    """Sets an effort on every call, or leaves calls alone."""

    def __init__(self, effort: str | None) -> None:
        self._effort = effort

    async def apply(self, http_request: Any, sent: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        if self._effort is not None:
            sent["reasoning_effort"] = self._effort


class Models(HostModels):
    """The host's models, and users who are in user groups."""

    groups: ClassVar[Mapping[str, str]] = {"g-1": "Staff", "g-2": "Writers"}

    async def user_group_names(self, user_id: str) -> Mapping[str, str]:
        return self.groups


class NoLimits:
    """A gate that admits everything."""

    definitions = SimpleNamespace(budgets=())
    is_limiting = False
    falls_back = False

    def release(self, call_id: str) -> None:
        """Nothing was reserved."""

    async def admit(self, *args: Any) -> None:
        """Admit a call."""

    async def check(self, *args: Any) -> None:
        """Admit a chat."""

    async def steer(self, *args: Any) -> Steering:
        """Want nothing."""
        return NOTHING

    async def most_output(self, *args: Any) -> None:
        """Bound nothing."""

    def refused(self, *args: Any) -> None:
        """Nothing is counted."""


class Broken:
    """Whatever is asked of it fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


Provider = Callable[[dict[str, Any]], Any]


class Host:
    """Open WebUI's router for OpenAI connections, in front of one provider, with the seam in it."""

    def __init__(
        self, provider: Provider, *, gate: Any = None, meter: Any = None, fail_closed: bool = False, **parts: Any
    ) -> None:
        """`parts` stand in for those of `seam.Host`."""
        self.sent: list[dict[str, Any]] = []
        self.rows = Rows()
        self.app = FastAPI()
        self.app.state.MODELS = {"m": {"id": "m"}}
        self.app.state.OPENAI_MODELS = {"m": {"urlIdx": 0}}
        self.app.state.config = SimpleNamespace(
            OPENAI_API_BASE_URLS=["https://api.example.com/v1"], OPENAI_API_CONFIGS={}
        )
        self.module = ModuleType("open_webui.routers.openai")

        async def generate_chat_completion(request: Any, form_data: dict[str, Any], user: Any) -> Any:
            self.sent.append({**form_data, "messages": [dict(message) for message in form_data["messages"]]})
            form_data["messages"].insert(0, {"role": "system", "content": "Be brief."})  # As Open WebUI does.
            answer = provider(form_data)
            return await answer if isinstance(answer, Awaitable) else answer

        self.module.generate_chat_completion = generate_chat_completion  # type: ignore[attr-defined]
        gate = gate or NoLimits()
        runtime = SimpleNamespace(meter=meter or Meter(self.rows, gate), gate=gate, fail_closed=fail_closed)
        ours = {
            "models": Models(self.app),
            "valves": Rules(MeteringRules()),
            "effort_policy": EffortPolicy(None),
            **parts,
        }
        self.seam = Seam()
        self.seam.connect(cast("Any", runtime), replace(host_of(self.app, cast("Any", None)), **(ours | parts)))
        wrap_module(self.seam, self.module)

    @property
    def faults(self) -> dict[str, int]:
        return self.seam.faults.counts

    @property
    def taken_back(self) -> list[dict[str, Any]]:
        return self.seam.refused_additions.listed()

    async def chat(self, request: Any = None, **body: Any) -> Any:
        form_data = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **body}
        result = await self.module.generate_chat_completion(request or http_request(), form_data, user=USER)
        if isinstance(result, StreamingResponse):
            return b"".join([chunk async for chunk in result.body_iterator])  # type: ignore[misc]
        return result


USER = SimpleNamespace(id="u", name="U", role="user")


def http_request(path: str = "/openai/chat/completions", **state: Any) -> Any:
    return SimpleNamespace(state=SimpleNamespace(**state), scope={"path": path}, method="POST")


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def answered(body: dict[str, Any]) -> Any:
    if not body.get("stream"):
        return ANSWER
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
    told = usage if (body.get("stream_options") or {}).get("include_usage") is True else b""
    return StreamingResponse(stream(b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n', told, b"data: [DONE]\n\n"))
