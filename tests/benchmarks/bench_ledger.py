"""What the ledger does by itself, on a SQLite file of its own.

    tests/run --bench ledger

Prints a table in Markdown; asserts nothing.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, insert

from openwebui_usage.ledger import CallInfo, CallRow, Store, Writer
from openwebui_usage.ledger.recording import _COLUMNS, _call_values, _Counted
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.periods import PeriodKind
from openwebui_usage.rules.tokens import TokenUsage

WRITERS, CALLS_EACH, SINGLE = 64, 400, 2000
BATCH = 64
GROUPS, FEW, MANY = 1000, 1000, 1_000_000
COUNTED = 400_000


def a_row(number: int = 0) -> CallRow:
    usage = TokenUsage(input=100, completion=50, reasoning=20, output=50)
    return CallRow(CallInfo(f"model-{number % GROUPS}", "gpt-4o"), started_at=time.time(), usage=usage)


def a_store(folder: Path) -> Store:
    store = Store(file_engine(folder / "ledger.db"))
    store.migrate()
    store.create_group("bench", ["model-*"], 10**15, "documented")
    return store


def per_second(calls: int, work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return calls / (time.perf_counter() - started)


def in_threads(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_commit_per_call(folder: Path) -> float:
    store = a_store(folder)

    def work() -> None:
        for _ in range(SINGLE):
            store.record([a_row()])

    return per_second(SINGLE, work)


def cpu_of_a_call(folder: Path) -> tuple[float, float]:
    """Milliseconds of the writer's CPU time for a call that is alone, and for one of a batch."""
    store = a_store(folder)

    def spent(calls: int, commits: int) -> float:
        batches = [[a_row() for _ in range(calls)] for _ in range(commits)]
        started = time.thread_time()
        for batch in batches:
            store.record(batch)
        return (time.thread_time() - started) / commits / calls * 1000

    spent(BATCH, 5)
    return min(spent(1, SINGLE // 5) for _ in range(5)), min(spent(BATCH, SINGLE // 50) for _ in range(5))


def through_the_writer(folder: Path) -> tuple[float, float, float]:
    """Calls per second from threads and from tasks, and megabytes that the process grew."""
    writer = Writer(a_store(folder), Spool(folder / "spool"))
    writer.start()

    def work() -> None:
        for _ in range(CALLS_EACH):
            writer.submit(a_row()).result()

    async def task() -> None:
        for _ in range(CALLS_EACH):
            await writer.write(a_row())

    async def tasks() -> None:
        await asyncio.gather(*(task() for _ in range(WRITERS)))

    threads = per_second(WRITERS * CALLS_EACH, lambda: in_threads(work))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loop = per_second(WRITERS * CALLS_EACH, lambda: asyncio.run(tasks()))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    writer.stop()
    return threads, loop, grown


def alone(folder: Path) -> float:
    """Milliseconds of a commit when nothing else happens, median."""
    store = a_store(folder)
    spans = []
    for _ in range(SINGLE):
        started = time.perf_counter()
        store.record([a_row()])
        spans.append(time.perf_counter() - started)
    return statistics.median(spans) * 1000


def reading_groups(folder: Path) -> tuple[float, float]:
    """Milliseconds of `groups()` with few and with many rows in the ledger, medians."""
    engine = file_engine(folder / "ledger.db")
    store = Store(engine)
    store.migrate()
    for number in range(GROUPS):
        store.create_group(f"group {number}", [f"model-{number}"], 10**9, "documented")
    store.record([a_row(number) for number in range(FEW)])
    few = _median_ms(store.groups)
    _fill(engine, FEW, MANY)
    return few, _median_ms(store.groups)


def _fill(engine: Engine, start: int, end: int) -> None:
    with engine.begin() as connection:
        for first in range(start, end, 10_000):
            values = [
                _call_values(_Counted(a_row(number), None, (0,) * 6, ()), None)
                for number in range(first, first + 10_000)
            ]
            rows = [dict(zip(_COLUMNS, row, strict=True)) for row in values]
            connection.execute(insert(usage_call), rows)


def beside_definitions(folder: Path) -> tuple[float, float, float]:
    """Milliseconds that calls waited to be durable, at most, in quiet and while budgets and periods were counted from
    many rows; and the milliseconds that such a count took, median.
    """
    engine = file_engine(folder / "ledger.db")
    store = Store(engine)
    store.migrate()
    store.create_group("bench", ["*"], None, "documented")
    _fill(engine, 0, COUNTED)
    writer = Writer(store, Spool(folder / "spool"))
    writer.start()
    waits: list[float] = []
    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            started = time.perf_counter()
            writer.submit(a_row()).result()
            waits.append(time.perf_counter() - started)
            time.sleep(0.002)

    calls = threading.Thread(target=call)
    calls.start()
    time.sleep(3)
    quiet, spans = max(waits), []
    waits.clear()
    periods: tuple[PeriodKind, ...] = ("day", "week", "month")
    for number in range(6):
        for change in (
            lambda number=number: store.create_budget(Budget("", f"budget {number}", 5, scope=Scope("each_user"))),
            lambda number=number: store.update_group("bench", {"period": periods[number % 3]}),
            lambda number=number: store.update_budget("budget 0", {"models": (f"model-{number}*",)}),
        ):
            started = time.perf_counter()
            change()
            spans.append(time.perf_counter() - started)
    ended.set()
    calls.join()
    writer.stop()
    return quiet * 1000, max(waits) * 1000, statistics.median(spans) * 1000


def _median_ms(work: Callable[[], object]) -> float:
    spans = []
    for _ in range(30):
        started = time.perf_counter()
        work()
        spans.append(time.perf_counter() - started)
    return statistics.median(spans) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(6)]
        for folder in folders:
            folder.mkdir()
        single = one_commit_per_call(folders[0])
        threads, loop, grown = through_the_writer(folders[1])
        print("| what | figure |")
        print("|---|---|")
        print(f"| one commit per call | {single:,.0f} durable calls/s |")
        print(f"| group commit, {WRITERS} threads | {threads:,.0f} durable calls/s (× {threads / single:.1f}) |")
        print(f"| group commit, {WRITERS} tasks of one loop | {loop:,.0f} durable calls/s (× {loop / single:.1f}) |")
        print(f"| memory grown in {WRITERS * CALLS_EACH:,} calls | {grown:+.1f} MB |")
        print(f"| a commit alone, median | {alone(folders[2]):.2f} ms |")
        alone_, together = cpu_of_a_call(folders[5])
        print(f"| CPU of the writer a call, single | {alone_:.3f} ms |")
        print(f"| CPU of the writer a call, batches of {BATCH} | {together:.4f} ms |")
        few, many = reading_groups(folders[3])
        print(f"| {GROUPS:,} groups read, {FEW:,} rows in the ledger | {few:.1f} ms |")
        print(f"| {GROUPS:,} groups read, {MANY:,} rows in the ledger | {many:.1f} ms (× {many / few:.2f}) |")
        quiet, beside, span = beside_definitions(folders[4])
        print(f"| longest wait of a call, {COUNTED:,} rows in the ledger | {quiet:.1f} ms |")
        print(f"| the same while budgets are made and periods changed, {span:,.0f} ms each | {beside:.1f} ms |")


if __name__ == "__main__":
    main()
