"""What it costs to list and export calls, over HTTP as anybody asks for it, while calls are being written.

    tests/run --bench exports
    python -m tests.benchmarks.bench_exports --calls 1000000 --database postgresql://…

Prints a table in Markdown; asserts nothing. The routes are served by a process of their own, which writes 50 calls a
second meanwhile, and tells how long its event loop and those calls had to wait.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, func, select

from openwebui_usage.api import usage_router
from openwebui_usage.ledger import CallInfo, CallRow, Store, Writer
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import Notifier
from tests.benchmarks.synthetic_year import Year
from tests.support.process import wait_until
from tests.support.router import make_access

PER_SECOND = 50
REPEATS = 9
_LOOK_EVERY = 0.001
_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


# -- the process that serves ------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """Of the serving process, since it was last asked."""

    memory: int = 0
    """Bytes, at most."""
    loop_waits: list[float] = field(default_factory=list)
    """Milliseconds that the event loop came late."""
    call_waits: list[float] = field(default_factory=list)
    """Milliseconds until a call was durable."""
    processor_time: float = field(default_factory=time.process_time)

    def told(self) -> dict[str, float]:
        loop, calls = sorted(self.loop_waits) or [0.0], sorted(self.call_waits) or [0.0]
        return {
            "memory": self.memory,
            "loop_p99": loop[int(len(loop) * 0.99)],
            "loop_max": loop[-1],
            "call_median": statistics.median(calls),
            "call_max": calls[-1],
            "processor_time": time.process_time() - self.processor_time,
        }


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_SIZE


def app_of(engine: Engine, spool: Path) -> FastAPI:
    """The routes of /api/usage, and `/measured`."""
    store, measured = Store(engine), [Measured()]

    async def watch() -> None:
        while True:
            due = time.perf_counter() + _LOOK_EVERY
            await asyncio.sleep(_LOOK_EVERY)
            measured[0].loop_waits.append((time.perf_counter() - due) * 1000)
            if len(measured[0].loop_waits) % 20 == 0:
                measured[0].memory = max(measured[0].memory, _memory())

    async def write(writer: Writer) -> None:
        number = 0
        while True:
            await asyncio.sleep(1 / PER_SECOND)
            number += 1
            info = CallInfo(f"model-{number % 30}", f"model-{number % 30}", user_id=f"user-{number % 500}", kind="chat")
            row = CallRow(info, time.time(), TokenUsage(input=100, completion=50, output=50))
            started = time.perf_counter()
            await asyncio.wrap_future(writer.submit(row))
            measured[0].call_waits.append((time.perf_counter() - started) * 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer = Writer(store, Spool(spool), lambda recorded: None)
        await asyncio.to_thread(writer.start)
        tasks = [asyncio.create_task(watch()), asyncio.create_task(write(writer))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(writer.stop)

    async def changed(_: Any) -> None: ...

    app = FastAPI(lifespan=lifespan)
    app.include_router(
        usage_router(store, make_access(store), "documented", changed, lambda: None, Notifier(store, None, None))
    )  # type: ignore[arg-type,return-value]

    @app.get("/measured")
    async def get_measured() -> dict[str, float]:
        told, measured[0] = measured[0].told(), Measured()
        return told

    return app


@contextmanager
def serving(url: str) -> Iterator[httpx.Client]:
    """Somebody who may read everything, and asks a process that serves the ledger at `url`."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        arguments = ["--serve", str(listening.fileno()), "--database", url, "--spool", folder]
        command = [sys.executable, "-m", "tests.benchmarks.bench_exports", *arguments]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()])
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, headers={"Authorization": "Bearer admin"}, timeout=600) as client:
                wait_until(lambda: client.get("/measured").is_success, timeout=60, what="the process serves")
                yield client
        finally:
            process.terminate()
            process.wait()


# -- what is measured -------------------------------------------------------------------------------------------------


