"""kill -9 at any moment, under load: every call whose end a client saw is in the ledger, and none is there twice."""

from __future__ import annotations

import itertools
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.host import ROOT
from tests.support.openwebui import OpenWebUI
from tests.support.process import Fork, Process, wait_until
from tests.support.provider import Provider
from tests.support.recorder import engine_like_open_webui
from tests.support.services import Postgres

MARK = "call-number"
_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/webui.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()


_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "LOCK TABLE usage_call IN EXCLUSIVE MODE"}


def ids_in(url: str) -> list[str]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(select(usage_call.c.id)).scalars())


class Recorder:
    """A process that records calls until it is killed, and notes the id of each once it is durable."""

    def __init__(self, fork: Callable[..., Fork], url: str, folder: Path, *, threads: int) -> None:
        number = next(_numbers)
        self._process = Process(
            ["-m", "tests.support.recorder", url, folder / "spool", "--threads", str(threads)],
            env={"PATH": os.environ["PATH"]},
            cwd=ROOT,
            log=folder / f"recorder-{number}.log",
            fork=fork,
        )
        wait_until(lambda: "ready\n" in self._text(), timeout=60, what="it records", details=self._process.log_tail)

    def kill(self) -> set[str]:
        """The ids that it noted, each on a line of its own. Death may cut a line, and others are warnings."""
        self._process.kill()
        return set(re.findall(r"^([0-9a-f]{32})\n", self._text(), re.MULTILINE))

    def _text(self) -> str:
        return self._process.log.read_text()


def test_twenty_times_a_worker_is_killed(command_forks: Callable[..., Fork], url: str, tmp_path: Path) -> None:
    """Two workers at a time, one of them killed; its successor takes over what it left in its spool file."""
    engine = engine_like_open_webui(url)
    store = Store(engine)
    store.migrate()
    store.create_group("G", ["*"], None, "documented")
    spool, moments = tmp_path / "spool", random.Random(20)
    known = set[str]()
    survivor = Recorder(command_forks, url, tmp_path, threads=4)
    for round_ in range(20):
        recorder = Recorder(command_forks, url, tmp_path, threads=8)
        with engine.connect() as other:
            if round_ % 4 == 3:  # Death comes while rows go to the spool file.
                other.exec_driver_sql(_LOCKS[engine.dialect.name])
            time.sleep(moments.uniform(0.01, 0.4) + (round_ % 4 == 3))
            known |= recorder.kill()
    known |= survivor.kill()

    writer = Writer(store, Spool(spool))
    writer.start()  # As the next process does.
    writer.stop()
    ids = ids_in(url)
    assert len(known) > 200
    assert known <= set(ids)
    assert len(ids) == len(set(ids)) == store.group("G").sums.calls
    assert store.group("G").sums.input == 100 * len(ids)
    store.close()
    engine.dispose()


def test_open_webui_is_killed_under_load(start_openwebui: Callable[..., OpenWebUI], provider: Provider) -> None:
    server = start_openwebui()
    server.admin.add_group("G", ["gpt-4o-mini", "gpt-4o"])
    moments, seen = random.Random(3), set[str]()
    numbers = itertools.count(1)
    for _ in range(3):
        seen |= _load_until_killed(server, numbers, moments.uniform(1.0, 2.5))
        server.start()
    provider.ended_calls(1)
    assert len(seen) >= 30

    engine = create_engine(f"sqlite:///{server.ledger_file}", poolclass=NullPool)
    with engine.connect() as connection:
        rows = list(connection.execute(select(usage_call).where(usage_call.c.user_id.is_not(None))))
    by_prompt = {str(row.input): row for row in rows}
    billed = {
        number: call.billed
        for call in provider.calls()
        for number in [str(call.request["messages"][-1]["content"]).split()[0]]
        if call.billed and number.startswith(MARK)
    }
    # Each call has a prompt of its own length, so that its row is known by its tokens.
    for number in seen:
        assert str(billed[number]["prompt"]) in by_prompt, number
    assert len(by_prompt) == len(rows), "a call was counted twice"
    usage = server.admin.usage_groups()["G"]["usage"]
    assert usage["calls"] == len(rows)
    assert usage["in"] == sum(row.input for row in rows)


def _load_until_killed(server: OpenWebUI, numbers: Iterator[int], seconds: float) -> set[str]:
    """Calls from 16 clients; which of them saw the end of their answer before all went dark."""
    seen: set[str] = set()
    killed = threading.Event()
    admin = server.admin
    headers = {"Authorization": f"Bearer {admin.token}"}

    def chat(_: int) -> None:
        with httpx.Client(base_url=server.url, headers=headers, timeout=30, trust_env=False) as client:
            for number in numbers:
                name = f"{MARK}-{number}"
                # Four characters are a token to the stand-in.
                prompt = f"{name} ".ljust(4 * (10 + number), "x")
                body = {
                    "model": "gpt-4o-mini",
                    "messages": [{"role": "user", "content": prompt}],
                    "stream": number % 2 == 0,
                }
                try:
                    answer = client.post("/api/chat/completions", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code == httpx.codes.OK and (not body["stream"] or "[DONE]" in answer.text):
                    seen.add(name)
                if killed.is_set():
                    return

    with ThreadPoolExecutor(16) as pool:
        done = [pool.submit(chat, client) for client in range(16)]
        wait_until(lambda: seen, timeout=30, what="the first call has ended")
        time.sleep(seconds)
        killed.set()
        server.kill9()
        for future in done:
            future.result()
    return seen
