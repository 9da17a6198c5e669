"""The chat endpoint: who is refused early, and what becomes of a refusal that is found only later."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException
from starlette.responses import JSONResponse

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.host.wrapping import wrap_module
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.rules.budgets import Budget, Counter, Refusal
from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.periods import period_at
from tests.unit.small_host import ANSWER, Host, NoLimits, Rules, answered, http_request

pytestmark = pytest.mark.anyio

REFUSAL = Refusal(
    Counter(Budget("b", "team", 100, period="day"), "*", period_at("day", "UTC", datetime.now(UTC))), 99, 1
)

ADMIN = SimpleNamespace(id="a", name="A", role="admin")
"""Refusals tell an admin everything without a look at the host's models."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Reserved(NoLimits):
    """A gate where only what other calls have reserved is in the way."""

    async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal:
        return REFUSAL


class OnlyFree(NoLimits):
    """A gate whose money is spent: it admits what costs nothing, early and late."""

    def __init__(self) -> None:
        self.asked: list[CallInfo] = []
        self.counted: list[CallRequest] = []

    async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal | None:
        return await self.check(request.info)

    async def check(self, info: CallInfo) -> Refusal | None:
        self.asked.append(info)
        return None if info.is_free_connection else REFUSAL

    def refused(self, request: CallRequest, refusal: Refusal) -> None:
        self.counted.append(request)


class ChatHost(Host):
    """The same with a chat endpoint, which hands on what the router answers, or makes something else of it."""

    def __init__(self, hand_on: Callable[[Any], Any] = lambda answer: answer, **options: Any) -> None:
        super().__init__(answered, **options)
        self.main = ModuleType("open_webui.main")

        async def chat_completion(request: Any, form_data: dict[str, Any], user: Any) -> Any:
            form_data.pop("session_id", None)
            return hand_on(await self.module.generate_chat_completion(request, form_data, user=user))

        self.main.chat_completion = chat_completion  # type: ignore[attr-defined]
        wrap_module(self.seam, self.main)

    async def ask(self, **body: Any) -> Any:
        form_data = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **body}
        return await self.main.chat_completion(http_request("/api/chat/completions"), form_data, ADMIN)


def raised(answer: Any) -> Any:
    """As from 0.9 to 0.11."""
    if isinstance(answer, JSONResponse):
        raise HTTPException(400, "Usage limit reached.")
    return answer


HOSTS: dict[str, Callable[[Any], Any]] = {
    "hands it on": lambda answer: answer,
    "raises an error": raised,
    "answers with an error": lambda answer: JSONResponse({"detail": "…"}, 400),
    "answers with an error in a dictionary": lambda answer: {"error": {"message": "…"}},
    "answers nothing": lambda answer: None,
}


@pytest.mark.parametrize("hand_on", HOSTS.values(), ids=HOSTS)
async def test_a_late_refusal_reaches_the_caller_whatever_the_host_makes_of_it(hand_on: Callable[[Any], Any]) -> None:
    answer = await ChatHost(hand_on, gate=Reserved()).ask()
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert b'"code":"usage_limit_reached"' in answer.body


async def test_an_answer_is_handed_on_though_a_call_for_it_was_refused() -> None:
    """A pipe may go on without one of the calls that it makes."""
    assert await ChatHost(lambda answer: ANSWER, gate=Reserved()).ask() == ANSWER


async def test_errors_that_are_none_of_ours_stay_as_they_are() -> None:
    def failing(answer: Any) -> Any:
        raise HTTPException(404, "Model not found")

    with pytest.raises(HTTPException, match="Model not found"):
        await ChatHost(failing).ask()
    error = JSONResponse({"detail": "…"}, 400)
    assert await ChatHost(lambda answer: error).ask() is error


async def test_the_page_is_told_by_the_host() -> None:
    with pytest.raises(HTTPException, match="Usage limit reached"):
        await ChatHost(raised, gate=Reserved()).ask(session_id="s")


FREE = Rules(MeteringRules(free_connections="api.example.com"))


@pytest.mark.parametrize("model", [{"id": "m"}, {"id": "m", "owned_by": "openai"}])
async def test_a_free_connection_stays_usable_when_the_money_is_spent(model: dict[str, Any]) -> None:
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=FREE)
    host.app.state.MODELS = {"m": model}
    assert await host.ask() == ANSWER
    assert [info.provider_url for info in gate.asked] == ["https://api.example.com/v1"] * 2
    assert gate.asked[0].model_ids == gate.asked[1].model_ids


async def test_other_connections_are_refused_before_the_host_begins() -> None:
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=Rules(MeteringRules(free_connections="other.example.com")))
    assert (await host.ask(max_tokens=9)).status_code == 429
    assert host.sent == []
    [counted] = gate.counted
    assert (counted.info.user_id, counted.info.user_name, counted.info.model) == ("a", "A", "m")
    assert counted.body["max_tokens"] == 9, "by which one may tell how much was asked for"


async def test_a_refusal_that_the_page_is_told_later_is_counted_once() -> None:
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=Rules(MeteringRules(free_connections="other.example.com")))
    assert (await host.ask(session_id="s")).status_code == 429
    assert len(gate.asked) == 2, "early, and at the provider's seam"
    assert len(gate.counted) == 1, "where it is answered"


@pytest.mark.parametrize(
    ("model", "patterns", "url"),
    [
        ({"id": "m", "pipe": {"type": "pipe"}}, "pipe:m", None),
        ({"id": "m", "owned_by": "ollama"}, "192.168.1.7", "http://192.168.1.7:11434"),
        ({"id": "m", "info": {"base_model_id": "base"}}, "openai:1", "https://base.example.com"),
    ],
)
async def test_a_chat_is_checked_for_the_connection_that_it_will_go_to(
    model: dict[str, Any], patterns: str, url: str | None
) -> None:
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=Rules(MeteringRules(free_connections=patterns)))
    state = host.app.state
    state.MODELS = {"m": model}
    state.OPENAI_MODELS = {"m": {"urlIdx": 0}, "base": {"urlIdx": 1}}
    state.OLLAMA_MODELS = {"m:latest": {"urls": [0]}}
    state.config.OPENAI_API_BASE_URLS = ["https://api.example.com/v1", "https://base.example.com"]
    state.config.OLLAMA_BASE_URLS = ["http://192.168.1.7:11434"]
    await host.ask()
    assert (gate.asked[0].provider_url, gate.asked[0].is_free_connection) == (url, True)


async def test_a_host_that_does_not_know_its_models_yet_is_made_to_ask_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=FREE)
    host.app.state.MODELS = {}
    asked = []

    async def get_all_models(request: Any, user: Any) -> None:
        asked.append(user)
        host.app.state.MODELS = {"m": {"id": "m"}}

    for name in ("open_webui", "open_webui.models", "open_webui.models.models", "open_webui.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    models, utils = sys.modules["open_webui.models.models"], ModuleType("open_webui.utils.models")
    vars(models)["Models"] = SimpleNamespace(get_model_by_id=lambda model_id: None)
    vars(utils)["get_all_models"] = get_all_models
    monkeypatch.setitem(sys.modules, utils.__name__, utils)
    assert await host.ask() == ANSWER
    assert asked == [ADMIN]


async def test_an_arena_is_checked_without_a_connection() -> None:
    """The host picks its model later."""
    gate = OnlyFree()
    host = ChatHost(gate=gate, valves=FREE)
    host.app.state.MODELS = {"m": {"id": "m", "owned_by": "arena"}}
    assert (await host.ask()).status_code == 429
    assert gate.asked[0].provider_url is None
