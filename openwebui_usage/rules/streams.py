"""The usage inside a stream, read as its bytes pass: a few byte searches a chunk, JSON only where they hit.

A stream is server-sent events (``data: {…}`` lines) or, from Ollama, one JSON object a line. The bytes may be cut
anywhere: network chunks know nothing of lines.
"""

from __future__ import annotations

import time
from typing import Any

from openwebui_usage.rules import estimate
from openwebui_usage.rules.error_classes import reported_class
from openwebui_usage.rules.stream_events import parse_line, streamed_text
from openwebui_usage.rules.stream_marks import END_MARK, ENDS, HIDDEN, LAST_REPORT, REPORT, VISIBLE
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.usage_reading import plain_usage, read_usage
from openwebui_usage.rules.wires import Wire

_EVENT_END = (b"}\n", b"}\n\n", b"}\r\n", b"}\r\n\r\n")
"""How a chunk of chat completions ends that is not the last one: that ends in ``[DONE]``."""
_CHUNKS_TOGETHER = 256
"""Chunks of a chat that are looked through at once: one search in many costs a fraction of as many searches."""
_SHORT = 1024
"""Bytes of a chunk that may wait for that."""
_LAST_BYTES = 32_000
"""An error is the last that a provider says, so it is looked for in so many last bytes, once the stream is over."""


_KEEP_BYTES = 1_000_000
"""Bytes kept for an estimate before they are counted and let go."""
_LONGEST_LINE = 16_000_000
"""Bytes of a line that never ends, before it is taken as it is. A line may carry a picture."""
_LONGEST_END = 100_000


