"""The client's connections: what asks nothing is closed, what is no Unicode is answered, who leaves is heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine

from openwebui_usage.client import app as app_module
from openwebui_usage.client import slow_connections
from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.app import Json, create_app
from openwebui_usage.client.slow_connections import ImpatientProtocol
from openwebui_usage.client.sound_json import sound_json
from openwebui_usage.client.stream import Stream
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.ledger import Store
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from tests.unit.test_meter import ANSWER, ANSWER_TOKENS, Ledger, new_call, source

SECONDS = 0.5


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a client under uvicorn that has room for 20 connections."""
    patch = pytest.MonkeyPatch()
    patch.setattr(slow_connections, "HEADERS_TIMEOUT", SECONDS)
    patch.setattr(slow_connections, "MOST_WAITING", 10)
    folder = tmp_path_factory.mktemp("client")
    engine, hasher = create_engine(f"sqlite:///{folder}/ledger.db"), TokenHasher(b"secret")
    runtime = Runtime(Store(engine), Path(folder), Settings())
    provider = Provider(Upstream("o1", "http://127.0.0.1:1"), 1.0)
    app = create_app(runtime, Accounts(engine, hasher), hasher, provider, rate=0)
    config = uvicorn.Config(
        app,
        log_level="error",
        ws="none",
        lifespan="off",
        limit_concurrency=20,
        timeout_graceful_shutdown=1,
        http=ImpatientProtocol,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)
    patch.undo()


def is_closed_by_the_server(connection: socket.socket, within: float) -> bytes | None:
    """What came before the end; None where the end did not come."""
    connection.settimeout(within)
    received = b""
    with contextlib.suppress(ConnectionError):
        try:
            while part := connection.recv(10_000):
                received += part
        except TimeoutError:
            return None
    return received


WHOLE = b"GET /about HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /about HTTP/1.1\r\nHost: x\r\nX-Slow:", WHOLE + b"GET /ab"])
def test_a_request_that_never_becomes_whole_is_given_up(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        received = is_closed_by_the_server(connection, SECONDS + 5)
        assert received is not None
        assert received.count(b"HTTP/1.1 200") == sent.count(WHOLE)


def test_a_body_that_never_comes_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "BODY_TIMEOUT", SECONDS)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        received = is_closed_by_the_server(connection, SECONDS + 5)
    assert received is not None
    assert received.startswith(b"HTTP/1.1 408")


def test_half_open_connections_keep_nobody_out(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        for _ in range(3):
            assert httpx.get(f"http://127.0.0.1:{port}/about", trust_env=False).status_code == 200


def test_a_connection_that_is_kept_alive_asks_again(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(3):
            assert client.get("/about").status_code == 200
            time.sleep(SECONDS / 3)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("漢字 🙂", "漢字 🙂"),
        ("half \ud83d", "half �"),
        ("\ude42 half", "� half"),
        ("a \ud83d\ude42 pair", "a 🙂 pair"),
        ("\ud83d\ud83d", "��"),
    ],
)
def test_half_a_character_is_answered_as_a_replacement(text: str, seen: str) -> None:
    assert json.loads(sound_json({"content": text, text: [text]})) == {"content": seen, seen: [seen]}
    assert json.loads(bytes(Json({"error": text}).body)) == {"error": seen}


@contextlib.asynccontextmanager
async def answering(chunks: list[bytes], silent: asyncio.Event) -> AsyncIterator[AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        async for chunk in source(chunks):
            yield chunk
        try:
            await asyncio.sleep(60)
        finally:
            with contextlib.suppress(asyncio.CancelledError):  # A connection that takes its time to end.
                await silent.wait()

    yield pieces()


def test_a_cancellation_while_a_stream_is_closed_is_not_swallowed() -> None:
    async def play() -> None:
        ledger, silent = Ledger(), asyncio.Event()

        async def report(*told: Any) -> dict[str, Any]:
            return {}

        stream = Stream(new_call(ledger), answering(ANSWER, silent), report)
        await stream.begin()
        events = stream.events()
        for _ in ANSWER:
            await anext(events)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        silent.set()
        await asyncio.sleep(0.05)
        assert ledger.only.usage.output == ANSWER_TOKENS

    asyncio.run(play())
