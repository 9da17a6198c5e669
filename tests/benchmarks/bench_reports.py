"""What reports cost on a large ledger: a synthetic year of 5,000 people, see `synthetic_year`.

    tests/run --bench reports
    python -m tests.benchmarks.bench_reports --calls 100000000 --rows 0 --database postgresql://…

Prints a table in Markdown; asserts nothing. `--rows`: of how many of the latest calls there are rows as well as sums.
Calls are being written meanwhile, 50 a second.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, create_engine

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


def median_ms(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def queries(year: Year) -> dict[str, ReportQuery]:
    """The reports that people ask for, by what they are called."""
    end = datetime.fromtimestamp(year.last * QUARTER, UTC)

    def last(days: int, zone: str = "UTC") -> TimeRange:
        return time_range((end - timedelta(days=days)).isoformat(), end.isoformat(), zone, end)

    return {
        "24 hours by quarter × model": ReportQuery(last(1), "15m", ("model",)),
        "30 days by day × model, Berlin": ReportQuery(last(30, "Europe/Berlin"), "day", ("model",)),
        "30 days by day × model, Kathmandu": ReportQuery(last(30, "Asia/Kathmandu"), "day", ("model",)),
        "30 days, user × model, top 20": ReportQuery(last(30), "none", ("user", "model"), top=20),
        "30 days by day × user, top 10, Berlin": ReportQuery(last(30, "Europe/Berlin"), "day", ("user",), top=10),
        "a year by month × model, previous year": ReportQuery(
            last(365, "Europe/Berlin"), "month", ("model",), compare_previous=True
        ),
        "a year by month × user, top 10": ReportQuery(last(365), "month", ("user",), top=10),
        "a year by day × model, Berlin": ReportQuery(last(365, "Europe/Berlin"), "day", ("model",)),
        "a year by user group": ReportQuery(last(365), "none", ("user_group",)),
        "a year by usage group × connection": ReportQuery(last(365), "none", ("usage_group", "connection")),
        "a year of one user by day × model, Berlin": ReportQuery(
            last(365, "Europe/Berlin"), "day", ("model",), {"user": (year.a_user,)}
        ),
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
    parser.add_argument("--database", help="a URL; by default a SQLite file of its own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine: Engine = create_engine(given.database) if given.database else file_engine(folder / "usage.db")
        store = Store(engine)
        store.migrate()
        started = time.perf_counter()
        year = Year(store, engine, given.calls)
        sums = year.fill_cubes()
        rows = year.fill_rows(given.rows) if given.rows else 0
        took = time.perf_counter() - started
        size = "" if given.database else f", {(folder / 'usage.db').stat().st_size / 1e6:,.0f} MB"
        print(f"\n{given.calls:,} calls of a year on {engine.dialect.name}: {sums:,} sums of a quarter of an hour, "
              f"{rows:,} rows{size}; made in {took:.0f} s\n")  # fmt: skip
        print("| report | median |\n|---|---|")
        reports = Reports(engine, None)
        with calls_being_written(store, folder) as waits:
            for what, query in queries(year).items():
                print(f"| {what} | {median_ms(lambda query=query: reports.answer(query)):,.0f} ms |", flush=True)  # type: ignore[misc]
            if rows:
                for what, work in pages(engine, year).items():
                    print(f"| {what} | {median_ms(work):,.1f} ms |", flush=True)
        waits.sort()
        print(f"| a call that was written meanwhile waited, median | {statistics.median(waits):.1f} ms |")
        print(f"| the longest of {len(waits)} such calls | {waits[-1]:.0f} ms |")
        engine.dispose()


def pages(engine: Engine, year: Year) -> dict[str, Callable[[], object]]:
    """Pages of the list of calls, and all of it."""
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
        "all calls, read once": lambda: sum(1 for _ in log.all(everything)),
    }


if __name__ == "__main__":
    main()