class StreamReader:
    """Watches one stream. `feed` it each chunk; then ask for `usage()` and the times."""

    __slots__ = (
        "_at_once",
        "_begun",
        "_begun_bytes",
        "_end_mark",
        "_is_patient",
        "_reported",
        "_reported_last",
        "_search",
        "_unread",
        "_unreported",
        "_unreported_bytes",
        "_unreported_tokens",
        "_wire",
        "ended",
        "error",
        "first_token_at",
        "raw_usage",
        "thinking_at",
        "visible_at",
    )

    def __init__(self, wire: Wire, *, at_once: bool = False) -> None:
        """`wire` says which marks to look for.

        `at_once`: `feed` tells of every usage as it passes. Else that of a plain chat, which only matters once the chat
        has ended, is looked for in many lines together.
        """
        self._wire = wire
        self._search = REPORT[wire].search
        self._end_mark = END_MARK[wire]
        self._at_once = at_once
        self._is_patient = False
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._unread: list[bytes] = []
        self._unreported: list[bytes] = []
        self._unreported_bytes = 0
        self._reported: TokenUsage | None = None
        self._reported_last = False
        self._unreported_tokens = 0
        self.raw_usage: dict[str, Any] | None = None
        """The numbers that were reported, as the provider names them."""
        self.ended = False
        """The provider said that this was all."""
        self.error: str | None = None
        """The class of the error that the provider sent, see `error_classes`."""
        self.first_token_at: float | None = None
        self.thinking_at: float | None = None
        self.visible_at: float | None = None

    def feed(self, chunk: bytes) -> bool:
        """Look at a chunk. False where it was whole lines that tell nothing but text, as nearly all are.

        Never raises on anything that a provider may send.
        """
        if (
            self._is_patient
            and chunk.endswith(_EVENT_END)
            and len(chunk) < _SHORT
            and not self._begun
            and not (self._at_once and self._search(chunk))
        ):
            if self.visible_at is None:
                self._clock(chunk)
            self._unread.append(chunk)
            if len(self._unread) == _CHUNKS_TOGETHER:
                self._read_unread()
            return False
        return self._look(chunk)

    def _look(self, chunk: bytes) -> bool:
        cut = bool(self._begun) or chunk[-1:] != b"\n"
        if cut:
            chunk = self._whole_lines(chunk)
            if not chunk:
                return True
        if self.visible_at is None:
            self._clock(chunk)
        if self._unread:
            self._read_unread()
        if self._search(chunk) or self._end_mark in chunk:
            self._read(chunk)
            return True
        self._keep(chunk)
        # Not so where Open WebUI's chat completions answer with Responses events, as they do where the connection is
        # of that kind: the last of those tells usage and end in one, and no client sees it before it is counted.
        if not self._is_patient and self._wire == "chat":
            self._is_patient = b'"choices"' in chunk
        return cut

    @property
    def failed(self) -> bool:
        """Whether the provider sent an error."""
        return self.error is not None

    @property
    def pending(self) -> bool:
        """Whether a line has begun that is not whole yet."""
        return bool(self._begun)

    @property
    def is_silent(self) -> bool:
        """Whether the chat is over and nothing was told of its usage. Some gateways tell it after ``[DONE]``."""
        return self._wire == "chat" and self._reported is None and not self.failed

    def finish(self) -> None:
        """The stream is over: read what stands in an unfinished last line."""
        self._read_unread()
        if self._begun:
            self._read(self._take_begun())
        self._read_last()

    def usage(self) -> TokenUsage | None:
        """What was reported, and an estimate of whatever was streamed after the last report.

        None where nothing was reported at all. A finished stream's last report is the truth, unless it knows nothing
        of an answer; in one that was cut off, tokens streamed after the last report were billed though nobody told.
        """
        self._read_unread()
        if self._reported is None or (self.ended and self._reported.output):
            return self._reported
        return self._reported.followed_by(self.unreported_tokens())

    def unreported_tokens(self) -> int:
        """Estimated tokens of everything that was streamed since the last report."""
        self._read_unread()
        self._count_unreported()
        return self._unreported_tokens

    def _whole_lines(self, chunk: bytes) -> bytes:
        """The lines that are whole by now. An end counts as whole: pipes send no newline after it."""
        cut = chunk.rfind(b"\n") + 1
        lines = self._take_begun() + chunk[:cut] if cut else b""
        rest = chunk[cut:]
        if rest:
            self._begun.append(rest)
            self._begun_bytes += len(rest)
            if self._begun_bytes > _LONGEST_LINE or (rest.rstrip().endswith((b"]", b"}")) and self._begun_is_end()):
                lines += self._take_begun()
        return lines

    def _begun_is_end(self) -> bool:
        if self._begun_bytes > _LONGEST_END:
            return False
        line = b"".join(self._begun)
        return self._end_mark in line and self._is_end(parse_line(line), line)

    def _take_begun(self) -> bytes:
        begun = b"".join(self._begun)
        self._begun.clear()
        self._begun_bytes = 0
        return begun

    def _clock(self, chunk: bytes) -> None:
        if self.thinking_at is None and HIDDEN.search(chunk):
            self.thinking_at = time.monotonic()
            self.first_token_at = self.thinking_at
        if VISIBLE.search(chunk):
            self.visible_at = time.monotonic()
            self.first_token_at = self.first_token_at or self.visible_at

    def _read_unread(self) -> None:
        if self._unread:
            chunks = b"".join(self._unread)
            self._unread.clear()
            if self._search(chunks):
                self._read(chunks)
            else:
                self._keep(chunks)

    def _read(self, chunk: bytes) -> None:
        start = self._first_telling_line(chunk)
        if start:
            self._keep(chunk[:start])
        for line in chunk[start:].splitlines(keepends=True):
            if not (self._search(line) or self._end_mark in line or b'"error"' in line):
                self._keep(line)
                continue
            event = parse_line(line)
            if not self._read_usage(event):
                self._keep(line)
            self.error = self.error or reported_class(event)
            self.ended = self.ended or self._is_end(event, line)
        if self.ended:
            self._read_last()

    def _first_telling_line(self, chunk: bytes) -> int:
        """Where the first line begins that may tell more than text."""
        report = self._search(chunk)
        places = (-1 if report is None else report.start(), chunk.find(self._end_mark), chunk.find(b'"error"'))
        first = min((place for place in places if place >= 0), default=len(chunk))
        return chunk.rfind(b"\n", 0, first) + 1

    def _read_usage(self, event: object) -> bool:
        usage = find_usage(event)
        tokens = read_usage(usage)
        if usage is None or tokens is None:
            return False
        self._unreported.clear()
        self._unreported_bytes = self._unreported_tokens = 0
        self._reported = tokens if self._reported is None else self._reported.merged(tokens)
        self.raw_usage = {**(self.raw_usage or {}), **plain_usage(usage)}
        return True

    def _read_last(self) -> None:
        """What is only told by the last chunks: an error, and counts that are not called usage."""
        last = b""
        for chunk in reversed(self._unreported):
            last = chunk[-_LAST_BYTES:] + last
            if len(last) >= _LAST_BYTES:
                break
        if b'"error"' in last or b"response.failed" in last:
            for line in last.splitlines():
                self.error = self.error or reported_class(parse_line(line))
        self._read_last_report()

    def _read_last_report(self) -> None:
        """Running totals, of which the last one counts."""
        if self._reported is not None and not self._reported_last:
            return
        for chunk in reversed(self._unreported):
            if LAST_REPORT.search(chunk):
                for line in chunk.splitlines()[::-1]:
                    if LAST_REPORT.search(line) and self._read_usage(parse_line(line)):
                        self._reported_last = True
                        return

    def _is_end(self, event: object, line: bytes) -> bool:
        if not isinstance(event, dict):
            return self._wire == "chat" and line.strip().removeprefix(b"data:").strip() == b"[DONE]"
        if self._wire == "ollama":
            return event.get("done") is True
        # Open WebUI's chat completions answer with Responses events where the connection is of that kind.
        kind = event.get("type")
        return isinstance(kind, str) and kind in ENDS

    def _keep(self, chunk: bytes) -> None:
        self._unreported.append(chunk)
        self._unreported_bytes += len(chunk)
        if self._unreported_bytes > _KEEP_BYTES:
            self._read_last_report()
            self._count_unreported()

    def _count_unreported(self) -> None:
        if self._unreported:
            text = "".join(streamed_text(b"".join(self._unreported)))
            self._unreported_tokens += estimate.text_tokens(text)
            self._unreported.clear()
            self._unreported_bytes = 0
