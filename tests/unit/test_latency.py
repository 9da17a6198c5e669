"""Percentiles of latency: as near to the calls themselves as is promised, whatever is folded, late or removed."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger import latency as module
from openwebui_usage.ledger.cubes import QUARTER, quarter_of
from openwebui_usage.ledger.folding import Folding
from openwebui_usage.ledger.latency import LatencyFolding
from openwebui_usage.ledger.report_query import Dimension, Named, ReportQuery
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.schema import usage_call, usage_latency, usage_progress
from openwebui_usage.rules.buckets import Bucket, TimeRange
from openwebui_usage.rules.durations import Duration
from openwebui_usage.rules.histograms import (
    LONGEST,
    RELATIVE_ERROR,
    SHORTEST,
    Histogram,
    add_text,
    histogram_of,
    percentile,
    to_text,
)
from tests.support.recorder import call_row
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures

START = 1_793_404_800.0
"""2026-10-31T00:00:00Z."""
DAY = 86_400.0
SHARES = (0.0, 0.5, 0.95, 0.99, 1.0)
DURATIONS = st.floats(SHORTEST, LONGEST)


def exact(durations: Iterable[float], share: float) -> float:
    ordered = sorted(durations)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def assert_near(found: Histogram, durations: list[float]) -> None:
    for share in SHARES:
        told = percentile(found, share)
        if not durations:
            assert told is None
        else:
            assert told == pytest.approx(exact(durations, share), rel=RELATIVE_ERROR)


class TestHistograms:
    @given(st.lists(DURATIONS, min_size=1, max_size=50))
    def test_tell_percentiles_within_the_promised_error(self, durations: list[float]) -> None:
        assert_near(histogram_of(durations), durations)

    @given(st.lists(DURATIONS, max_size=20), st.lists(DURATIONS, max_size=20))
    def test_add_up_to_the_histogram_of_all(self, some: list[float], others: list[float]) -> None:
        found = Histogram()
        for part in (some, others):
            add_text(found, to_text(histogram_of(part)))
        assert found == histogram_of([*some, *others])

    @pytest.mark.parametrize(("seconds", "told"), [(0.0, SHORTEST), (-5.0, SHORTEST), (1e9, LONGEST)])
    def test_bound_what_no_call_takes(self, seconds: float, told: float) -> None:
        assert percentile(histogram_of([seconds]), 0.5) == pytest.approx(told, rel=RELATIVE_ERROR)


def a_row(random_: random.Random, at: float) -> CallRow:
    connection = random_.choice(["c1", "c2", None])
    return call_row(
        random_.choice(["gpt-4o", "o3"]),
        id=f"{round((at - random_.random()) * 1e9):016x}{os.urandom(8).hex()}",
        started_at=at,
        connection=connection,
        connection_name=connection and f"https://{connection}.example",
        duration=random_.lognormvariate(1, 1.5),
        first_token_after=random_.choice([None, random_.lognormvariate(-1, 1)]),
        outcome=random_.choice(["done", "done", "stopped", "error"]),
        unverified=random_.random() < 0.1,
    )


def some_rows(random_: random.Random, count: int = 150, days: float = 4) -> list[CallRow]:
    return [a_row(random_, START + random_.uniform(0, days * DAY)) for _ in range(count)]


def fold(store: Store, engine: Engine, now: float) -> None:
    cubes, folding = Folding(engine, None), LatencyFolding(engine, None)
    while cubes.step(now):
        pass
    while folding.step(now):
        pass


def values_of(row: CallRow, group_by: tuple[Dimension, ...]) -> tuple[Any, ...]:
    info = row.info
    of = {
        "model": info.model,
        "connection": Named(info.connection, info.connection_name or "") if info.connection else "none",
    }
    return tuple(of[name] for name in group_by)


def assert_as_the_rows_say(store: Store, rows: list[CallRow], query: ReportQuery) -> None:
    """Each row of the report, and its totals."""
    report = store.reports.answer(query)
    found = store.latencies.of_report(report)
    starts = query.time.cut(query.bucket)
    counted = [row for row in rows if not row.info.unverified and fits(row, query)]
    parts: dict[Any, list[CallRow]] = {}
    for row in counted:
        start = max(start for start in starts if start <= quarter_of(row.started_at))
        parts.setdefault((start, values_of(row, query.group_by)), []).append(row)
    assert {(row.start, row.values) for row in report.rows} == set(parts)
    told = [(parts[row.start, row.values], latency) for row, latency in zip(report.rows, found.rows, strict=True)]
    for those, latency in [*told, (counted, found.totals)]:
        assert latency.calls == len(those)
        ended_well = [row for row in those if row.outcome != "error"]
        assert_near(latency.duration, [max(row.duration, SHORTEST) for row in ended_well])
        assert_near(
            latency.first_token,
            [max(row.first_token_after, SHORTEST) for row in ended_well if row.first_token_after is not None],
        )


def fits(row: CallRow, query: ReportQuery) -> bool:
    filters: Mapping[Dimension, tuple[str, ...]] = query.filters
    wanted = filters.get("model", (row.info.model,)), filters.get("connection", (row.info.connection or "none",))
    return (
        query.time.start <= quarter_of(row.started_at) < query.time.end
        and row.info.model in wanted[0]
        and (row.info.connection or "none") in wanted[1]
    )


def queries(random_: random.Random) -> Iterable[ReportQuery]:
    groupings: list[tuple[Dimension, ...]] = [(), ("model",), ("connection",), ("model", "connection")]
    buckets: list[Bucket] = ["none", "day", "hour", "week", "15m"]
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu"):
        start = quarter_of(START) + random_.randrange(-10, 200)
        time = TimeRange(start, start + random_.randrange(1, 400), zone)
        for group_by in groupings:
            yield ReportQuery(time, random_.choice(buckets), group_by)
        yield ReportQuery(time, "day", ("model",), {"connection": ("c1", "none")})
        yield ReportQuery(time, "none", (), {"model": ("o3",)})


@pytest.fixture
def whole_ledger(store: Store, engine: Engine) -> Store:
    """Recorded everything from the beginning."""
    with engine.begin() as connection:
        connection.execute(delete(usage_progress).where(usage_progress.c.name == "recorded_since"))
    return store


class TestLatency:
    """On every database."""

    @pytest.mark.parametrize("seed", range(3))
    def test_is_what_the_rows_say_however_much_is_folded(self, whole_ledger: Store, engine: Engine, seed: int) -> None:
        random_ = random.Random(seed)
        rows = some_rows(random_)
        whole_ledger.record(rows)
        for now in (None, START + 1.3 * DAY, START + 3 * DAY, START + 9 * DAY):
            if now is not None:
                fold(whole_ledger, engine, now)
            for query in queries(random_):
                assert_as_the_rows_say(whole_ledger, rows, query)

    def test_stays_when_the_rows_are_removed(self, whole_ledger: Store, engine: Engine) -> None:
        rows = some_rows(random.Random(7))
        whole_ledger.record(rows)
        fold(whole_ledger, engine, START + 9 * DAY)
        with engine.begin() as connection:
            connection.execute(delete(usage_call))
        for query in queries(random.Random(8)):
            assert_as_the_rows_say(whole_ledger, rows, query)

    def test_has_calls_that_are_written_late(
        self, whole_ledger: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LOOKS_EVERY", -1.0)
        random_ = random.Random(11)
        rows = some_rows(random_)
        whole_ledger.record(rows)
        now = START + 5 * DAY
        fold(whole_ledger, engine, now)
        late = some_rows(random_, 20)
        whole_ledger.record(late)
        fold(whole_ledger, engine, now + QUARTER)
        for query in queries(random_):
            assert_as_the_rows_say(whole_ledger, [*rows, *late], query)

    def test_is_not_made_again_of_rows_that_are_gone(
        self, whole_ledger: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LOOKS_EVERY", -1.0)
        random_ = random.Random(12)
        rows = some_rows(random_)
        whole_ledger.record(rows)
        fold(whole_ledger, engine, START + 5 * DAY)
        with engine.begin() as connection:
            connection.execute(delete(usage_call))
        whole_ledger.record([a_row(random_, rows[0].started_at)])
        before = stored(engine)
        fold(whole_ledger, engine, START + 5 * DAY + QUARTER)
        assert stored(engine) == before

    def test_is_made_once_by_workers_that_take_turns(
        self, whole_ledger: Store, engine: Engine, new_engine: NewEngine
    ) -> None:
        rows = some_rows(random.Random(13), 60, 1)
        whole_ledger.record(rows)
        workers = [LatencyFolding(new_engine(), None) for _ in range(3)]
        now = START + 2 * DAY
        for worker in workers * 200:
            worker.step(now)
        assert_as_the_rows_say(
            whole_ledger, rows, ReportQuery(TimeRange(quarter_of(START), quarter_of(START) + 96), "none", ("model",))
        )

    def test_has_the_first_day_though_it_began_with_its_last_quarter(self, whole_ledger: Store, engine: Engine) -> None:
        random_ = random.Random(15)
        rows = [a_row(random_, START - 300), a_row(random_, START + 3 * DAY)]
        whole_ledger.record(rows)
        fold(whole_ledger, engine, START + 5 * DAY)
        time = TimeRange(quarter_of(START) - 96, quarter_of(START) + 4 * 96)
        assert_as_the_rows_say(whole_ledger, rows, ReportQuery(time, "none", ("model",)))

    def test_tries_a_late_quarter_again_where_that_failed(
        self, whole_ledger: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LOOKS_EVERY", -1.0)
        random_ = random.Random(16)
        rows = some_rows(random_, 30)
        whole_ledger.record(rows)
        cubes, folding = Folding(engine, None), LatencyFolding(engine, None)

        def fold_all(now: float) -> None:
            while cubes.step(now):
                pass
            while folding.step(now):
                pass

        fold_all(START + 5 * DAY)
        late = some_rows(random_, 5)
        whole_ledger.record(late)
        with monkeypatch.context() as broken:
            broken.setattr(folding, "_of_rows", lambda quarter: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                fold_all(START + 5 * DAY + QUARTER)
        fold_all(START + 5 * DAY + QUARTER)
        for query in queries(random_):
            assert_as_the_rows_say(whole_ledger, [*rows, *late], query)

    def test_gives_the_rest_of_the_top_a_row(self, whole_ledger: Store, engine: Engine) -> None:
        rows = some_rows(random.Random(14))
        whole_ledger.record(rows)
        fold(whole_ledger, engine, START + 2 * DAY)
        time = TimeRange(quarter_of(START), quarter_of(START) + 96 * 4)
        report = whole_ledger.reports.answer(ReportQuery(time, "none", ("model", "connection"), top=2))
        found = whole_ledger.latencies.of_report(report)
        assert report.rows[-1].values == ("Other", "Other")
        assert [latency.calls for latency in found.rows] == [row.sums.calls for row in report.rows]
        assert found.totals.calls == report.totals.calls

    def test_says_where_a_connection_was_not_recorded_yet(self, store: Store, engine: Engine) -> None:
        random_ = random.Random(16)
        rows = [a_row(random_, START + hour * 3600 + 1) for hour in range(10)]
        rows = [replace(row, info=replace(row.info, connection=None, unverified=False)) for row in rows]
        store.record(rows)
        with engine.begin() as connection:
            connection.execute(delete(usage_progress).where(usage_progress.c.name == "recorded_since"))
            since = repr(START + 5 * 3600)
            connection.execute(usage_progress.insert(), {"name": "recorded_since", "value": since})
        fold(store, engine, START + 5 * DAY)
        time = TimeRange(quarter_of(START), quarter_of(START) + 96)
        report = store.reports.answer(ReportQuery(time, "none", ("connection",)))
        found = store.latencies.of_report(report)
        told = {row.values[0]: latency.calls for row, latency in zip(report.rows, found.rows, strict=True)}
        assert told == {"none": 5, "not recorded": 5}


def stored(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(usage_latency))]


def test_retention_waits_for_histograms(store: Store, engine: Engine) -> None:
    rows = some_rows(random.Random(15), 40, 2)
    store.record(rows)
    upkeep = store.upkeep(Retention(Duration(1, "day")))
    upkeep.start()
    upkeep.round()
    with engine.connect() as connection:
        assert connection.execute(select(usage_call.c.id)).all() == []
    time = TimeRange(quarter_of(START), quarter_of(START) + 96 * 3)
    assert_as_the_rows_say(store, rows, ReportQuery(time, "day", ("model",)))
