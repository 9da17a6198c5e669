"""The stand-alone token client waits for nobody who does not ask; real sockets, and a server that serves."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from openwebui_usage.client import slow_connections
from openwebui_usage.client.slow_connections import ImpatientProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    if scope["type"] != "http":
        return
    await asyncio.sleep(0.8)  # Longer than headers are waited for.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(slow_connections, "HEADERS_TIMEOUT", 0.4)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=ImpatientProtocol, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def is_closed(connection: socket.socket, within: float = 3.0) -> bool:
    connection.settimeout(within)
    try:
        return connection.recv(1000) == b""
    except TimeoutError:
        return False


@pytest.mark.parametrize("sent", [b"", b"POST /chat HT", b"POST /chat HTTP/1.1\r\nHost: here\r\n"])
def test_a_connection_that_never_asks_is_ended(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_dripping_headers_do_not_help(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        began = time.monotonic()
        with suppress(OSError):  # The other end is gone.
            while time.monotonic() < began + 4:
                connection.sendall(b"X")
                time.sleep(0.1)
        assert time.monotonic() < began + 4


def test_an_answer_may_take_its_time_and_the_next_request_too_is_waited_for_only_so_long(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(5)
        for _ in range(2):
            connection.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")
        connection.sendall(REQUEST[:20])
        assert is_closed(connection)
