"""Cuts a stream into its lines. Chunks may end anywhere, and a provider may send a line that never ends."""

from __future__ import annotations

LONGEST_LINE = 16_000_000
"""Bytes. A line may contain a picture."""


class LineReader:
    """Lines as they become complete, without their ends. Keeps at most one unfinished line of `longest` bytes: a longer
    one is left out as a whole.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        """`feed` it each chunk, then ask for the `rest`."""
        self._longest = longest
        self._begun = bytearray()
        self._is_too_long = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk. Those that end in CR LF still have the CR."""
        *ended, begun = chunk.split(b"\n")
        lines: list[bytes] = []
        for line in ended:
            self._keep(line)
            if not self._is_too_long:
                lines.append(bytes(self._begun))
            self._begun.clear()
            self._is_too_long = False
        self._keep(begun)
        return lines

    def rest(self) -> bytes:
        """The last line, if it has no end."""
        return bytes(self._begun)

    def _keep(self, part: bytes) -> None:
        if self._is_too_long or len(self._begun) + len(part) > self._longest:
            self._is_too_long = True
            self._begun.clear()
        else:
            self._begun += part
