"""Prepared answers onto the network: pace, cuts, failures, and the entry in the book."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.book import Entry
from tests.support.provider.plan import CALL_ID, Bill, Frame, Plan
from tests.support.provider.wire import Wire

_BETWEEN_CUTS = 0.002
"""Seconds; enough for the pieces to arrive one by one on loopback."""
_YIELD_EVERY = 32


@lru_cache(maxsize=64)
def _prepared(wire: Wire, plan: Plan) -> Sequence[Frame]:
    return wire.frames(plan)


class Gone(Exception):
    """The client went away."""


class Client:
    """The other end of one request."""

    def __init__(self, receive: Receive) -> None:
        self._left = asyncio.ensure_future(self._wait(receive))

    @staticmethod
    async def _wait(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def pause(self, seconds: float) -> None:
        """Wait, or raise Gone as soon as the client leaves."""
        if seconds or not self._left.done():
            await asyncio.wait({self._left}, timeout=seconds)
        if self._left.done():
            raise Gone

    def release(self) -> None:
        self._left.cancel()


class Whole(Response):
    """An answer in one piece."""

    def __init__(self, entry: Entry, wire: Wire, plan: Plan) -> None:
        self.entry, self.wire, self.plan = entry, wire, plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry, behaviour = self.entry, self.plan.behaviour
        value, entry.reported = self.wire.whole(self.plan)
        entry.bill(self.plan.bill, self.wire.completion(self.plan.bill, behaviour))
        body = json.dumps(value, ensure_ascii=False).replace(CALL_ID, entry.id).encode()
        client = Client(receive)
        try:
            await client.pause(behaviour.first_byte_delay)
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            entry.first_byte = time.time()
            if behaviour.break_after is not None:
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                entry.reported = None
                entry.end("broken")
                return
            await send({"type": "http.response.body", "body": body})
            entry.end("done")
        except Gone:
            entry.reported = None
            entry.end("gone")
        finally:
            client.release()


class Streamed(Response):
    """An answer as a stream. What has been made when the client leaves is billed, and no more."""

    def __init__(self, entry: Entry, wire: Wire, plan: Plan) -> None:
        self.entry, self.wire, self.plan = entry, wire, plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        behaviour = self.plan.behaviour
        frames = _prepared(self.wire, self.plan)
        stop_after = min((n for n in (behaviour.error_after, behaviour.break_after) if n is not None), default=None)
        client = Client(receive)
        self._bill(self.plan.so_far(0, 0))
        try:
            await client.pause(behaviour.first_byte_delay)
            content_type = f"{self.wire.MEDIA_TYPE}; charset=utf-8".encode()
            headers = [(b"content-type", content_type), (b"cache-control", b"no-cache")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            self.entry.first_byte = time.time()
            await self._send_frames(client, send, frames[:stop_after])
            if behaviour.break_after is not None:
                self.entry.end("broken")  # returning without a last part makes the server cut the connection
                return
            last = b""
            if behaviour.error_after is not None:
                last = self.wire.error_frame("The stand-in fails here, as told.")
            await send({"type": "http.response.body", "body": last})
            self.entry.end("done" if behaviour.error_after is None else "error")
        except Gone:
            self.entry.end("gone")
        finally:
            client.release()

    async def _send_frames(self, client: Client, send: Send, frames: Sequence[Frame]) -> None:
        behaviour, call_id = self.plan.behaviour, self.entry.id.encode()
        pause = behaviour.delay or (_BETWEEN_CUTS if behaviour.cut else 0)
        for number, (data, frame) in enumerate(_writes(frames, behaviour, call_id)):
            if number and (pause or number % _YIELD_EVERY == 0):
                await client.pause(pause)
            await send({"type": "http.response.body", "body": data, "more_body": True})
            self._bill(frame.bill)
            self.entry.reported = frame.usage or self.entry.reported

    def _bill(self, bill: Bill) -> None:
        self.entry.bill(bill, self.wire.completion(bill, self.plan.behaviour))


def _writes(frames: Sequence[Frame], behaviour: Behaviour, call_id: bytes) -> Iterator[tuple[bytes, Frame]]:
    """What goes into each write, with the last frame that is whole by then (or the one just begun)."""
    placeholder = CALL_ID.encode()
    if behaviour.cut is None:
        for start in range(0, len(frames), behaviour.burst):
            together = frames[start : start + behaviour.burst]
            told = next((frame.usage for frame in reversed(together) if frame.usage), None)
            data = b"".join(frame.data for frame in together).replace(placeholder, call_id)
            yield data, Frame(b"", together[-1].bill, told)
        return
    carried, last = b"", None
    for frame in frames:
        *pieces, carried = _split(carried + frame.data.replace(placeholder, call_id), behaviour.cut)
        for piece in pieces:
            yield piece, frame
        last = frame
    if carried and last:
        yield carried, last


def _split(data: bytes, cut: Any) -> list[bytes]:
    """`data` cut up. The last piece is held back by the caller and glued to what follows."""
    if isinstance(cut, int):
        return [data[start : start + cut] for start in range(0, len(data), cut)]
    places = set()
    for mark, offset in ((b'"usage"', 3), (b'\\"usage', 4), (b"\r\n", 1), (b"data:", 2)):
        start = data.find(mark)
        while start >= 0:
            places.add(start + offset)
            start = data.find(mark, start + 1)
    places |= {place for place, byte in enumerate(data) if 0x80 <= byte < 0xC0}
    ends = [*sorted(place for place in places if 0 < place < len(data)), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
