"""What the plugin does for each chunk of a stream, by itself, and the memory that many streams and long lines take.

    tests/run --bench streams

No Open WebUI, no network: chunks as Open WebUI passes them on, through a bare iterator and through the one that meters.
CPU time of this process, the least of several rounds. Prints tables in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.meter import Call

EVENTS, ROUNDS = 3_000, 15
OPEN, OPEN_EVENTS = 1_000, 300
LONG_LINE, PIECE = 100_000_000, 64_000
BODY = {"messages": [{"role": "user", "content": "Hello"}]}
BLANK = b"\n"


class NoLedger:
    """Takes rows and forgets them."""

    def post(self, row: CallRow) -> None:
        """See `meter.RowWriter`."""

    async def write(self, row: CallRow) -> None:
        """See `meter.RowWriter`."""


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(_measure())


async def _measure() -> None:
    print(f"\n| {EVENTS:,} chunks and their blank lines | bare | usage shown | usage hidden |\n|---|---|---|---|")
    kinds: tuple[tuple[str, dict[str, object]], ...] = (
        ("no `usage` in them", {}),
        ('`"usage": null` in each', {"usage": None}),
        ("the same, and padding", {"usage": None, "obfuscation": "PADDING"}),
    )
    for label, more in kinds:
        chunks = _answer(EVENTS, more)
        best = {"bare": 1e9, "shown": 1e9, "hidden": 1e9}
        for _ in range(ROUNDS):
            for name in best:
                stream = _pieces(chunks) if name == "bare" else _metered(_pieces(chunks), hide=name == "hidden")
                best[name] = min(best[name], await _cpu_seconds(stream))
        cells = [f"{best['bare'] * 1e3:.2f} ms"]
        cells += [f"{best[name] * 1e3:.2f} ms, {_more(best, name):+.2f} µs a chunk" for name in ("shown", "hidden")]
        print(f"| {label} | {' | '.join(cells)} |")
    print("\n| memory | at the most | when it is open |\n|---|---|---|")
    for label, measure in (
        (f"{OPEN:,} streams open, {OPEN_EVENTS:,} chunks each", _many_streams),
        (f"a line of {LONG_LINE // 10**6} MB, in pieces of {PIECE // 1000} kB", _long_line),
        (f"{LONG_LINE // 10**6} MB without an end of line, in the same pieces", _endless_line),
    ):
        gc.collect()
        tracemalloc.start()
        left = await measure()
        print(f"| {label} | {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB | {left / 1e6:.1f} MB |")
        tracemalloc.stop()


def _more(best: dict[str, float], name: str) -> float:
    return (best[name] - best["bare"]) / EVENTS * 1e6


async def _many_streams() -> int:
    """Each has been read to its last chunk but the end."""
    pieces = _answer(OPEN_EVENTS, {"usage": None})[:-4]
    streams = [_metered(_endless(pieces), hide=True) for _ in range(OPEN)]
    for stream in streams:
        for _ in pieces:
            await anext(stream)
    left = tracemalloc.get_traced_memory()[0]
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    return left


async def _long_line() -> int:
    begun = b'data: {"choices": [{"delta": {"content": "'
    return await _drained([begun, *_filler(), b'"}}]}\n', BLANK, b"data: [DONE]\n", BLANK])


async def _endless_line() -> int:
    return await _drained(_filler())


def _filler() -> Iterable[bytes]:
    return (b"x" * PIECE for _ in range(LONG_LINE // PIECE))


async def _drained(chunks: Iterable[bytes]) -> int:
    most = 0
    async for _ in _metered(_pieces(chunks), hide=True):
        most = max(most, tracemalloc.get_traced_memory()[0])
    return most


def _answer(events: int, more: dict[str, object]) -> Sequence[bytes]:
    """An answer as Open WebUI passes it on: line by line."""
    lines: list[bytes] = []
    for number in range(events):
        chunk: dict[str, object] = {"id": "chatcmpl-8fJx2", "object": "chat.completion.chunk", "created": 1_764_000_000}
        chunk |= {"model": "bench-long", "choices": [{"index": 0, "delta": {"content": f" word{number}"}}], **more}
        if "obfuscation" in chunk:
            chunk["obfuscation"] = "aB3x"[: 1 + number % 4]
        lines += [_line(chunk), BLANK]
    usage = {"prompt_tokens": 5, "completion_tokens": events, "total_tokens": events + 5}
    return [*lines, _line({"choices": [], "usage": usage}), BLANK, b"data: [DONE]\n", BLANK]


def _line(event: object) -> bytes:
    return b"data: " + json.dumps(event).encode() + BLANK


def _metered(chunks: AsyncIterator[bytes], *, hide: bool) -> AsyncIterator[bytes | str]:
    request = CallRequest(CallInfo("bench", "bench", user_id="ann"), BODY, hide_usage_chunk=hide)
    return Call(request, NoLedger()).forward(chunks)


async def _pieces(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _endless(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Chunks of its own, as a socket would bring them."""
    for chunk in chunks:
        yield bytes(bytearray(chunk))


async def _cpu_seconds(stream: AsyncIterator[object]) -> float:
    gc.collect()
    gc.disable()
    started = time.process_time()
    async for _ in stream:
        pass
    spent = time.process_time() - started
    gc.enable()
    return spent


if __name__ == "__main__":
    main()
