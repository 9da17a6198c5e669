"""The usage inside a stream, read as its bytes pass: a few byte searches a chunk, JSON only where they hit.

A stream is server-sent events (``data: {…}`` lines) or, from Ollama, one JSON object a line. The bytes may be cut
anywhere: network chunks know nothing of lines.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from openwebui_usage import estimate
from openwebui_usage.tokens import TokenUsage, find_usage, read_usage

Wire = Literal["chat", "responses", "anthropic", "ollama"]
"""Wire formats of a stream. `chat` is OpenAI's chat completions and everything made after it."""

_USAGE_MARK: dict[Wire, bytes] = {
    "chat": b'"usage"',
    "responses": b'"usage"',
    "anthropic": b'"usage"',
    "ollama": b'eval_count"',
}
_END_MARK: dict[Wire, bytes] = {
    "chat": b"[DONE]",
    "responses": b"response.completed",
    "anthropic": b"message_stop",
    "ollama": b'"done":true',
}
_RESPONSES_ENDS = ("response.completed", "response.incomplete", "response.failed")

# The first visible and the first hidden token; the escaped quote of a string's content never matches.
_VISIBLE = re.compile(rb'"(?:content|text|response|arguments)":\s*"[^"]|output_text\.delta|"text_delta"')
_HIDDEN = re.compile(rb'"(?:reasoning_content|reasoning|thinking)":\s*"[^"]|reasoning_\w+\.delta|"thinking_delta"')

_KEEP_BYTES = 1_000_000
"""Bytes kept for an estimate before they are counted and let go."""


class StreamReader:
    """Watches one stream. `feed` it each chunk; then ask for `usage()` and the times."""

    __slots__ = (
        "_end_mark",
        "_kept",
        "_kept_bytes",
        "_line",
        "_reported",
        "_unreported_tokens",
        "_usage_mark",
        "_wire",
        "ended",
        "first_token_at",
        "raw_usage",
        "thinking_at",
        "visible_at",
    )

    def __init__(self, wire: Wire) -> None:
        """`wire` says which marks to look for."""
        self._wire = wire
        self._usage_mark = _USAGE_MARK[wire]
        self._end_mark = _END_MARK[wire]
        self._line = b""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._reported: TokenUsage | None = None
        self._unreported_tokens = 0
        self.raw_usage: dict[str, Any] | None = None
        self.ended = False
        """The provider said that this was all."""
        self.first_token_at: float | None = None
        self.thinking_at: float | None = None
        self.visible_at: float | None = None

    def feed(self, chunk: bytes) -> bool:
        """Look at a chunk. True where it carries a usage report or the end, so that it deserves a closer look.

        Never raises on anything that a provider may send.
        """
        if self._line or not chunk.endswith(b"\n"):
            chunk = self._whole_lines(chunk)
            if not chunk:
                return False
        if self.visible_at is None:
            self._clock(chunk)
        if self._usage_mark in chunk or self._end_mark in chunk:
            return self._read(chunk)
        self._keep(chunk)
        return False

    def finish(self) -> None:
        """The stream is over: read what stands in an unfinished last line."""
        rest, self._line = self._line, b""
        if rest:
            self._read(rest)
        if self._reported is None:  # llama.cpp may tell its timings only.
            for chunk in [chunk for chunk in self._kept if b'"timings"' in chunk]:
                self._read(chunk)

    def usage(self) -> TokenUsage | None:
        """What was reported, and an estimate of whatever was streamed after the last report.

        None where nothing was reported at all. A finished stream's last report is the truth; in one that was cut off,
        tokens streamed after the last report were billed though nobody told.
        """
        if self._reported is None or self.ended:
            return self._reported
        return self._reported.followed_by(self.unreported_tokens())

    def unreported_tokens(self) -> int:
        """Estimated tokens of everything that was streamed since the last report."""
        self._count_kept()
        return self._unreported_tokens

    def _whole_lines(self, chunk: bytes) -> bytes:
        data = self._line + chunk
        cut = data.rfind(b"\n") + 1
        self._line = data[cut:]
        return data[:cut]

    def _clock(self, chunk: bytes) -> None:
        if self.thinking_at is None and _HIDDEN.search(chunk):
            self.thinking_at = time.monotonic()
            self.first_token_at = self.thinking_at
        if _VISIBLE.search(chunk):
            self.visible_at = time.monotonic()
            self.first_token_at = self.first_token_at or self.visible_at

    def _read(self, chunk: bytes) -> bool:
        found = False
        for line in chunk.splitlines(keepends=True):
            event = parse_line(line)
            usage = find_usage(event)
            tokens = read_usage(usage)
            if usage is not None and tokens is not None:
                found = True
                self._kept.clear()
                self._kept_bytes = self._unreported_tokens = 0
                self._reported = tokens if self._reported is None else self._reported.merged(tokens)
                self.raw_usage = {**(self.raw_usage or {}), **usage}
            else:
                self._keep(line)
            self.ended = self.ended or self._is_end(event, line)
        return found or self.ended

    def _is_end(self, event: object, line: bytes) -> bool:
        if self._wire == "chat":
            return line.strip() == b"data: [DONE]" or line.strip() == b"data:[DONE]"
        if not isinstance(event, Mapping):
            return False
        if self._wire == "ollama":
            return event.get("done") is True
        return event.get("type") in (("message_stop",) if self._wire == "anthropic" else _RESPONSES_ENDS)

    def _keep(self, chunk: bytes) -> None:
        self._kept.append(chunk)
        self._kept_bytes += len(chunk)
        if self._kept_bytes > _KEEP_BYTES:
            self._count_kept()

    def _count_kept(self) -> None:
        if self._kept:
            text = "".join(streamed_text(b"".join(self._kept)))
            self._unreported_tokens += estimate.text_tokens(text)
            self._kept.clear()
            self._kept_bytes = 0


def parse_line(line: bytes) -> object:
    """The JSON of one line, with or without ``data:`` before it; None where there is none."""
    line = line.strip()
    if line.startswith(b"data:"):
        line = line[5:].lstrip()
    if not line.startswith(b"{"):
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def streamed_text(data: bytes) -> Iterator[str]:
    """Everything that the model wrote in these lines: answer, thoughts and tool arguments, of any wire format."""
    for line in data.splitlines():
        event = parse_line(line)
        if isinstance(event, Mapping):
            yield from _event_text(event)


def answered_text(body: object) -> str:
    """Everything that the model wrote in a response body that was not streamed."""
    return "".join(_event_text(body)) if isinstance(body, Mapping) else ""


_TEXT_KEYS = ("content", "text", "reasoning_content", "reasoning", "thinking", "response", "arguments", "partial_json")
_NESTED_KEYS = ("choices", "delta", "message", "tool_calls", "function", "output", "content", "content_block", "item")


def _event_text(event: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    if depth > 8 or event.get("type") in _RESPONSES_ENDS:  # Those repeat the whole answer.
        return
    if depth == 0 and isinstance(event.get("delta"), str):  # Responses: {"type": "….delta", "delta": "text"}
        yield event["delta"]
        return
    for key in _TEXT_KEYS:
        if isinstance(event.get(key), str):
            yield event[key]
    for key in _NESTED_KEYS:
        inner = event.get(key)
        for item in inner if isinstance(inner, list) else (inner,):
            if isinstance(item, Mapping):
                yield from _event_text(item, depth + 1)
