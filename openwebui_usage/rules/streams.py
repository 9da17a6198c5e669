"""Reads usage from a stream as its bytes pass, with a few byte searches per chunk. JSON is only parsed on a match.

A stream consists of server-sent events (``data: {…}`` lines) or, from Ollama, of one JSON object per line. Chunks may
end anywhere, not only at the end of a line. What is kept for an estimate is bounded, by stream and for all together.
"""

from __future__ import annotations

import time
import weakref
from typing import Any

from openwebui_usage.rules.error_classes import reported_class
from openwebui_usage.rules.lines import LONGEST_LINE
from openwebui_usage.rules.stream_events import parse_line
from openwebui_usage.rules.stream_marks import END_MARK, ENDS, HIDDEN, LAST_REPORT, REPORT, VISIBLE
from openwebui_usage.rules.text_chunks import TextChunks
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.unreported import Unreported
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.usage_reading import plain_usage, read_usage
from openwebui_usage.rules.wires import Wire

_EVENT_END = (b"}\n", b"}\n\n", b"}\r\n", b"}\r\n\r\n")
"""How each chunk of chat completions ends, except the last one, which ends in ``[DONE]``."""
_CHUNKS_TOGETHER = 16
"""Chunks of a chat that are searched together, which takes a fraction of the time of separate searches."""
_SHORT = 1024
"""Largest size in bytes of a chunk that may wait for that."""
ALIKE_TOGETHER = 32
"""Chunks that bring only text wait until there are so many, then their texts are kept."""
_KINDS = 4
"""Kinds of text chunks in a row that may fit no other chunk, before no more are looked for."""
_PAYS = 8
"""Chunks of a kind after which it was worth to look for it."""
_LAST_BYTES = 32_000
"""Providers send an error last, so at the end of a stream this many of its last bytes are searched for one."""


_KEEP_BYTES = 1_000_000
"""Bytes that a stream may keep for an estimate, before their tokens are counted and they are dropped."""
_KEEP_TOGETHER = 8_000_000
"""Bytes that all streams share for that."""
_LONG_LINE = 1_000_000
"""Bytes of an unfinished line that every stream may keep."""
_LINES_TOGETHER = 64_000_000
"""Bytes that all streams may keep of longer ones."""
_LONGEST_END = 100_000


