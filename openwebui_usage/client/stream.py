"""An answer under way, as server-sent events."""

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
from openwebui_usage.rules.stream_events import parse_line

log = logging.getLogger(__name__)

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent: a model may think for minutes, and proxies give up sooner."""
FIRST_ANSWER_TIMEOUT = 10.0
"""Seconds that a stream waits for the provider's yes or no, so that a no has an HTTP status of its own."""

Report = Callable[[str, float], Any]


class Stream:
    """An answer under way, as server-sent events: `thinking`, `content`, and at the end `done` or `error`.

    `begin` it, then read its `events`, and `close` it in any case: a stream that nobody listens to any more is settled
    by what came so far.
    """

    def __init__(self, call: Call, answer: AbstractAsyncContextManager[AsyncIterator[bytes]], report: Report) -> None:
        """`answer` is the provider's, not yet asked for; `report` tells the numbers when it is over."""
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
        """Ask the provider. Raises `ProviderFailed` where it refuses soon; what takes longer is told by an event."""
        self._next = asyncio.ensure_future(anext(self._chunks, None))
        answers = asyncio.ensure_future(self._answers.wait())
        try:
            await asyncio.wait({self._next, answers}, timeout=FIRST_ANSWER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answers.cancel()
        if self._next.done() and not self._answers.is_set():
            self._next.result()

    async def _received(self) -> AsyncIterator[bytes]:
        """The provider's bytes. One that refuses is paid nothing."""
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
        """Each event's bytes. The last one comes only after the call is in the ledger."""
        failure: str | None = None
        rest = b""
        try:
            async for chunk in self._patiently():
                if chunk is None:
                    yield b": thinking\n\n"
                    continue
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = parse_line(line)
                    failure = failure or reason_of_event(event)
                    for kind, text in self._read(event):
                        yield _event({"type": kind, "text": text})
            for kind, text in self._read(parse_line(rest)):
                yield _event({"type": kind, "text": text})
        except Exception as error:  # noqa: BLE001 - whatever broke the stream, its reader is told
            log.warning("The provider broke off: %s", type(error).__name__)
            refused = isinstance(error, ProviderFailed) and not self._answers.is_set()
            failure = str(error) if refused else "The provider broke off in the middle of the answer."
        thinking = time.monotonic() - self._begun if self._visible_after is None else self._visible_after
        numbers = await self._report("".join(self._content), thinking)
        yield _event({"type": "error", "error": failure, **numbers} if failure else {"type": "done", **numbers})

    async def close(self) -> None:
        """Give up the provider's answer, wherever it stands."""
        if self._next is not None:
            self._next.add_done_callback(_see_error)
            self._next.cancel()
            # Raises only where we are cancelled ourselves: then the stream is settled by what came of it, as it ends.
            await asyncio.wait({self._next})
        with contextlib.suppress(Exception):
            await self._chunks.aclose()  # type: ignore[attr-defined]
        if self._call.row is None:  # It was never begun to be read.
            self._call.stopped()

    async def _patiently(self) -> AsyncIterator[bytes | None]:
        """The chunks; None where none came for a while."""
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
        """What the model says in an event of the provider's."""
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
    """Nobody else asks for it any more."""
    if not task.cancelled():
        task.exception()


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + sound_json(data) + b"\n\n"
