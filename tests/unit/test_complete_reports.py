"""A report says whether calls of older versions are still missing in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.conversion import Conversion
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.progress import write_progress
from openwebui_usage.ledger.report_query import ReportQuery
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_call, usage_combination, usage_cube, usage_dimension
from openwebui_usage.rules.buckets import TimeRange
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.tables import give_tables

NOW = int(time.time())
DAY = 86_400
UPGRADED = NOW - 10 * DAY
CALLS = [NOW - days * DAY for days in (40, 30, 20)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    """Three calls of an older version, and one since the upgrade."""
    store = Store(engine)
    give_tables(engine)
    store.record([a_call(id=f"{at * 10**9:016x}{new_id()[16:]}", started_at=at) for at in CALLS])
    with engine.begin() as connection:
        connection.execute(update(usage_call).values(combination=None))
        for table in (usage_cube, usage_combination, usage_dimension):
            connection.execute(delete(table))
        write_progress(connection, "recorded_since", repr(float(UPGRADED)))
    fresh = Store(engine)
    fresh.record([a_call()])
    yield fresh
    for each in (store, fresh):
        each.close()


def report(store: Store, start: int, end: int, *, compare: bool = False) -> tuple[int, bool]:
    """How many calls are in a report, and whether it says that it has all."""
    time_range = TimeRange(start // QUARTER, end // QUARTER + 1, "UTC")
    found = store.reports.answer(ReportQuery(time_range, compare_previous=compare))
    return found.totals.calls, found.is_complete


def test_a_report_is_incomplete_until_all_its_calls_are_converted(store: Store, engine: Engine) -> None:
    conversion = Conversion(engine, None)
    seen = [report(store, NOW - 50 * DAY, NOW)]
    for _ in CALLS:
        conversion._rows_per_step = 1
        conversion.step()
        seen.append(report(store, NOW - 50 * DAY, NOW))
    assert seen == [(1, False), (2, False), (3, False), (4, True)]


def test_only_the_time_that_is_asked_for_matters(store: Store, engine: Engine) -> None:
    assert report(store, UPGRADED + DAY, NOW) == (1, True)
    assert report(store, NOW - 100 * DAY, NOW - 50 * DAY) == (0, True)
    assert report(store, UPGRADED + DAY, NOW + 11 * DAY, compare=True) == (1, False)
    conversion = Conversion(engine, None)
    conversion._rows_per_step = 1
    conversion.step()
    assert report(store, NOW - 41 * DAY, NOW - 39 * DAY) == (1, True)
    assert report(store, NOW - 31 * DAY, NOW - 29 * DAY) == (0, False)


def test_a_new_ledger_has_complete_reports(tmp_path: Path) -> None:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/new.db")
    store = Store(engine)
    store.migrate()
    store.record([a_call()])
    assert report(store, NOW - DAY, NOW + DAY) == (1, True)
    store.close()
    engine.dispose()
