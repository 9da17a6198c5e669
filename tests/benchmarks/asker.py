"""Calls of a chat API with next to no work for the client, so that it is never the slow part of a benchmark."""

from __future__ import annotations

import asyncio
import json
import time

from tests.support.openwebui import OpenWebUI


class Asker:
    """One user with `count` open connections: nothing but sockets, so that the client is never the slow part."""

    def __init__(self, server: OpenWebUI, count: int) -> None:
        self._host, self._port = "127.0.0.1", server.port
        self._token = server.admin.token
        self._count = count

    async def ask(self, model: str, calls: int, *, asks_for_usage: bool = True) -> tuple[list[float], float]:
        """Seconds of each call, request to end, and calls per second. Where the client asks for usage, both hosts get
        the same bytes from the provider.
        """
        left = iter(range(calls))
        spans: list[float] = []

        async def work() -> None:
            reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 24)
            for _ in left:
                started = time.perf_counter()
                writer.write(self._request(model, asks_for_usage))
                await _answer(reader)
                spans.append(time.perf_counter() - started)
            writer.close()

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(self._count)))
        return spans, calls / (time.perf_counter() - started)

    def _request(self, model: str, asks_for_usage: bool) -> bytes:
        asked = {"stream_options": {"include_usage": True}} if asks_for_usage else {}
        said = [{"role": "user", "content": "Hello"}]
        body = json.dumps({"model": model, "stream": True, "messages": said, **asked})
        head = (
            f"POST /api/chat/completions HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        return f"{head}\r\n{body}".encode()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(head.decode())
    last = b""
    while not last.endswith(b"0\r\n\r\n"):
        last = (last + await reader.read(1 << 16))[-16:]
