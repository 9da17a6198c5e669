"""What it costs to tell whom a budget would have refused, on a large ledger: see `synthetic_year`.

    tests/run --bench preview
    python -m tests.benchmarks.bench_preview --calls 10000000 --rows 2500000 --database postgresql://…

Prints a table in Markdown; asserts nothing. What is asked is this month, so rows of it are enough. Calls are being
written meanwhile, 50 a second. A database that is named keeps the year, for the next time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.report_query import Named, ReportQuery
from openwebui_usage.rules.buckets import time_range
from openwebui_usage.rules.budgets import Budget, Scope
from tests.benchmarks.bench_reports import calls_being_written, engine_of
from tests.benchmarks.synthetic_year import Year

REPEATS = 3


def budgets(store: Store, first: datetime, now: datetime) -> dict[str, Budget]:
    """Budgets of a month that some reach, by what they are called."""
    month = time_range(first.isoformat(), now.isoformat(), "UTC", now)
    of_users = store.reports.answer(ReportQuery(month, group_by=("user",))).rows
    used = sorted(row.sums.input + row.sums.completion + row.sums.reasoning for row in of_users)
    spent = sorted(row.sums.cost_nano for row in of_users)
    groups = store.reports.answer(ReportQuery(month, group_by=("user_group",))).rows
    group = next(value for row in groups for value in row.values if isinstance(value, Named))

    def each(limit: int, unit: str = "tokens") -> Budget:
        return Budget("", "new", limit, unit, Scope("each_user"), period="month")  # type: ignore[arg-type]

    return {
        "each user, tokens, nobody reaches it": each(used[-1] * 2),
        "each user, tokens, one in 100 reaches it": each(used[-len(used) // 100]),
        "each user, tokens, one in 10 reaches it": each(used[-len(used) // 10]),
        "each user of a user group, tokens, the same limit": Budget(
            "", "new", used[-len(used) // 10], "tokens", Scope("each_user_of_group", group.id), period="month"
        ),
        "each user, dollars, one in 2 reaches it": each(spent[len(spent) // 2], "usd"),
        "everybody together, tokens, 9/10 of what was used": Budget(
            "", "new", sum(used) * 9 // 10, "tokens", Scope("everyone"), period="month"
        ),
    }


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=2_500_000)
    parser.add_argument("--database", help="a URL; by default a SQLite file of its own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        engine = engine_of(given.database or f"sqlite:///{name}/usage.db")
        store = Store(engine)
        store.migrate()
        year = Year(engine, given.calls)
        if not year.is_filled:
            year.fill_cubes()
            year.fill_rows(given.rows)
        now = datetime.now(UTC)
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        print(f"\n{given.calls:,} calls of a year on {engine.dialect.name}; at {now:%Y-%m-%d %H:%M} UTC, "
              f"load average {os.getloadavg()[0]:.1f}\n")  # fmt: skip
        print("| budget | it took | CPU time | refused calls, of users |\n|---|---|---|---|")
        with calls_being_written(store, Path(name)) as waits:
            for what, budget in budgets(store, first, now).items():
                took = []
                for _ in range(REPEATS):
                    wall, processor = time.perf_counter(), time.thread_time()
                    preview = store.preview_budget(budget, first.timestamp(), now.timestamp())
                    took.append((time.perf_counter() - wall, time.thread_time() - processor))
                wall, processor = (statistics.median(column) for column in zip(*took, strict=True))
                print(f"| {what} | {wall:,.2f} s | {processor:,.2f} s | {preview.calls:,}, "
                      f"{len(preview.refused):,} |", flush=True)  # fmt: skip
        waits.sort()
        print(f"\nA call that was written meanwhile waited {statistics.median(waits):.1f} ms (median), "
              f"{waits[int(len(waits) * 0.99)]:.0f} ms (p99), {waits[-1]:.0f} ms at most; "
              f"load average {os.getloadavg()[0]:.1f}")  # fmt: skip
        engine.dispose()


if __name__ == "__main__":
    main()
