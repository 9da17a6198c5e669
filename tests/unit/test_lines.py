"""Lines are the same however a stream is cut, and none is kept without bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.lines import LineReader


def read(chunks: list[bytes], longest: int) -> list[bytes]:
    reader = LineReader(longest)
    lines = [line for chunk in chunks for line in reader.feed(chunk)]
    return [*lines, reader.rest()]


@given(st.lists(st.binary(max_size=4) | st.sampled_from([b"\n", b"\r\n", b"a\nb", b"\r"])), st.integers(0, 9))
def test_where_chunks_end_makes_no_difference(chunks: list[bytes], longest: int) -> None:
    *whole, last = b"".join(chunks).split(b"\n")
    kept = [line for line in whole if len(line) <= longest]
    assert read(chunks, longest) == [*kept, last if len(last) <= longest else b""]


def test_no_more_than_one_line_is_kept() -> None:
    reader = LineReader(100)
    for _ in range(1000):
        assert reader.feed(b"x" * 30) == []
        assert len(reader.rest()) <= 100
    assert reader.feed(b"\nnext\n") == [b"next"]
