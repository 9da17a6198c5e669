"""On whose behalf a provider is called: a pipe makes calls of its own, and those are counted in its place."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

from openwebui_usage.meter import Call

_outer: ContextVar[Call | None] = ContextVar("openwebui_usage_outer_call", default=None)


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


async def stream_within(call: Call, chunks: Any) -> AsyncIterator[Any]:
    """Run a pipe's stream so that provider calls inside it know on whose behalf they are made.

    The pipe runs while its stream is read, long after our wrapper returned, in the context of whoever reads.
    """
    while True:
        token = _outer.set(call)
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        finally:
            _outer.reset(token)
        yield chunk
