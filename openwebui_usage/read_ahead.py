"""Looking at what a stream brings next without losing any of it, and without waiting for long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

T = TypeVar("T")
_END: Any = object()


async def read_ahead(
    chunks: AsyncIterator[T], is_enough: Callable[[T], bool], seconds: float
) -> tuple[list[T], AsyncIterator[T]]:
    """What comes until `is_enough` of it, the end, or `seconds` have passed; and an iterator over all that comes later.

    Whoever does not read that iterator to its end closes it. It raises the error of a stream that breaks meanwhile.
    """
    came: list[T] = []
    until = time.monotonic() + seconds
    while True:
        pending = asyncio.ensure_future(anext(chunks, _END))
        try:
            done, _ = await asyncio.wait({pending}, timeout=max(0.0, until - time.monotonic()))
        except BaseException:
            await _give_up(pending)
            raise
        if not done or pending.exception() is not None or pending.result() is _END:
            return came, _Later(pending, chunks)
        came.append(pending.result())
        if is_enough(came[-1]):
            return came, chunks


class _Later(AsyncIterator[T]):
    """What `pending` brings, and then the rest. (A generator that is closed before its first step gives up nothing.)"""

    def __init__(self, pending: asyncio.Future[Any], chunks: AsyncIterator[T]) -> None:
        self._pending: asyncio.Future[Any] | None = pending
        self._chunks = chunks

    async def __anext__(self) -> T:
        if self._pending is None:
            return await anext(self._chunks)
        chunk = await self._pending
        if chunk is _END:
            raise StopAsyncIteration
        self._pending = None
        return chunk  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        if self._pending is not None:
            await _give_up(self._pending)


async def _give_up(pending: asyncio.Future[Any]) -> None:
    if not pending.done():
        pending.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await pending
