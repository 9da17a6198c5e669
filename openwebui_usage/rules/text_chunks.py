"""Chunks of a chat that bring nothing but text, told without parsing them.

Around every few letters of an answer a provider repeats the same id, model and empty fields. A chunk that has the same
bytes before and after its text as one that was parsed has the same structure: it is no report, no error and no end, and
of all its bytes only the text need be kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from openwebui_usage.rules.error_classes import reported_class
from openwebui_usage.rules.stream_events import parse_line, streamed_text
from openwebui_usage.rules.usage_places import find_usage

_STRING = rb'"((?:[^"\\]|\\.)*)"'
_TEXTS = re.compile(rb'"(?:content|text|reasoning_content|reasoning|refusal|arguments)"\s*:\s*' + _STRING)
_PADDING = re.compile(rb'"obfuscation"\s*:\s*"([A-Za-z0-9]+)"')
"""Of random length, so that nobody on the line can tell words by their size:
https://platform.openai.com/docs/api-reference/chat-streaming/streaming
"""
_inside_a_string = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL).fullmatch
_BETWEEN_TEXTS = b'","'
"""Never inside one: its second quote would end the string."""
_BACKSLASH = b"\\"[0]
_NO_EVENT = 28
"""So many bytes are too few for the end of one event and another one that tells anything."""


@dataclass(frozen=True, slots=True)
class TextChunks:
    """What all chunks of one kind have in common: the bytes `before` and `after` what differs. That is a text or, where
    there is padding, a text, what stands `between`, and the padding.
    """

    before: bytes
    after: bytes
    between: bytes
    start: int
    """Where the text begins in a chunk."""
    stop: int
    """Where what differs ends, counted from the chunk's end."""
    longest: int
    """The size of a chunk that has no room for more than a text between `before` and `after`. In a longer one that is
    to be seen by `text_of`.
    """

    @classmethod
    def like(cls, chunk: bytes) -> TextChunks | None:
        """Those like `chunk`; None if it is more than one line, or not just text."""
        texts = list(streamed_text(chunk))
        if len(texts) != 1 or not texts[0] or b"\n" in chunk.strip():
            return None
        for found in _TEXTS.finditer(chunk):
            padding = _PADDING.search(chunk, found.end())
            between = b"" if padding is None else chunk[found.end(1) : padding.start(1)]
            after = chunk[found.end(1) if padding is None else padding.end(1) :]
            start = found.start(1)
            longest = start + len(between) + len(after) + _NO_EVENT
            kind = cls(chunk[:start], after, between, start, -len(after), longest)
            if kind._brings_only_text():
                return kind
        return None

    def _brings_only_text(self) -> bool:
        event = parse_line(self._line(b"x"))
        if find_usage(event) is not None or reported_class(event) is not None:
            return False
        return list(streamed_text(self._line(b"x"))) == ["x"]

    def text_of(self, chunk: bytes) -> bytes | None:
        """The text of a chunk that has `before` and `after`, in JSON's escapes. None if there is more between them."""
        text = chunk[self.start : self.stop]
        if self.between:
            text, found, padding = text.partition(self.between)
            if not found or not padding.isalnum():
                return None
        return text if _inside_a_string(text) else None

    def texts_of(self, chunks: Sequence[bytes]) -> list[bytes] | None:
        """Those of several chunks. None if one has more."""
        if not self.between:
            texts = [chunk[self.start : self.stop] for chunk in chunks]
            together = b"".join(texts)
            if together.find(b'"') < 0 and _BACKSLASH not in together:
                return texts
        found = [text for chunk in chunks if (text := self.text_of(chunk)) is not None]
        return found if len(found) == len(chunks) else None

    def _line(self, text: bytes) -> bytes:
        return self.before + text + self.between + self.after

    def lines(self, texts: Sequence[bytes]) -> bytes:
        """The lines that brought these texts, without padding."""
        return b"".join(map(self._line, texts))


class TextRun:
    """The texts of successive chunks of one kind."""

    __slots__ = ("_count", "_kind", "_texts")

    def __init__(self, kind: TextChunks, texts: Sequence[bytes]) -> None:
        self._kind = kind
        self._texts = bytearray(_BETWEEN_TEXTS.join(texts))
        self._count = len(texts)

    def add(self, kind: TextChunks, texts: Sequence[bytes]) -> bool:
        """Take texts of the same kind. False if they are of another."""
        if kind is not self._kind:
            return False
        self._texts += _BETWEEN_TEXTS + _BETWEEN_TEXTS.join(texts)
        self._count += len(texts)
        return True

    def __len__(self) -> int:
        """Bytes that are kept."""
        return len(self._texts)

    @property
    def streamed(self) -> int:
        """Bytes of the lines that brought it."""
        return len(self._texts) + self._count * len(self._kind.lines([b""]))

    def text(self) -> str:
        """What the model wrote."""
        try:
            return "".join(json.loads(b'["' + self._texts + b'"]'))
        except ValueError:  # One of them is no JSON; the others count.
            return "".join(streamed_text(self._kind.lines(bytes(self._texts).split(_BETWEEN_TEXTS))))
