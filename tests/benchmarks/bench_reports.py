"""What reports cost on a large ledger: a synthetic year of 5,000 people, see `synthetic_year`.

    tests/run --bench reports
    python -m tests.benchmarks.bench_reports --calls 100000000 --rows 0 --database postgresql://…

Prints a table in Markdown; asserts nothing. `--rows`: of how many of the latest calls there are rows as well as sums.
`--slots`: the sums of quarters of an hour by all dimensions are most of a year, and reports read those of its first
day and the latest ones alone.
Calls are being written meanwhile, 50 a second. A database that is named keeps the year, for the next time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine, make_url

from openwebui_usage.api.answers.reports import report_json
from openwebui_usage.api.routes.encoding import json_bytes
from openwebui_usage.ledger import CallInfo, CallRow, Store, Writer
from openwebui_usage.ledger.call_log import CallLog, CallQuery
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.report_query import ReportQuery
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.buckets import TimeRange, time_range
from openwebui_usage.rules.tokens import TokenUsage
from tests.benchmarks.synthetic_year import Year

REPEATS = 7
PER_SECOND = 50


class Measured(NamedTuple):
    """Medians, in milliseconds."""

    wall: float
    cpu: float
    """Of the thread that asks, and of the database's own processes."""


class Stopwatch:
    """Measures work that asks one database."""

    def __init__(self, engine: Engine) -> None:
        """Finds its processes, where it has any on this machine."""
        self._engine = engine

    def median(self, work: Callable[[], object]) -> Measured:
        """Of some repeats, after one that warms up."""
        work()
        processes = self._processes()
        times = []
        for _ in range(REPEATS):
            cpu, wall = time.thread_time() + _cpu_of(processes), time.perf_counter()
            work()
            times.append((time.perf_counter() - wall, time.thread_time() + _cpu_of(processes) - cpu))
        return Measured(*(1000 * statistics.median(column) for column in zip(*times, strict=True)))

    def _processes(self) -> list[int]:
        if self._engine.dialect.name == "sqlite":
            return []
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with self._engine.connect() as connection:
            return [int(pid) for pid in connection.exec_driver_sql(query).scalars()]


def _cpu_of(processes: list[int]) -> float:
    """Seconds."""
    found = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")


def queries(year: Year) -> dict[str, ReportQuery]:
    """The reports that people ask for, by what they are called."""
    end = datetime.fromtimestamp(year.last * QUARTER, UTC)

    def last(days: int, zone: str = "UTC") -> TimeRange:
        """To the very end of the year."""
        return time_range((end - timedelta(days=days)).isoformat(), end.isoformat(), zone, end)

    def whole(days: int, zone: str) -> TimeRange:
        """From a midnight on, as people ask, until now."""
        first = end.astimezone(ZoneInfo(zone)).date() - timedelta(days=days)
        return time_range(first.isoformat(), datetime.now(UTC).isoformat(), zone, end)

    berlin, kathmandu, of_a_user = "Europe/Berlin", "Asia/Kathmandu", {"user": (year.a_user,)}
    return {
        "24 hours by quarter × model": ReportQuery(last(1), "15m", ("model",)),
        "7 days by hour × connection, Berlin": ReportQuery(whole(7, berlin), "hour", ("connection",)),
        "30 days by day × model, Berlin": ReportQuery(whole(30, berlin), "day", ("model",)),
        "30 days by day × model, Kathmandu": ReportQuery(whole(30, kathmandu), "day", ("model",)),
        "30 days by day × kind, Berlin": ReportQuery(whole(30, berlin), "day", ("kind",)),
        "30 days by day × user group × model, Berlin": ReportQuery(whole(30, berlin), "day", ("user_group", "model")),
        "30 days, user × model, top 20": ReportQuery(last(30), "none", ("user", "model"), top=20),
        "30 days, user × model, top 20, Berlin": ReportQuery(whole(30, berlin), "none", ("user", "model"), top=20),
        "30 days by day × user, top 10, Berlin": ReportQuery(whole(30, berlin), "day", ("user",), top=10),
        "30 days, user, all 5,000": ReportQuery(whole(30, berlin), "none", ("user",)),
        "a year by month × model, previous year": ReportQuery(
            last(365, berlin), "month", ("model",), compare_previous=True
        ),
        "a year by month × user, top 10": ReportQuery(last(365), "month", ("user",), top=10),
        "a year, user × model, top 20, Berlin": ReportQuery(whole(365, berlin), "none", ("user", "model"), top=20),
        "a year by day × model, Berlin": ReportQuery(whole(365, berlin), "day", ("model",)),
        "a year by day × model, Kathmandu": ReportQuery(whole(365, kathmandu), "day", ("model",)),
        "a year by user group": ReportQuery(last(365), "none", ("user_group",)),
        "a year by day × user group, Berlin": ReportQuery(whole(365, berlin), "day", ("user_group",)),
        "a year by usage group × connection": ReportQuery(last(365), "none", ("usage_group", "connection")),
        "a year by key × outcome": ReportQuery(last(365), "none", ("key", "outcome")),
        "a year of one user by day × model, Berlin": ReportQuery(whole(365, berlin), "day", ("model",), of_a_user),
    }


