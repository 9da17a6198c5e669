"""Hides usage that this package asked for from clients that did not ask for it."""

from __future__ import annotations

from openwebui_usage.rules.stream_events import parse_line
from openwebui_usage.rules.stream_marks import REPORT

_LONGEST_END = 100_000


class UsageHider:
    """Removes the event that only reports usage from a chat stream, with the blank line after it.

    An incomplete line is held back until it is known whether it is that event.
    """

    __slots__ = ("_begun", "_hid")

    def __init__(self) -> None:
        self._begun = b""
        self._hid = False

    def pass_on(self, chunk: bytes) -> bytes:
        """The bytes to send to the client, of this chunk and of what was held back before it."""
        data = self._begun + chunk
        cut = len(data) if len(data) - data.rfind(b"\n") > _LONGEST_END else data.rfind(b"\n") + 1
        lines, self._begun = data[:cut], data[cut:]
        return b"".join(line for line in lines.splitlines(keepends=True) if not self._hides(line))

    @property
    def idle(self) -> bool:
        """Whether nothing is held back, and no blank line has to be removed next."""
        return not self._begun and not self._hid

    def rest(self) -> bytes:
        """The bytes that are still held back at the end of the stream."""
        rest, self._begun = self._begun, b""
        return b"" if self._hides(rest) else rest

    def _hides(self, line: bytes) -> bool:
        if self._hid and not line.strip():
            self._hid = False
            return True
        event = parse_line(line) if _tells_usage(line) else None
        self._hid = isinstance(event, dict) and event.get("choices") == [] and isinstance(event.get("usage"), dict)
        return self._hid


def _tells_usage(chunk: bytes) -> bool:
    return REPORT["chat"].search(chunk) is not None
