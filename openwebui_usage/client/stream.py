"""An answer under way, as server-sent events.

The provider's events are read line by line and not with httpx-sse. That reads httpx responses only, while the bytes
here have passed the meter; and it drops what some providers send: JSON without `data:` (an error in the middle of a
stream, for example), and a last event without a blank line after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from openwebui_usage.client import responses
from openwebui_usage.client.completions import first_choice
from openwebui_usage.client.sound_json import sound_json
from openwebui_usage.client.upstream import ProviderFailed, reason_of_event
from openwebui_usage.meter import Call
from openwebui_usage.rules.error_classes import error_class
from openwebui_usage.rules.lines import LineReader
from openwebui_usage.rules.stream_events import parse_line

log = logging.getLogger(__name__)

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent. Models may reason for minutes, and proxies time out earlier."""
FIRST_ANSWER_TIMEOUT = 10.0
"""Seconds to wait for the provider's status, so that a refusal can be answered with an HTTP status."""

Report = Callable[[str, float], Any]


class Stream:
    """An answer under way, as server-sent events: `thinking`, `content`, and at the end `done` or `error`.

    `begin` it, read its `events`, and `close` it in any case. A stream that is closed early is settled with an estimate
    of what was received.
    """

    def __init__(self, call: Call, answer: AbstractAsyncContextManager[AsyncIterator[bytes]], report: Report) -> None:
        """`answer` sends the request when it is entered. `report` returns the numbers of the last event."""
        self._call = call
        self._answer = answer
        self._answers = asyncio.Event()
        self._chunks = call.forward(self._received())
        self._report = report
        self._next: asyncio.Task[Any] | None = None
        self._begun = time.monotonic()
        self._visible_after: float | None = None
        self._content: list[str] = []

    async def begin(self) -> None:
        """Ask the provider. Raises `ProviderFailed` if it refuses soon. A later refusal becomes an event."""
        self._next = asyncio.ensure_future(anext(self._chunks, None))
        answers = asyncio.ensure_future(self._answers.wait())
        try:
            await asyncio.wait({self._next, answers}, timeout=FIRST_ANSWER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answers.cancel()
        if self._next.done() and not self._answers.is_set():
            self._next.result()

    async def _received(self) -> AsyncIterator[bytes]:
        """The provider's bytes. A refusal is not charged."""
        try:
            async with self._answer as chunks:
                self._answers.set()
                async for chunk in chunks:
                    yield chunk
        except ProviderFailed as failure:
            if not self._answers.is_set():
                await self._call.failed(error_class(failure))
            raise

    async def events(self) -> AsyncIterator[bytes]:
        """The bytes of each event. The last one follows after the call is in the ledger."""
        failure: str | None = None
        lines = LineReader()
        try:
            async for chunk in self._patiently():
                if chunk is None:
                    yield b": thinking\n\n"
                    continue
                for line in lines.feed(chunk):
                    event = parse_line(line)
                    failure = failure or reason_of_event(event)
                    for kind, text in self._read(event):
                        yield _event({"type": kind, "text": text})
            event = parse_line(lines.rest())
            failure = failure or reason_of_event(event)
            for kind, text in self._read(event):
                yield _event({"type": kind, "text": text})
        except Exception as error:  # noqa: BLE001 - whatever broke the stream, its reader is told
            log.warning("The provider broke off: %s", type(error).__name__)
            refused = isinstance(error, ProviderFailed) and not self._answers.is_set()
            failure = str(error) if refused else "The provider broke off in the middle of the answer."
        thinking = time.monotonic() - self._begun if self._visible_after is None else self._visible_after
        numbers = await self._report("".join(self._content), thinking)
        yield _event({"type": "error", "error": failure, **numbers} if failure else {"type": "done", **numbers})

    async def close(self) -> None:
        """Stop the provider's answer."""
        if self._next is not None:
            self._next.add_done_callback(_see_error)
            self._next.cancel()
            # Raises only if this task is cancelled, too. The stream then settles when it ends.
            await asyncio.wait({self._next})
        with contextlib.suppress(Exception):
            await self._chunks.aclose()  # type: ignore[attr-defined]
        if self._call.row is None:  # The stream was never iterated.
            self._call.stopped()

    async def _patiently(self) -> AsyncIterator[bytes | None]:
        """The chunks, and None after each `KEEP_ALIVE` without one."""
        while True:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._chunks, None))
            while not (await asyncio.wait({self._next}, timeout=KEEP_ALIVE))[0]:
                yield None
            chunk = self._next.result()
            self._next = None
            if chunk is None:
                return
            yield chunk if isinstance(chunk, bytes) else chunk.encode()

    def _read(self, event: object) -> list[tuple[str, str]]:
        """Kinds and texts in an event of the provider."""
        delta = first_choice(event).get("delta")
        if not isinstance(delta, Mapping):
            piece = responses.piece_of(event)
            if piece is None:
                return []
            kind, said = piece
            delta = {"content": said} if kind == "content" else {"reasoning": said}
        found = []
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            found.append(("thinking", thought))
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            if self._visible_after is None:
                self._visible_after = time.monotonic() - self._begun
            self._content.append(text)
            found.append(("content", text))
        return found


def _see_error(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception, which asyncio would otherwise log."""
    if not task.cancelled():
        task.exception()


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + sound_json(data) + b"\n\n"
