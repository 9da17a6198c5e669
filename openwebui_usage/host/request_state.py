"""What one HTTP request is remembered by, from the chat endpoint to the calls that it makes, on its own `state`.

Every call of a chat (its answer, its tool rounds, its tasks) is made with the same request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from openwebui_usage.meter import Call

_ADMITTED = "openwebui_usage_admitted"
_TASKS = "openwebui_usage_tasks"
_LISTENS = "openwebui_usage_page_listens"
_ON_ITS_WAY, _LONGEST = 0.5, 3.0
"""Seconds that an answer is on its way to the page, and that a refusal waits for it at most."""
_REFUSAL = "openwebui_usage_refusal"
_HEADERS = "openwebui_usage_headers"
_FALLBACKS = "openwebui_usage_fallbacks"


def set_admitted(http_request: Any, *, is_admitted: bool) -> None:
    """Keep whether the chat was admitted."""
    setattr(http_request.state, _ADMITTED, is_admitted)


def was_admitted(http_request: Any) -> bool:
    """Whether this is the request of a chat that was admitted: the tasks that it brings with it are never refused.

    Only there is it the host who says what is a task; other routes take the caller's word for it.
    """
    return getattr(_state(http_request), _ADMITTED, False) is True


@contextlib.contextmanager
def answering_page(http_request: Any) -> Iterator[None]:
    """The host answers the page's question in here: a moment later the page knows of its chat and of the task."""
    listens = asyncio.Event()
    setattr(http_request.state, _LISTENS, (listens, asyncio.current_task()))
    try:
        yield
    finally:
        asyncio.get_running_loop().call_later(_ON_ITS_WAY, listens.set)


async def until_page_listens(http_request: Any) -> None:
    """Return once the page has the answer to its question; at once in the task that makes the answer to its
    question, which would wait for itself.
    """
    known: tuple[asyncio.Event, asyncio.Task[Any] | None] | None = getattr(_state(http_request), _LISTENS, None)
    if known is None:
        return
    listens, answering = known
    if answering is not asyncio.current_task():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listens.wait(), _LONGEST)


def own_tasks(http_request: Any) -> list[Call]:
    """The tasks of the chat that this is the request of."""
    state = _state(http_request)
    tasks: list[Call] | None = getattr(state, _TASKS, None)
    if tasks is None:
        tasks = []
        if state is not None:
            setattr(state, _TASKS, tasks)
    return tasks


def keep_refusal(http_request: Any, response: Response) -> Response:
    """Keep what a call of the request is refused with, and return it: some hosts do not pass it on."""
    state = _state(http_request)
    if state is not None:
        setattr(state, _REFUSAL, response)
    return response


def refusal_of(http_request: Any) -> Response | None:
    """What a call of the request was refused with."""
    refusal: Response | None = getattr(_state(http_request), _REFUSAL, None)
    return refusal


def forget_refusal(http_request: Any) -> None:
    """The call was made after all, with another model."""
    state = _state(http_request)
    if state is not None:
        setattr(state, _REFUSAL, None)


def note_fallback(http_request: Any, model: str, fallback: str) -> None:
    """Keep that `fallback` answered in the place of `model`."""
    state = _state(http_request)
    if state is not None:
        setattr(state, _FALLBACKS, {**(getattr(state, _FALLBACKS, None) or {}), model: fallback})


def noted_fallback(http_request: Any, model: object) -> str | None:
    """The model that answered in the place of `model`; None where that answered itself."""
    noted: Mapping[object, str] = getattr(_state(http_request), _FALLBACKS, None) or {}
    return noted.get(model)


def add_notice(http_request: Any, *, headers: Mapping[str, str]) -> None:
    """Keep headers that tell the caller what a budget made of the request."""
    state = _state(http_request)
    if state is not None:
        setattr(state, _HEADERS, {**notices_of(http_request), **headers})


def notices_of(http_request: Any) -> Mapping[str, str]:
    """Those headers."""
    return getattr(_state(http_request), _HEADERS, None) or {}


def _state(http_request: Any) -> Any:
    return getattr(http_request, "state", None)
