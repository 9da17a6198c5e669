"""On whose behalf a provider is called: a pipe makes calls of its own, and those are counted in its place. And whether
that is in the place of a call that was refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

from openwebui_usage.meter import Call

_outer: ContextVar[Call | None] = ContextVar("openwebui_usage_outer_call", default=None)
_stands_in: ContextVar[bool] = ContextVar("openwebui_usage_stands_in", default=False)


def outer_call() -> Call | None:
    """The pipe's call that makes the one at hand."""
    return _outer.get()


@contextlib.contextmanager
def within(call: Call | None) -> Iterator[None]:
    """Calls that are made in here are `call`'s; None: nobody's."""
    token = _outer.set(call)
    try:
        yield
    finally:
        _outer.reset(token)


def stands_in() -> bool:
    """Whether the call at hand is made in the place of another, or on behalf of one that is."""
    return _stands_in.get()


def answers_for_another() -> bool:
    """Whether the call at hand is itself the one in the place of another: where it is refused too, that one is."""
    return stands_in() and outer_call() is None


@contextlib.contextmanager
def standing_in() -> Iterator[None]:
    """Calls that are made in here are made in the place of one that was refused."""
    token = _stands_in.set(True)
    try:
        yield
    finally:
        _stands_in.reset(token)


def stream_within(call: Call, chunks: Any) -> AsyncIterator[Any]:
    """Run a pipe's stream so that provider calls inside it know on whose behalf they are made, and in whose place.

    The pipe runs while its stream is read, long after our wrapper returned, in the context of whoever reads.
    """
    return _stream_within(call, chunks, standing_in if stands_in() else contextlib.nullcontext)


async def _stream_within(
    call: Call, chunks: Any, place: Callable[[], contextlib.AbstractContextManager[None]]
) -> AsyncIterator[Any]:
    while True:
        token = _outer.set(call)
        try:
            with place():
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        finally:
            _outer.reset(token)
        yield chunk
