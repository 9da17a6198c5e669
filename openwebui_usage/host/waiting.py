"""A call that waits because of a budget: before its provider is asked, told to who waits, and ended when they go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response

from openwebui_usage.admission.steering import Wait
from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import maybe_await
from openwebui_usage.host.outer_call import outer_call
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.request_state import add_notice
from openwebui_usage.rules.refusal_texts import wait_message

log = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks whether the client is still there."""
GONE = 499
"""The status of an answer that nobody is there to read, as proxies write it."""

Tell = Callable[[str, bool], Awaitable[None]]


async def wait_for_turn(out: Outgoing, arguments: Arguments) -> Response | None:
    """Wait as long as budgets want. A response where the client has gone meanwhile, and no provider has to be asked.

    Nothing is reserved and no connection is open while a call waits. A chat in the page waits in a task of its own,
    which is cancelled where somebody stops it; a program's request is looked after here.
    """
    wait = out.steering.wait
    if wait is None or out.request.is_admitted or outer_call() is not None:
        return None
    metadata = out.body.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    has_page = bool(metadata.get("session_id"))
    http_request = arguments.http_request
    text = wait_message(wait.counter.budget, wait.seconds, is_over=False)
    tell = await _teller(metadata) if has_page else None
    if tell is not None:
        await tell(text, False)
    is_there = await _sleep(wait.seconds, None if has_page else http_request)
    if not is_there:
        return Response(status_code=GONE)
    if tell is not None:
        await tell(wait_message(wait.counter.budget, wait.seconds, is_over=True), True)
    _note(wait, http_request)
    return None


def _note(wait: Wait, http_request: Any) -> None:
    add_notice(http_request, headers={"X-Usage-Waited": f"{wait.seconds:.1f}"})


async def _sleep(seconds: float, http_request: Any) -> bool:
    """Whether whoever asked is still there at the end."""
    is_gone = getattr(http_request, "is_disconnected", None)
    if is_gone is None:
        await asyncio.sleep(seconds)
        return True
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while (left := ends_at - loop.time()) > 0:
        await asyncio.sleep(min(_LOOK, left))
        if await is_gone():
            return False
    return True


async def _teller(metadata: Mapping[str, Any]) -> Tell | None:
    """What shows a line above the reply that is waited for; None where the host has none."""
    try:
        from open_webui.socket.main import get_event_emitter

        emit = await maybe_await(get_event_emitter(dict(metadata)))
    except Exception as error:  # noqa: BLE001 - the call waits all the same
        log.debug("Nobody is told of a wait: %s", error)
        return None
    if emit is None:
        return None

    async def tell(text: str, done: bool) -> None:
        try:
            await emit({"type": "status", "data": {"description": text, "done": done}})
        except Exception as error:  # noqa: BLE001 - as above
            log.debug("Nobody is told of a wait: %s", error)

    return tell