class StreamReader:
    """Watches one stream. `feed` it each chunk, then ask for `usage()` and the times."""

    __slots__ = (
        "__weakref__",
        "_at_once",
        "_begun",
        "_end_mark",
        "_is_patient",
        "_kinds_left",
        "_reported",
        "_reported_last",
        "_search",
        "_unread",
        "_unreported",
        "_wire",
        "alike",
        "ended",
        "error",
        "first_token_at",
        "kind",
        "raw_usage",
        "thinking_at",
        "visible_at",
    )

    def __init__(self, wire: Wire, *, at_once: bool = False) -> None:
        """`at_once`: `feed` notices every usage report immediately. Otherwise many chunks of a plain chat are searched
        together, because its usage only matters at the end.
        """
        self._wire = wire
        self._search = REPORT[wire].search
        self._end_mark = END_MARK[wire]
        self._at_once = at_once
        self._is_patient = False
        self._begun = bytearray()
        self.kind: TextChunks | None = None
        """How chunks look that bring only text, once that is known."""
        self.alike: list[bytes] = []
        """Chunks that look like that and are no longer than its `longest`. To feed one, append it and, when there are
        `ALIKE_TOGETHER`, `keep_alike`: that takes less time than `feed`.
        """
        self._kinds_left = _KINDS
        self._unread: list[bytes] = []
        self._unreported = Unreported()
        self._reported: TokenUsage | None = None
        self._reported_last = False
        self.raw_usage: dict[str, Any] | None = None
        """The reported numbers under the provider's own names."""
        self.ended = False
        """Whether the provider has sent its end mark."""
        self.error: str | None = None
        """The class of the error that the provider sent, see `error_classes`."""
        self.first_token_at: float | None = None
        self.thinking_at: float | None = None
        self.visible_at: float | None = None
        _open.add(self)

    def feed(self, chunk: bytes) -> bool:
        """Look at a chunk. False if it is nothing but whole lines of text, as nearly all chunks are.

        Never raises, whatever a provider sends.
        """
        kind = self.kind
        if (
            kind is not None
            and chunk[: kind.start] == kind.before
            and chunk[kind.stop :] == kind.after
            and (len(chunk) <= kind.longest or kind.text_of(chunk) is not None)
            and not self._begun
        ):
            self.alike.append(chunk)
            if len(self.alike) >= ALIKE_TOGETHER:
                self.keep_alike()
            return False
        if (
            self._is_patient
            and chunk.endswith(_EVENT_END)
            and len(chunk) < _SHORT
            and not self._begun
            and not (self._at_once and chunk.rfind(b'"usage') >= 0 and self._search(chunk))
        ):
            if self.alike:
                self.keep_alike()
            if self.visible_at is None:
                self._clock(chunk)
            self._unread.append(chunk)
            if len(self._unread) == _CHUNKS_TOGETHER:
                self._read_unread()
                if self._kinds_left:  # Short answers end before that is worth anything.
                    self._look_for_kind(chunk)
            return False
        return self._look(chunk)

    @property
    def kept(self) -> int:
        """Bytes of the stream that are kept at this moment."""
        return len(self._begun) + self._unreported.size + sum(map(len, self._unread)) + sum(map(len, self.alike))

    def _look(self, chunk: bytes) -> bool:
        cut = bool(self._begun) or chunk[-1:] != b"\n"
        if cut:
            chunk = self._whole_lines(chunk)
            if not chunk:
                return True
        if self.visible_at is None:
            self._clock(chunk)
        self._catch_up()
        if self._search(chunk) or self._end_mark in chunk:
            self._read(chunk)
            return True
        self._keep(chunk)
        # Only safe for real chat chunks. Responses-type connections also answer here, and their last event, which
        # reports usage and end at once, must be counted before it is forwarded.
        if not self._is_patient and self._wire == "chat":
            self._is_patient = b'"choices"' in chunk
        return cut

    @property
    def failed(self) -> bool:
        """Whether the provider sent an error."""
        return self.error is not None

    @property
    def pending(self) -> bool:
        """Whether the last line is still incomplete."""
        return bool(self._begun)

    @property
    def is_silent(self) -> bool:
        """Whether a chat has reported no usage so far. Some gateways report it after ``[DONE]``."""
        return self._wire == "chat" and self._reported is None and not self.failed

    def finish(self) -> None:
        """The stream is over: read its last line, even if it is incomplete."""
        self._catch_up()
        if self._begun:
            self._read(self._take_begun())
        self._read_last()

    def usage(self) -> TokenUsage | None:
        """The reported usage plus an estimate of what was streamed after the last report. None without any report.

        The last report of a finished stream is complete, unless it has no output. In a stream that was cut off, tokens
        after the last report were billed as well, although no report contains them.
        """
        self._catch_up()
        if self._reported is None or (self.ended and self._reported.output):
            return self._reported
        return self._reported.followed_by(self.unreported_tokens())

    def unreported_tokens(self) -> int:
        """Estimated tokens of everything that was streamed after the last report."""
        self._catch_up()
        return self._unreported.tokens()

    def _whole_lines(self, chunk: bytes) -> bytes:
        """The lines that are complete by now. An end mark counts as complete: pipes send no newline after it. So does
        what is longer than any line: its rest is the next one.
        """
        cut = chunk.rfind(b"\n") + 1
        lines = self._take_begun() + chunk[:cut] if cut else b""
        rest = chunk[cut:]
        if rest:
            self._begun += rest
            if self._begun_is_too_long() or (rest.rstrip().endswith((b"]", b"}")) and self._begun_is_end()):
                lines += self._take_begun()
        return lines

    def _begun_is_too_long(self) -> bool:
        size = len(self._begun)
        if size > LONGEST_LINE:
            return True
        return size > _LONG_LINE and sum(len(reader._begun) for reader in _open) > _LINES_TOGETHER

    def _begun_is_end(self) -> bool:
        if len(self._begun) > _LONGEST_END:
            return False
        line = bytes(self._begun)
        return self._end_mark in line and self._is_end(parse_line(line), line)

    def _take_begun(self) -> bytes:
        begun = bytes(self._begun)
        self._begun.clear()
        return begun

    def _clock(self, chunk: bytes) -> None:
        if self.thinking_at is None and HIDDEN.search(chunk):
            self.thinking_at = time.monotonic()
            self.first_token_at = self.thinking_at
        if VISIBLE.search(chunk):
            self.visible_at = time.monotonic()
            self.first_token_at = self.first_token_at or self.visible_at

    def _look_for_kind(self, chunk: bytes) -> None:
        """Learn from a chunk how those look that bring only text."""
        # Before the first visible token, only chunks without any need not be looked at.
        if self.visible_at is None and (self.thinking_at is None or VISIBLE.search(chunk)):
            return
        self._kinds_left -= 1
        self.kind = TextChunks.like(chunk) or self.kind

    def keep_alike(self) -> None:
        """Keep the texts of the chunks that wait."""
        kind, chunks = self.kind, self.alike
        if kind is None or not chunks:
            return
        self._read_unread()  # It came before them.
        texts = kind.texts_of(chunks)
        if texts is None:
            self._unread += chunks
            self._read_unread()
        else:
            self._unreported.add_texts(kind, texts)
            self._bound_unreported()
        if len(chunks) >= _PAYS:
            self._kinds_left = _KINDS
        chunks.clear()

    def _catch_up(self) -> None:
        """Read and keep what waits."""
        self._read_unread()
        self.keep_alike()

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
        """Where the first line begins that may contain more than text."""
        report = self._search(chunk)
        places = (-1 if report is None else report.start(), chunk.find(self._end_mark), chunk.find(b'"error"'))
        first = min((place for place in places if place >= 0), default=len(chunk))
        return chunk.rfind(b"\n", 0, first) + 1

    def _read_usage(self, event: object) -> bool:
        usage = find_usage(event)
        tokens = read_usage(usage)
        if usage is None or tokens is None:
            return False
        self._read_error()
        self._unreported.clear()
        self._reported = tokens if self._reported is None else self._reported.merged(tokens)
        self.raw_usage = {**(self.raw_usage or {}), **plain_usage(usage)}
        return True

    def _read_last(self) -> None:
        """Look for what only last chunks contain: an error, and counts that are not called usage."""
        self._read_error()
        self._read_last_report()

    def _read_error(self) -> None:
        last = self._unreported.last(_LAST_BYTES)
        if b'"error"' in last or b"response.failed" in last:
            for line in last.splitlines():
                self.error = self.error or reported_class(parse_line(line))

    def _read_last_report(self) -> None:
        """Look for running totals, of which the last one counts."""
        if self._reported is not None and not self._reported_last:
            return
        for chunk in self._unreported.backwards():
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
        # Responses-type connections answer chat completions with Responses events.
        kind = event.get("type")
        return isinstance(kind, str) and kind in ENDS

    def _keep(self, chunk: bytes) -> None:
        self._unreported.add(chunk)
        self._bound_unreported()

    def _bound_unreported(self) -> None:
        if self._unreported.size > min(_KEEP_BYTES, _KEEP_TOGETHER // len(_open)):
            self._read_last_report()
            self._unreported.tokens()


_open: weakref.WeakSet[StreamReader] = weakref.WeakSet()
"""Readers of streams under way."""
