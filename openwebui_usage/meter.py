"""One provider call from its start to its row: watch → settle. Knows nothing of HTTP frameworks or Open WebUI."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from openwebui_usage.admission.gate import Gate
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger.rows import CallRow, Outcome, new_id
from openwebui_usage.read_ahead import read_ahead
from openwebui_usage.rules import estimate
from openwebui_usage.rules.budgets import Refusal
from openwebui_usage.rules.effort import effort_of
from openwebui_usage.rules.error_classes import CANCELLED, error_class
from openwebui_usage.rules.hidden_thoughts import UsualThoughts
from openwebui_usage.rules.stream_events import answered_text
from openwebui_usage.rules.streams import ALIKE_TOGETHER, StreamReader
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_hider import UsageHider
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.usage_reading import plain_usage, read_usage

log = logging.getLogger(__name__)

Chunk = bytes | str
_BLANK = b"\n"
_NO_KIND: tuple[int, int, int, bytes | None, bytes | None] = (0, 0, 0, None, None)
"""As long as it is not known how chunks look that bring only text."""
_PATIENCE = 0.3
"""Seconds that the end of a stream waits for a usage which some gateways send after it."""


class RowWriter(Protocol):
    """Where rows go: `ledger.Writer`."""

    def post(self, row: CallRow) -> None:
        """Take a row that nobody waits for."""

    async def write(self, row: CallRow) -> None:
        """Take a row and return once it is durable."""


@dataclass(slots=True)
class Call:
    """A call under way. Settled exactly once, however it ends."""

    request: CallRequest
    writer: RowWriter
    release: Callable[[str], None] = lambda call_id: None
    """Gives back what the call had reserved, where no row will."""
    thoughts: UsualThoughts = field(default_factory=UsualThoughts)
    """How much models think where they do not show it."""
    effort: str | None = None
    """How hard the model was asked to think, by whomever."""
    id: str = field(default_factory=new_id)
    """Its row's, and the name of its reservation."""
    inner_calls: int = 0
    """Provider calls made on behalf of this one (a pipe's): they have rows of their own, so this one gets none."""
    started_at: float = field(default_factory=time.time)
    row: CallRow | None = None
    """What it was settled with, without the cost, which the ledger adds."""
    _started: float = field(default_factory=time.monotonic)
    _settled: bool = False

    async def answered(self, body: object) -> None:
        """The provider answered in one piece: settle by its usage, else by an estimate."""
        with self._released_on_fault():
            payload = find_usage(body)
            usage = read_usage(payload)
            if usage is None and self.request.counts_reports_only:
                self.forget()
                return
            if usage is None:
                usage = self._estimated(estimate.text_tokens(answered_text(body)))
            elif not self.request.generates:
                usage = usage.without_output()
            await self._settle_durably(usage, "done", plain_usage(payload) if payload else None)

    async def failed(self, error: str | None = None) -> None:
        """The provider refused or was away: a row that used nothing. `error` is a class, see `error_classes`."""
        if self.request.counts_reports_only:
            self.forget()
            return
        with self._released_on_fault():
            await self._settle_durably(TokenUsage(), "error", None, error=error)

    def stopped(self) -> None:
        """Whoever asked left before the provider answered: prompt and thoughts are billed, and nobody waits."""
        if self.request.counts_reports_only:
            self.forget()
        elif not self._settled:
            with self._released_on_fault():
                silent = time.monotonic() - self._started
                hidden = self.thoughts.estimate(self.request.info.called_model, self.effort, silent, is_over=False)
                self._settle(self._estimated(0, hidden), "stopped", None, None)

    def forget(self) -> None:
        """No provider was asked after all: no row."""
        if not self._settled:
            self._settled = True
            self.release(self.id)

    def forward(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        """Pass a stream through, byte for byte, and settle before its end is seen.

        Stopped by the client (cancelled, closed): settled with what was streamed, without waiting. So is a stream that
        nobody ever begins to read: what never runs is never closed either, so it is settled when it is forgotten.
        """
        reader = StreamReader(self.request.wire, at_once=self.request.hide_usage_chunk)
        stream = self._forward(chunks, reader)
        weakref.finalize(stream, self._dropped, reader).atexit = False
        return stream

    def _dropped(self, reader: StreamReader) -> None:
        """Python forgets the stream: before it closes a generator that stands at a `yield`, it calls this."""
        if not self._settled:
            reader.finish()
            self._stream_stopped(reader)

    async def _forward(self, chunks: AsyncIterator[Chunk], reader: StreamReader) -> AsyncIterator[Chunk]:
        feed, alike = reader.feed, reader.alike
        hider = UsageHider() if self.request.hide_usage_chunk else None
        outcome: Outcome = "stopped"
        broken: str | None = None
        source: AsyncIterator[Chunk] | None = aiter(chunks)
        later: AsyncIterator[Chunk] | None = None
        try:
            calm = True
            start, stop, longest, before, after = _NO_KIND
            while source is not None:
                async for chunk in source:
                    if calm:
                        # Open WebUI sends line by line, and every other line is the blank one that ends an event.
                        if chunk == _BLANK:
                            yield chunk
                            continue
                        # As `feed` would, without a call: nearly all chunks end here.
                        if (
                            chunk.__class__ is bytes
                            and chunk[:start] == before
                            and chunk[stop:] == after
                            and len(chunk) <= longest
                        ):
                            alike.append(chunk)
                            if len(alike) >= ALIKE_TOGETHER:
                                reader.keep_alike()
                            yield chunk
                            continue
                        looked_at = feed(chunk if isinstance(chunk, bytes) else _bytes(chunk))
                        if (kind := reader.kind) is not None and kind.before is not before:
                            start, stop, longest = kind.start, kind.stop, kind.longest
                            before, after = kind.before, kind.after
                        if not looked_at:
                            yield chunk
                            continue
                    else:
                        feed(chunk if isinstance(chunk, bytes) else _bytes(chunk))
                    passed = [chunk]
                    if reader.ended and not self._settled:
                        if reader.is_silent:
                            ahead, later = await read_ahead(source, lambda piece: _tells(reader, piece), _PATIENCE)
                            passed += ahead
                        await self._stream_ended(reader, "error" if reader.failed else "done")
                    calm = not reader.pending
                    for piece in passed:
                        seen = piece
                        if hider is not None:
                            data = piece if isinstance(piece, bytes) else _bytes(piece)
                            seen = hider.pass_on(data)
                            calm = calm and hider.idle
                            seen = piece if seen == data else seen
                        if seen or hider is None:
                            yield seen
                    if later is not None:
                        break
                source, later = later, None
            if hider is not None and (rest := hider.rest()):
                yield rest
            outcome = "done"
        except Exception as error:
            outcome, broken = "error", error_class(error)
            raise
        finally:
            reader.finish()
            if outcome == "done" and reader.failed:
                outcome = "error"
            if outcome == "stopped":  # No await: whoever stopped us does not wait.
                self._stream_stopped(reader)
            else:
                await self._stream_ended(reader, outcome, broken)
            for unread in (later, source, chunks):
                close = getattr(unread, "aclose", None)
                if outcome != "done" and close is not None:
                    await close()

    async def _stream_ended(self, reader: StreamReader, outcome: Outcome, broken: str | None = None) -> None:
        try:
            if self.request.counts_reports_only and reader.usage() is None:
                self.forget()
            elif not self._settled:
                with self._released_on_fault():
                    error = reader.error or broken
                    await self._settle_durably(self._streamed(reader), outcome, reader.raw_usage, reader, error=error)
        except Exception:  # A fault of ours never breaks a stream.
            log.exception("A stream could not be settled")

    def _stream_stopped(self, reader: StreamReader) -> None:
        try:
            if self.request.counts_reports_only and reader.usage() is None:
                self.forget()
            elif not self._settled:
                with self._released_on_fault():
                    self._settle(self._streamed(reader), "stopped", reader.raw_usage, reader)
        except Exception:
            log.exception("A stopped stream could not be settled")

    @contextlib.contextmanager
    def _released_on_fault(self) -> Iterator[None]:
        """Give back what was reserved where a fault of ours keeps the row from the writer, which would else do it."""
        try:
            yield
        except Exception:
            self.release(self.id)
            raise

    def _streamed(self, reader: StreamReader) -> TokenUsage:
        usage = reader.usage()
        return self._estimated(reader.unreported_tokens(), self._hidden_tokens(reader)) if usage is None else usage

    def _hidden_tokens(self, reader: StreamReader) -> int:
        """Tokens of thoughts that were billed and are in no chunk; those that are shown stand in chunks."""
        if not self.request.generates or reader.thinking_at is not None:
            return 0
        first = reader.first_token_at
        silent = (time.monotonic() if first is None else first) - self._started
        return self.thoughts.estimate(self.request.info.called_model, self.effort, silent, is_over=first is not None)

    def _estimated(self, visible: int, hidden: int = 0) -> TokenUsage:
        output = visible + hidden if self.request.generates else 0
        return TokenUsage(
            input=estimate.prompt_tokens(self.request.body),
            completion=output,
            reasoning=hidden if self.request.generates else 0,
            output=output,
            estimated=True,
        )

    async def _settle_durably(
        self,
        usage: TokenUsage,
        outcome: Outcome,
        raw: dict[str, Any] | None,
        reader: StreamReader | None = None,
        *,
        error: str | None = None,
    ) -> None:
        row = self._row(usage, outcome, raw, reader, error)
        if row is not None:
            await self.writer.write(row)

    def _settle(
        self, usage: TokenUsage, outcome: Outcome, raw: dict[str, Any] | None, reader: StreamReader | None
    ) -> None:
        row = self._row(usage, outcome, raw, reader, CANCELLED)
        if row is not None:
            self.writer.post(row)

    def _row(
        self,
        usage: TokenUsage,
        outcome: Outcome,
        raw: dict[str, Any] | None,
        reader: StreamReader | None,
        error: str | None,
    ) -> CallRow | None:
        if self._settled or self.inner_calls:
            self.forget()
            return None
        self._settled = True
        info, now = self.request.info, time.monotonic()
        first = reader.first_token_at if reader else None
        thinking = None
        if reader and reader.thinking_at is not None:
            thinking = (reader.visible_at or now) - reader.thinking_at
        elif usage.reasoning and not usage.estimated:
            silent = None if first is None else first - self._started
            self.thoughts.learn(info.called_model, self.effort, usage.reasoning, silent)
        self.row = CallRow(
            info=info,
            id=self.id,
            started_at=self.started_at,
            usage=usage,
            outcome=outcome,
            first_token_after=None if first is None else first - self._started,
            thinking=thinking,
            duration=now - self._started,
            raw_usage=raw,
            effort=self.effort,
            error=error,
        )
        return self.row


class Refused(Exception):
    """A budget does not admit the call. Whoever answers with that reports it to the gate, see `Gate.refused`."""

    def __init__(self, refusal: Refusal) -> None:
        """`refusal` says which, and why."""
        super().__init__(refusal.counter.budget.name)
        self.refusal = refusal


class Meter:
    """Opens calls on one ledger, behind one gate."""

    def __init__(self, writer: RowWriter, gate: Gate | None = None) -> None:
        """Without a gate every call is admitted."""
        self._writer = writer
        self._gate = gate
        self._thoughts = UsualThoughts()

    async def open(self, request: CallRequest, outer: str | None = None) -> Call:
        """Admit a call that is about to be made, and begin to meter it.

        `outer` is the id of the pipe's call that makes this one, which uses what that had reserved. Raises `Refused`,
        or `gate.LedgerAway` where that counts as no.
        """
        gate = self._gate
        if gate is None:
            return self.open_unchecked(request)
        call = Call(request, self._writer, gate.release, self._thoughts, effort_of(request.body))
        if not request.is_admitted:
            refusal = await gate.admit(call.id, request, outer)
            if refusal is not None:
                raise Refused(refusal)
        return call

    def open_unchecked(self, request: CallRequest) -> Call:
        """Begin to meter a call that no budget is asked about: there is no gate, or it is broken."""
        return Call(request, self._writer, thoughts=self._thoughts, effort=effort_of(request.body))


def _tells(reader: StreamReader, chunk: Chunk) -> bool:
    """Whether the usage is known with this chunk."""
    reader.feed(chunk if isinstance(chunk, bytes) else _bytes(chunk))
    reader.usage()
    return not reader.is_silent


def _bytes(chunk: object) -> bytes:
    """A chunk that is no bytes as Starlette would send it; what it would not send at all as nothing."""
    if isinstance(chunk, str):
        return chunk.encode(errors="replace")
    return bytes(chunk) if isinstance(chunk, bytearray | memoryview) else b""