def lines(client: httpx.Client, engine: Engine, formats: tuple[str, ...] = ("csv", "jsonl")) -> Iterator[str]:
    """Rows of a table: what, and its figures. `engine` is that of a `Year` with rows."""
    with engine.connect() as connection:
        first, last = connection.execute(select(func.min(usage_call.c.id), func.max(usage_call.c.id))).one()
        before = f"{(int(first[:16], 16) + int(last[:16], 16)) // 2:016x}"
        somebody = select(usage_call.c.user_id).where(usage_call.c.id < before).order_by(usage_call.c.id.desc())
        user = connection.execute(somebody.limit(1)).scalar_one()
    asked: dict[str, dict[str, Any]] = {
        "the newest": {},
        "in the middle": {"before": before},
        "of one user": {"user": user},
        "of one user and some models": {"user": user, "model": ["model-?"]},
        "of models by a glob": {"model": "model-1*", "before": before},
        "of one user group": {"user_group": "Group 3"},
        "of one usage group": {"usage_group": "Usage group 7"},
        "of one kind": {"kind": "api", "before": before},
        "with an API key": {"key": "sk-none"},
        "that failed": {"outcome": "error"},
        "of one connection": {"connection": "openai:https://provider-3.example/v1"},
    }
    for what, parameters in asked.items():
        took, found = _page(client, parameters)
        yield f"| a page of calls, {what} ({found}) | {took:,.1f} ms |"
    for format_ in formats:
        yield _export(client, format_)


def _page(client: httpx.Client, parameters: dict[str, Any]) -> tuple[float, int]:
    """Milliseconds, median, and how many calls it has."""
    times, calls = [], 0
    for number in range(REPEATS + 1):
        started = time.perf_counter()
        answer = client.get("/api/usage/calls", params=parameters).raise_for_status()
        if number:
            times.append((time.perf_counter() - started) * 1000)
        calls = len(answer.json()["calls"])
    return statistics.median(times), calls


def _export(client: httpx.Client, format_: str) -> str:
    base = client.get("/measured").json()["memory"]
    time.sleep(0.5)
    base = client.get("/measured").json()["memory"] or base
    started, size = time.perf_counter(), 0
    with client.stream("GET", "/api/usage/calls", params={"format": format_}) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw():
            size += len(chunk)
    took = time.perf_counter() - started
    told = client.get("/measured").json()
    return (
        f"| all calls as {format_}, {size / 1e6:,.0f} MB | {took:,.1f} s, {told['processor_time']:,.1f} s of CPU, "
        f"+{(told['memory'] - base) / 1e6:,.0f} MB; the event loop came late by {told['loop_p99']:.1f} ms (p99), "
        f"{told['loop_max']:.0f} ms at most; a call waited {told['call_median']:.1f} ms (median), "
        f"{told['call_max']:.0f} ms at most |"
    )


def main() -> None:
    """Fill, ask, print; or serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="rows; the year has ten times as many")
    parser.add_argument("--database", help="a URL; by default a SQLite file of its own")
    parser.add_argument("--formats", default="csv,jsonl,parquet,xlsx")
    parser.add_argument("--keep", type=Path, help="a SQLite file to use again; filled where it is not there")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--spool", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        config = uvicorn.Config(app_of(_engine(given.database), given.spool), log_level="warning", access_log=False)
        uvicorn.Server(config).run([socket.socket(fileno=given.serve)])
        return
    with tempfile.TemporaryDirectory() as folder:
        file = given.keep or Path(folder) / "usage.db"
        is_filled = file.exists()
        url = given.database or f"sqlite:///{file}"
        engine = _engine(url)
        store = Store(engine)
        store.migrate()
        if not is_filled:
            year = Year(engine, given.calls * 10)
            year.fill_cubes()
            year.fill_rows(given.calls)
        print(f"\n{given.calls:,} rows on {engine.dialect.name}; load average {os.getloadavg()[0]:.1f}\n")
        print("| what | figure |\n|---|---|")
        with serving(url) as client:
            for line in lines(client, engine, tuple(given.formats.split(","))):
                print(line, flush=True)
        engine.dispose()


def _engine(url: str) -> Engine:
    return file_engine(Path(url.removeprefix("sqlite:///"))) if url.startswith("sqlite") else create_engine(url)


if __name__ == "__main__":
    main()
