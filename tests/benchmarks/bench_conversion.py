"""A large ledger of an older version: how long calls wait while a newer version takes it over.

    tests/run --bench conversion
    python -m tests.benchmarks.bench_conversion --rows 10000000 --database postgresql://…

Prints a table in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text

from openwebui_usage.ledger import CallInfo, CallRow, Store, Writer, database
from openwebui_usage.ledger.conversion import Conversion
from openwebui_usage.ledger.months import is_partitioned
from openwebui_usage.ledger.partitioning import Partitioning
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.tokens import TokenUsage

OLD = "0005"
"""The last revision without reports."""
USERS, MODELS, DAYS = 2_000, 20, 365
PAUSE = 0.01
"""Seconds between two calls that are written meanwhile."""
QUIET_SECONDS = 5.0
BUDGETS = 6


class Waits:
    """How long calls waited to be durable, in milliseconds: `work` is done while they are written."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def beside(self, work: Callable[[], None]) -> str:
        waits: list[float] = []
        is_over = threading.Event()

        def write() -> None:
            while not is_over.is_set():
                started = time.perf_counter()
                self._writer.submit(_a_call()).result()
                waits.append((time.perf_counter() - started) * 1000)
                time.sleep(PAUSE)

        thread = threading.Thread(target=write)
        thread.start()
        started = time.perf_counter()
        try:
            work()
        finally:
            took = time.perf_counter() - started
            is_over.set()
            thread.join()
        waits.sort()
        p99 = waits[int(len(waits) * 0.99)]
        return f"{took:,.1f} s | {p99:.1f} ms | {waits[-1]:.1f} ms | {len(waits):,}"


def _a_call() -> CallRow:
    info = CallInfo("model-1", "gpt-4o", f"user-{random.randrange(USERS)}")
    return CallRow(info, time.time(), TokenUsage(input=100, completion=50, reasoning=20, output=50))


def old_ledger(engine: Engine, rows: int) -> None:
    """Tables as `OLD` has them, and a year of calls, the last of them an hour and a half ago."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).with_name("migrations")))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        upgrade(config, OLD)
        connection.commit()
        for values in _batches(rows):
            connection.exec_driver_sql(_insertion(engine), values)
            connection.commit()
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE usage_call"))


_COLUMNS = (
    *("id", "started_at", "user_id", "user_name", "model", "called_model", "chat_id", "message_id", "path", "groups"),
    *("input", "cached_input", "cache_write", "completion", "reasoning", "output", "estimated", "unverified"),
    *("outcome", "duration", "cost_nano", "cost_source", "raw_usage"),
)


_SAME = (
    *("/api/chat/completions", "", 900, 100, 0, 200, 50, 200, False, False, "done", 2.5, 4_000_000, "genai-prices"),
    '{"prompt_tokens": 900, "completion_tokens": 200, "total_tokens": 1100}',
)
"""What all calls have, in the order of `_COLUMNS`, from `path` on."""


def _insertion(engine: Engine) -> str:
    mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    return f"INSERT INTO usage_call ({names}) VALUES ({', '.join([mark] * len(_COLUMNS))})"


def _batches(rows: int) -> Iterator[list[tuple[object, ...]]]:
    chance, end = random.Random(1), time.time() - 5400
    start = end - DAYS * 86_400
    for first in range(0, rows, 10_000):
        batch: list[tuple[object, ...]] = []
        for number in range(first, min(first + 10_000, rows)):
            at = start + (end - start) * number / rows
            user, model = chance.randrange(USERS), chance.randrange(MODELS)
            chat = os.urandom(16).hex()
            values: tuple[object, ...] = (
                f"user-{user}",
                f"User {user}",
                f"model-{model}",
                "gpt-4o",
                chat,
                chat,
                *_SAME,
            )
            batch.append((f"{id_at(at)}{number:016x}", at, *values))
        yield batch


@contextmanager
def _writing(engine: Engine, folder: Path) -> Iterator[Writer]:
    writer = Writer(Store(engine), Spool(folder / "spool"))
    writer.start()
    yield writer
    writer.stop()


def convert(engine: Engine) -> None:
    """As `Upkeep` does it: it rests three times as long as it works."""
    conversion = Conversion(engine, None)
    while True:
        started = time.perf_counter()
        if conversion.step().is_done:
            return
        time.sleep(min(0.25, 3 * (time.perf_counter() - started)))


def make_months(engine: Engine) -> None:
    partitioning = Partitioning(engine, None)
    while True:
        partitioning.step()
        with engine.connect() as connection:
            if is_partitioned(connection, None):
                return
        time.sleep(0.05)


def make_budgets(store: Store) -> None:
    for number in range(BUDGETS):
        store.create_budget(Budget("", f"budget {number}", 5, scope=Scope("each_user" if number % 2 else "everyone")))
        store.update_budget(f"budget {number}", {"models": (f"model-{number}*",)})
        store.update_group("bench", {"period": ("day", "month")[number % 2]})
    for number in range(BUDGETS):
        store.delete_budget(f"budget {number}")
    store.reset_group("bench")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--database", help="a URL of an empty database; by default a SQLite file of its own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = create_engine(given.database) if given.database else file_engine(folder / "ledger.db")
        old_ledger(engine, given.rows)
        started = time.perf_counter()
        Store(engine).migrate()
        print(f"The first start of the newer version, {given.rows:,} rows: {time.perf_counter() - started:.2f} s\n")
        print("| calls are written while | it took | wait of a call, p99 | longest | calls |")
        print("|---|---|---|---|---|")
        with _writing(engine, folder) as writer:
            store, waits = Store(engine), Waits(writer)
            store.create_group("bench", ["model-*"], None, "documented")
            print(f"| nothing else happens | {waits.beside(lambda: time.sleep(QUIET_SECONDS))} |", flush=True)
            print(f"| rows get into the sums for reports | {waits.beside(lambda: convert(engine))} |", flush=True)
            print(f"| budgets and periods change | {waits.beside(lambda: make_budgets(store))} |", flush=True)
            if engine.dialect.name == "postgresql":
                print(f"| the table gets a part for each month | {waits.beside(lambda: make_months(engine))} |")
        engine.dispose()


if __name__ == "__main__":
    main()
