"""What comes after the end of a stream is waited for, for a moment, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from openwebui_usage import meter
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger import CallInfo
from openwebui_usage.meter import Meter
from openwebui_usage.read_ahead import read_ahead
from openwebui_usage.rules.tokens import TokenUsage
from tests.unit.test_meter import Ledger

DONE = b"data: [DONE]\n\n"
SAID = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5}}\n\n'


async def stream(*chunks: Any, closed: list[str] | None = None) -> AsyncIterator[Any]:
    """Chunks; a number is that many seconds of silence, an error is raised."""
    try:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, float):
                await asyncio.sleep(chunk)
            else:
                yield chunk
    finally:
        if closed is not None:
            closed.append("closed")


@pytest.mark.parametrize(
    ("chunks", "came", "rest"),
    [
        ([1, 2, 3, 4], [1, 2, 3], [4]),
        ([1, 2], [1, 2], []),
        ([], [], []),
        ([1, 0.05, 2, 3, 4], [1], [2, 3, 4]),
        ([0.05], [], []),
    ],
)
def test_nothing_is_lost_and_nobody_waits_for_long(chunks: list[Any], came: list[int], rest: list[int]) -> None:
    async def scenario() -> None:
        first, later = await read_ahead(stream(*chunks), lambda chunk: chunk == 3, 0.02)
        assert first == came
        assert [chunk async for chunk in later] == rest

    asyncio.run(scenario())


def test_an_error_is_raised_after_what_came_before_it() -> None:
    async def scenario() -> None:
        first, later = await read_ahead(stream(1, OSError("gone")), lambda _: False, 0.02)
        assert first == [1]
        with pytest.raises(OSError, match="gone"):
            await anext(later)

    asyncio.run(scenario())


@pytest.mark.parametrize("begun", [True, False])
def test_a_stream_that_is_given_up_is_closed(begun: bool) -> None:
    async def scenario() -> None:
        closed: list[str] = []
        source = stream(1, 0.03, 2, 60.0, closed=closed)
        _, later = await read_ahead(source, lambda _: False, 0.01)
        if begun:
            assert await anext(later) == 2
        await later.aclose()  # type: ignore[attr-defined]
        await source.aclose()  # type: ignore[attr-defined]
        assert closed == ["closed"]

    asyncio.run(scenario())


class TestAUsageAfterTheEnd:
    @pytest.mark.parametrize(
        "after", [(USAGE,), (b"\n", USAGE), (0.01, USAGE), (USAGE[:30], USAGE[30:]), (b": hm\n\n", USAGE)]
    )
    @pytest.mark.parametrize("hides", [True, False])
    def test_is_counted_before_the_end_is_seen(self, after: tuple[Any, ...], hides: bool) -> None:
        async def scenario() -> None:
            ledger = Ledger()
            call = await Meter(ledger).open(CallRequest(CallInfo("m", "m"), {}, hide_usage_chunk=hides))
            seen = b""
            async for chunk in call.forward(stream(SAID, DONE, *after)):
                seen += chunk if isinstance(chunk, bytes) else chunk.encode()
                assert bool(ledger.rows) is (b"[DONE]" in seen)
            whole = b"".join(piece for piece in (SAID, DONE, *after) if isinstance(piece, bytes))
            assert seen == (whole.replace(USAGE, b"") if hides else whole)
            assert ledger.only.usage == TokenUsage(12, completion=5, output=5)
            assert ledger.only.outcome == "done"

        asyncio.run(scenario())

    def test_that_never_comes_holds_nobody_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(meter, "_PATIENCE", 0.02)

        async def scenario() -> None:
            ledger = Ledger()
            call = await Meter(ledger).open(CallRequest(CallInfo("m", "m"), {}))
            chunks = call.forward(stream(SAID, DONE, 0.1, b": late\n\n"))
            assert [chunk async for chunk in chunks] == [SAID, DONE, b": late\n\n"]
            assert ledger.only.usage.estimated

        asyncio.run(scenario())

    def test_ends_with_who_goes_away_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(meter, "_PATIENCE", 0.02)

        async def scenario() -> None:
            ledger, closed = Ledger(), list[str]()
            call = await Meter(ledger).open(CallRequest(CallInfo("m", "m"), {}))
            chunks = call.forward(stream(SAID, DONE, 60.0, closed=closed))
            assert await anext(chunks) == SAID
            assert await anext(chunks) == DONE
            await chunks.aclose()  # type: ignore[attr-defined]
            assert closed == ["closed"]
            assert ledger.only.usage.estimated

        asyncio.run(scenario())
