"""Hosts before 0.9, whose page says when a reply is complete: the status line, and refusals in a chat."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from starlette.responses import JSONResponse

from openwebui_usage.host import request_state
from openwebui_usage.host.page_refusal import RefusedInPage
from openwebui_usage.host.patch_points import COMPLETED, OUTLET
from openwebui_usage.host.request_state import answering_page
from openwebui_usage.host.seam import Seam
from openwebui_usage.host.wrapping import wrap_module
from openwebui_usage.meter import Refused
from openwebui_usage.rules.budgets import Budget, Counter, Refusal
from openwebui_usage.rules.periods import period_at
from tests.unit.small_host import USER, Host, NoLimits, answered, http_request

OLDER = "process_pipeline_outlet_filter = print\nasync def process_chat_response(): pass"
NEWER = "async def outlet_filter_handler(ctx): return ctx"
PAGE = {"session_id": "s", "chat_id": "c", "message_id": "m"}
REFUSAL = Refusal(
    Counter(Budget("b", "team", 100, period="day"), "*", period_at("day", "UTC", datetime.now(UTC))), 99, 1
)


class Full(NoLimits):
    """A gate that refuses everything."""

    is_limiting = True

    async def admit(self, *args: Any) -> None:
        raise Refused(REFUSAL)


def middleware(source: str) -> ModuleType:
    module = ModuleType(OUTLET.module)
    exec(source, vars(module))
    return module


def refused(monkeypatch: pytest.MonkeyPatch, source: str, metadata: dict[str, Any] | None) -> Any:
    monkeypatch.setitem(sys.modules, OUTLET.module, middleware(source))
    host = Host(answered, gate=Full())
    try:
        return asyncio.run(host.chat(metadata=metadata))
    finally:
        assert host.sent == []


def test_a_page_that_would_go_on_waiting_is_refused_by_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedInPage, match=r"^Usage limit reached"):
        refused(monkeypatch, OLDER, PAGE)


@pytest.mark.parametrize(
    ("source", "metadata"),
    [
        (OLDER, None),
        (OLDER, {**PAGE, "message_id": None}),
        (OLDER, {**PAGE, "task": "title_generation"}),
        (NEWER, PAGE),
    ],
    ids=["an API caller", "no message", "a task", "a newer host"],
)
def test_all_others_are_answered(monkeypatch: pytest.MonkeyPatch, source: str, metadata: Any) -> None:
    answer = refused(monkeypatch, source, metadata)
    assert isinstance(answer, JSONResponse)
    assert answer.status_code == 429


@pytest.mark.parametrize("source", [OLDER, NEWER], ids=["older", "newer"])
def test_a_refusal_waits_until_the_page_knows_its_new_chat(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setitem(sys.modules, OUTLET.module, middleware(source))
    monkeypatch.setattr(request_state, "_ON_ITS_WAY", 0.01)
    host, request, order = Host(answered, gate=Full()), http_request("/api/chat/completions"), []

    async def reply() -> None:
        with contextlib.suppress(RefusedInPage):
            await host.chat(request, metadata=PAGE)
        order.append("refused")

    async def question() -> None:
        with answering_page(request):
            task = asyncio.create_task(reply())
            await asyncio.sleep(0.05)
            order.append("answered")
        await task

    asyncio.run(question())
    assert order == ["answered", "refused"]


def test_who_answers_the_page_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_state, "_LONGEST", 3600)
    monkeypatch.setitem(sys.modules, OUTLET.module, middleware(NEWER))
    host, request = Host(answered, gate=Full()), http_request()

    async def question() -> Any:
        with answering_page(request):
            return await host.chat(request, metadata=PAGE)

    async def ask() -> Any:
        async with asyncio.timeout(20):
            return await question()

    assert asyncio.run(ask()).status_code == 429


# --- the status line


class Lines:
    """A status line that keeps what it is given."""

    def __init__(self) -> None:
        self.contexts: list[Any] = []

    async def send(self, context: Any) -> None:
        self.contexts.append(context)


def chat_module() -> ModuleType:
    async def chat_completed(request: Any, form_data: dict[str, Any], user: Any) -> str:
        return f"completed {form_data['id']}"

    module = ModuleType(COMPLETED.module)
    vars(module).update(chat_completed=chat_completed)
    return module


def on_host(monkeypatch: pytest.MonkeyPatch, source: str) -> tuple[Seam, Lines, ModuleType]:
    chat, seam, lines = chat_module(), Seam(), Lines()
    monkeypatch.setitem(sys.modules, COMPLETED.module, chat)
    wrap_module(seam, middleware(source))
    seam.running = SimpleNamespace(host=SimpleNamespace(status_line=lines))  # type: ignore[assignment]
    return seam, lines, chat


def test_the_line_is_sent_when_the_page_says_that_a_reply_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    emitters: list[tuple[dict[str, Any], bool]] = []

    def get_event_emitter(info: dict[str, Any], update_db: bool = True) -> str:
        emitters.append((info, update_db))
        return "an emitter"

    for name in ("open_webui", "open_webui.socket"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sockets = ModuleType("open_webui.socket.main")
    vars(sockets).update(get_event_emitter=get_event_emitter)
    monkeypatch.setitem(sys.modules, sockets.__name__, sockets)

    seam, lines, chat = on_host(monkeypatch, OLDER)
    assert seam.patches.wrapped == [COMPLETED.label]
    said = {"chat_id": "c", "id": "m", "session_id": "s", "model": "gpt-4o"}
    assert asyncio.run(chat.chat_completed(None, said, USER)) == "completed m"
    ids = {"chat_id": "c", "session_id": "s", "message_id": "m", "user_id": "u"}
    assert lines.contexts == [{"user": USER, "metadata": ids, "event_emitter": "an emitter"}]
    assert emitters == [(ids, False)], "whose chat that is, is the caller's word"


def test_a_fault_of_ours_costs_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_webui.socket.main", None)  # Importing it fails.
    seam, _, chat = on_host(monkeypatch, OLDER)
    assert asyncio.run(chat.chat_completed(None, {"id": "m"}, USER)) == "completed m"
    assert seam.faults.counts == {"A status line could not be sent": 1}


def test_a_newer_host_is_asked_at_its_outlet(monkeypatch: pytest.MonkeyPatch) -> None:
    seam, _, _ = on_host(monkeypatch, NEWER)
    assert seam.patches.wrapped == [OUTLET.label]


def test_a_newer_host_with_another_name_for_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seam, _, _ = on_host(monkeypatch, "async def at_the_end(ctx): process_pipeline_outlet_filter(ctx)")
    assert seam.patches.wrapped == []
    assert seam.patches.losses == {OUTLET.loss: [OUTLET.label]}
