"""What was streamed after the last report. Its tokens are only estimated if no other report follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openwebui_usage.rules import estimate
from openwebui_usage.rules.stream_events import streamed_text
from openwebui_usage.rules.text_chunks import TextChunks, TextRun


class Unreported:
    """Lines and texts in the order in which they came."""

    __slots__ = ("_kept", "_tokens", "size")

    def __init__(self) -> None:
        self._kept: list[bytes | TextRun] = []
        self._tokens = 0
        self.size = 0
        """Bytes that are kept."""

    def add(self, lines: bytes) -> None:
        """Keep whole lines."""
        self._kept.append(lines)
        self.size += len(lines)

    def add_texts(self, kind: TextChunks, texts: Sequence[bytes]) -> None:
        """Keep the texts of chunks of one `kind`."""
        last = self._kept[-1] if self._kept else None
        before = len(last) if isinstance(last, TextRun) else 0
        if not isinstance(last, TextRun) or not last.add(kind, texts):
            last, before = TextRun(kind, texts), 0
            self._kept.append(last)
        self.size += len(last) - before

    def clear(self) -> None:
        """A report covers all of it."""
        self._kept.clear()
        self._tokens = self.size = 0

    def backwards(self) -> Iterator[bytes]:
        """Its lines, the last first, without those that bring only text."""
        return (kept for kept in reversed(self._kept) if isinstance(kept, bytes))

    def last(self, size: int) -> bytes:
        """The same in their order, of the `size` bytes that were streamed last."""
        lines = b""
        for kept in reversed(self._kept):
            if isinstance(kept, bytes):
                lines = kept[-size:] + lines
                size -= len(kept)
            else:
                size -= kept.streamed
            if size <= 0:
                break
        return lines

    def tokens(self) -> int:
        """The estimated tokens of all of it. Only their number is kept."""
        if self._kept:
            self._tokens += estimate.text_tokens("".join(self._texts()))
            self._kept.clear()
            self.size = 0
        return self._tokens

    def _texts(self) -> Iterator[str]:
        lines: list[bytes] = []
        for kept in self._kept:
            if isinstance(kept, bytes):
                lines.append(kept)
                continue
            yield from streamed_text(b"".join(lines))
            lines.clear()
            yield kept.text()
        yield from streamed_text(b"".join(lines))
