"""A small process that records calls as a worker does, to be counted, and to be killed.

`python -m tests.support.recorder DATABASE_URL SPOOL_FOLDER --threads 8 --calls 100` prints the id of each call once it
is durable. Without `--calls` it goes on until it is killed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from openwebui_usage.ledger import CallInfo, CallRow, Store, Writer
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.rules.tokens import TokenUsage

INFO_FIELDS = frozenset(item.name for item in fields(CallInfo))
MODELS = ("gpt-4o", "gpt-4o-mini", "o3-mini")


def engine_like_open_webui(url: str) -> Engine:
    """An engine with the settings that Open WebUI gives to its own."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _set_pragmas)
    return engine


def a_call(model: str = "gpt-4o", **others: object) -> CallRow:
    """A call of 100 tokens in and 10 out, 4 of those for reasoning."""
    usage = TokenUsage(input=100, cached_input=20, completion=10, reasoning=4, output=10)
    return call_row(model, **{"usage": usage, "user_id": "user-1", "duration": 1.5, **others})


def call_row(model: str = "gpt-4o", **values: Any) -> CallRow:
    """A row of any values, whether they are known before or after the call."""
    values = {"called_model": model, "started_at": time.time(), "usage": TokenUsage(), **values}
    known_before = {name: values.pop(name) for name in INFO_FIELDS & values.keys()}
    return CallRow(CallInfo(model, **known_before), **values)


def start_recorder(url: str, spool: Path, *arguments: object) -> subprocess.Popen[str]:
    """The process; its standard output are the ids of durable calls."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.recorder", url, str(spool), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("spool", type=Path)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int)
    given = parser.parse_args(arguments)

    writer = Writer(Store(engine_like_open_webui(given.url)), Spool(given.spool))
    writer.start()
    os.write(1, b"ready\n")

    def record(numbers: Iterator[int]) -> None:
        for number in numbers:
            row = a_call(MODELS[number % len(MODELS)])
            writer.submit(row).result()
            os.write(1, f"{row.id}\n".encode())  # As the client of a stream: told only now.

    calls = [itertools.count() if given.calls is None else iter(range(given.calls)) for _ in range(given.threads)]
    threads = [threading.Thread(target=record, args=(numbers,)) for numbers in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.stop()


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


if __name__ == "__main__":
    main()
