"""What the provider streams is read line by line, however odd it is, and no line is kept without bound."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from openwebui_usage.client.stream import Stream
from openwebui_usage.rules.lines import LONGEST_LINE
from tests.unit.test_meter import Ledger, new_call


async def told(chunks: Iterable[bytes]) -> list[dict[str, Any]]:
    """The events that a stream of the provider becomes."""

    @contextlib.asynccontextmanager
    async def answer() -> AsyncIterator[AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        yield pieces()

    async def report(*told: Any) -> dict[str, Any]:
        return {}

    stream = Stream(new_call(Ledger()), answer(), report)
    await stream.begin()
    events = [event async for event in stream.events()]
    await stream.close()
    return [json.loads(event[5:]) for event in events if event.startswith(b"data:")]


def said(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode()


@pytest.mark.parametrize(
    ("chunks", "texts"),
    [
        ([said("a") + b"\n\n", said("b") + b"\n\n"], ["a", "b"]),
        ([said("a") + b"\r", b"\n\r", b"\n" + said("b") + b"\r\n\r\n"], ["a", "b"]),
        ([bytes([byte]) for byte in said("ä🙂") + b"\r\n" + said("b")], ["ä🙂", "b"]),
        ([said("a") + b"\n" + said("b") + b"\n" + said("c")], ["a", "b", "c"]),
        ([b": comment\n", b"\n\n", b"event: x\nid: 1\n", said("a")], ["a"]),
        ([said("x" * 2_000_000)[:1_000_000], said("x" * 2_000_000)[1_000_000:] + b"\n"], ["x" * 2_000_000]),
        ([said("a") + b"\n", said("x" * LONGEST_LINE) + b"\n", said("b") + b"\n"], ["a", "b"]),
        ([said("a") + b"\n", *[b"x" * 1_000_000] * 100, b"\n" + said("b") + b"\n"], ["a", "b"]),
        ([said("a") + b"\n", *[b"x" * 1_000_000] * 100], ["a"]),
    ],
    ids=[
        *("two events", "CR LF over chunks", "byte by byte", "many in a chunk", "nothing to say", "a picture"),
        *("too long", "100 MB before an end", "no end for 100 MB"),
    ],
)
def test_odd_streams_are_read_and_not_kept(chunks: list[bytes], texts: list[str]) -> None:
    tracemalloc.start()
    try:
        events = asyncio.run(told(chunks))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [event["text"] for event in events if event["type"] == "content"] == texts
    assert events[-1]["type"] == "done"
    assert peak < 100_000_000


def test_an_error_without_the_end_of_its_line_is_told() -> None:
    events = asyncio.run(told([said("a") + b"\n", b'{"error": {"message": "Out of memory"}}']))
    assert (events[-1]["type"], events[-1]["error"]) == ("error", "Out of memory")