@contextmanager
def calls_being_written(store: Store, folder: Path) -> Iterator[list[float]]:
    """So many a second; how long each waited to be durable, in milliseconds."""
    writer = Writer(store, Spool(folder / "spool"), lambda recorded: None)
    writer.start()
    stopped, waits = threading.Event(), list[float]()

    def work() -> None:
        number = 0
        while not stopped.wait(1 / PER_SECOND):
            info = CallInfo(f"model-{number % 30}", f"model-{number % 30}", user_id=f"user-{number % 500}", kind="chat")
            started = time.perf_counter()
            writer.submit(CallRow(info, time.time(), TokenUsage(input=100, completion=50, output=50))).result(30)
            waits.append((time.perf_counter() - started) * 1000)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield waits
    finally:
        stopped.set()
        thread.join()
        writer.stop()


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slots", type=int, default=366, help="days with sums by all dimensions of each quarter")
    parser.add_argument("--database", help="a URL; by default a SQLite file of its own")
    parser.add_argument("--only", default="", help="reports with this in their name")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = engine_of(given.database or f"sqlite:///{folder / 'usage.db'}")
        store = Store(engine)
        store.migrate()
        started = time.perf_counter()
        year = Year(engine, given.calls)
        if not year.is_filled:
            sums, rows = year.fill_cubes(given.slots), 0
            if given.rows:
                rows = year.fill_rows(given.rows)
            took = time.perf_counter() - started
            print(f"\n{given.calls:,} calls of a year on {engine.dialect.name}: {sums:,} sums of a quarter of an hour, "
                  f"{rows:,} rows, {_size(engine) / 1e6:,.0f} MB; made in {took:.0f} s", flush=True)  # fmt: skip
        print(f"\nAt {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average {os.getloadavg()[0]:.1f}\n")
        print("| report | median | CPU time | rows |\n|---|---|---|---|")
        reports, stopwatch = Reports(engine, None), Stopwatch(engine)
        with calls_being_written(store, folder) as waits:
            for what, query in queries(year).items():
                if given.only in what:
                    measured = stopwatch.median(lambda query=query: json_bytes(report_json(reports.answer(query))))  # type: ignore[misc]
                    count = len(reports.answer(query).rows)
                    print(f"| {what} | {measured.wall:,.0f} ms | {measured.cpu:,.0f} ms | {count:,} |", flush=True)
            if given.rows:
                for what, work in pages(engine, year).items():
                    measured = stopwatch.median(work)
                    print(f"| {what} | {measured.wall:,.1f} ms | {measured.cpu:,.1f} ms | |", flush=True)
        waits.sort()
        print(f"| a call that was written meanwhile waited, median | {statistics.median(waits):.1f} ms | | |")
        print(f"| the longest of {len(waits)} such calls | {waits[-1]:.0f} ms | | |")
        print(f"\nLoad average {os.getloadavg()[0]:.1f}, "
              f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")  # fmt: skip
        engine.dispose()


def engine_of(url: str) -> Engine:
    parsed = make_url(url)
    return file_engine(Path(parsed.database or "")) if parsed.drivername == "sqlite" else create_engine(url)


def _size(engine: Engine) -> int:
    """In bytes."""
    if engine.dialect.name == "sqlite":
        return Path(engine.url.database or "").stat().st_size
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)


def pages(engine: Engine, year: Year) -> dict[str, Callable[[], object]]:
    """Pages of the list of calls."""
    log = CallLog(engine, None)
    middle = f"{round((year.last - 48) * QUARTER * 1e9):016x}"
    everything, of_one = CallQuery(), CallQuery(filters={"user": (year.a_user,)})
    return {
        "a page of 100 calls, the newest": lambda: log.page(everything, 100),
        "a page of 100 calls, in the middle": lambda: log.page(everything, 100, middle),
        "a page of 100 calls of one user": lambda: log.page(of_one, 100),
        "a page of 100 calls of one user and one model": lambda: log.page(
            CallQuery(filters={"user": (year.a_user,), "model": ("model-7",)}), 100
        ),
    }


if __name__ == "__main__":
    main()
