"""Sums for reports: every cube is what its rows say, whatever is folded, converted, replayed or removed in between."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import OperationalError

from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger.conversion import Conversion
from openwebui_usage.ledger.cubes import (
    CUBES,
    FOLD_AFTER,
    FOLDED_MORE,
    MARKS,
    QUARTER,
    REDUCED,
    Span,
    end_of,
    quarter_of,
    start_of,
)
from openwebui_usage.ledger.folding import Folding, read_marks
from openwebui_usage.ledger.report_query import ReportQuery
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.schema import (
    CUBE_SUMS,
    usage_call,
    usage_combination,
    usage_cube,
    usage_dimension,
    usage_progress,
)
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.durations import Duration
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures

NOW = time.time()
DAY = 86_400.0


@pytest.fixture
def priced(store: Store) -> Store:
    """Its calls cost nothing: no test waits for the list of all prices."""
    store.put_price(Price("*"))
    return store


def a_row(at: float, model: str = "gpt-4o", user: str | None = "ann", **others: object) -> CallRow:
    id_ = f"{round(at * 1e9):016x}{os.urandom(8).hex()}"
    return call_row(model, id=id_, started_at=at, user_id=user, usage=TokenUsage(7, 2, 1, 5, 3, 5), **others)


def sums_of(engine: Engine, cube: int) -> tuple[int, ...]:
    columns = [func.coalesce(func.sum(usage_cube.c[name]), 0) for name in CUBE_SUMS]
    with engine.connect() as connection:
        return tuple(map(int, connection.execute(select(*columns).where(usage_cube.c.cube == cube)).one()))


def fold_all(engine: Engine, now: float = NOW) -> None:
    folding = Folding(engine, None)
    while folding.step(now):
        pass


def convert_all(engine: Engine) -> int:
    conversion, rows = Conversion(engine, None), 0
    while True:
        step = conversion.step()
        rows += step.rows
        if step.is_done:
            return rows


def assert_all_is_as_its_rows_say(store: Store) -> None:
    assert list(store.check_sums().differences()) == []


def forget_cubes(engine: Engine) -> None:
    """As the ledger of an older version is: rows in no cube."""
    with engine.begin() as connection:
        connection.execute(update(usage_call).values(combination=None))
        for table in (usage_cube, usage_combination, usage_dimension):
            connection.execute(delete(table))
        connection.execute(delete(usage_progress).where(usage_progress.c.name.in_(MARKS)))


def forget_later_cubes(engine: Engine) -> None:
    """As a ledger is that was upgraded just now."""
    later = [cube.id for cube in CUBES if cube.mark == FOLDED_MORE]
    unknown = {family: 0 for family in REDUCED if family not in ("by_model", "by_user")}
    with engine.begin() as connection:
        connection.execute(delete(usage_cube).where(usage_cube.c.cube.in_(later)))
        connection.execute(delete(usage_progress).where(usage_progress.c.name == FOLDED_MORE))
        connection.execute(update(usage_combination).values(unknown))


@pytest.mark.parametrize("span", get_args(Span))
@given(moment=st.integers(0, 4_000_000_000))
def test_spans_lie_side_by_side(span: str, moment: int) -> None:
    quarter = quarter_of(moment)
    start = start_of(span, quarter)  # type: ignore[arg-type]
    end = end_of(span, start)  # type: ignore[arg-type]
    assert start <= quarter < end
    assert start_of(span, end) == end  # type: ignore[arg-type]
    assert start_of(span, end - 1) == start  # type: ignore[arg-type]
    if span == "third":
        assert datetime.fromtimestamp(start * QUARTER, UTC).day in (1, 11, 21)
    if span == "year":
        assert (end - start) // 96 in (365, 366)
    if span == "month":
        first, last = (datetime.fromtimestamp(number * QUARTER, UTC) for number in (start, end))
        assert (first.day, last.day, (last - first).days in range(28, 32)) == (1, 1, True)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(
                st.just("record"),
                st.lists(
                    st.tuples(
                        st.floats(0, 70 * DAY),
                        st.sampled_from(["gpt-4o", "o1"]),
                        st.sampled_from(["ann", "bob", None]),
                        st.booleans(),
                        st.sampled_from(["done", "error"]),
                    ),
                    min_size=1,
                    max_size=5,
                ),
            ),
            st.tuples(st.just("fold"), st.integers(1, 20)),
            st.tuples(st.just("group"), st.sampled_from(["gpt*", "o1", "*"])),
            st.tuples(st.just("reset"), st.integers(0, 2)),
        ),
        max_size=12,
    )
)
def test_every_cube_is_what_its_rows_say_in_any_order(
    steps: list[tuple[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = file_engine(tmp_path_factory.mktemp("ledger") / "usage.db")
    store = Store(engine)
    give_tables(engine)
    store.put_price(Price("*"))
    folding, names = Folding(engine, None), 0
    for what, how in steps:
        if what == "record":
            rows = [
                a_row(NOW - ago, model, user, unverified=unverified, outcome=outcome)
                for ago, model, user, unverified, outcome in how  # type: ignore[attr-defined]
            ]
            store.record(rows)
            store.record(rows[:1], maybe_written=True)
        elif what == "fold":
            for _ in range(how):  # type: ignore[call-overload]
                folding.step(NOW)
        elif what == "group":
            names += 1
            store.create_group(f"group {names}", [str(how)], None, "documented")
        elif how < names:  # type: ignore[operator]
            store.reset_group(f"group {how + 1}")  # type: ignore[operator]
    assert_all_is_as_its_rows_say(store)
    fold_all(engine)
    assert_all_is_as_its_rows_say(store)
    engine.dispose()


class TestCubes:
    def test_a_row_that_comes_late_is_in_all_cubes_at_once(self, priced: Store, engine: Engine) -> None:
        priced.record([a_row(NOW - 40 * DAY), a_row(NOW)])
        fold_all(engine)
        assert [sums_of(engine, cube.id)[0] for cube in CUBES] == [2] + [1] * (len(CUBES) - 1)
        priced.record([a_row(NOW - 40 * DAY + 5), a_row(NOW - 3 * DAY)])
        assert [sums_of(engine, cube.id)[0] for cube in CUBES] == [4] + [3] * (len(CUBES) - 1)
        assert_all_is_as_its_rows_say(priced)

    def test_cubes_that_a_version_adds_are_filled_in_the_background(self, priced: Store, engine: Engine) -> None:
        rows = [a_row(NOW - days * DAY, f"model-{days % 3}", f"user-{days % 5}") for days in range(1, 80)]
        priced.record(rows)
        fold_all(engine)
        forget_later_cubes(engine)
        priced = Store(engine)  # It knows no combination yet.
        report = ReportQuery(TimeRange(quarter_of(NOW - 70 * DAY), quarter_of(NOW)), "day", ("model",))
        before = priced.reports.answer(report)
        assert before.totals.calls == 70
        folding = Folding(engine, None)
        for _ in range(40):
            assert folding.step(NOW)
        priced.record([a_row(NOW - 79 * DAY, "late"), a_row(NOW - 20 * DAY, "late"), a_row(NOW - 20 * DAY, "model-1")])
        with engine.connect() as connection:
            marks = read_marks(connection)
        assert 0 < marks.folded_more < quarter_of(NOW - 20 * DAY) < marks.folded
        assert_all_is_as_its_rows_say(priced)
        Folding(engine, None).step(NOW)  # Another worker goes on where the last one was.
        fold_all(engine)
        with engine.connect() as connection:
            assert read_marks(connection).folded_more == marks.folded
        assert [sums_of(engine, cube.id)[0] for cube in CUBES] == [82] * len(CUBES)
        assert_all_is_as_its_rows_say(priced)
        after = priced.reports.answer(report)
        assert after.totals.calls == 72
        assert {row[:2] for row in before.rows} < {row[:2] for row in after.rows}

    def test_combinations_of_an_older_version_are_completed_before_they_are_folded(
        self, priced: Store, engine: Engine
    ) -> None:
        priced.record([a_row(NOW - 3 * DAY), a_row(NOW - 2 * DAY, user=None)])
        forget_later_cubes(engine)
        fold_all(engine)
        with engine.connect() as connection:
            assert 0 not in connection.execute(select(usage_cube.c.combination)).scalars().all()
        assert_all_is_as_its_rows_say(priced)

    def test_a_quarter_is_folded_when_nobody_adds_to_it_any_more(self, priced: Store, engine: Engine) -> None:
        priced.record([a_row(NOW)])
        fold_all(engine, NOW + (FOLD_AFTER - 1) * QUARTER)
        assert sums_of(engine, 3)[0] == 0
        fold_all(engine, NOW + (FOLD_AFTER + 1) * QUARTER)
        assert sums_of(engine, 3)[0] == 1

    def test_sums_that_are_full_stay_full(self, priced: Store, engine: Engine) -> None:
        huge = TokenUsage(input=10**15, output=10**15, completion=10**15)
        priced.record([call_row(started_at=NOW - DAY, usage=huge) for _ in range(5000)])
        fold_all(engine)
        sums = dict(zip(CUBE_SUMS, sums_of(engine, 6), strict=True))
        assert (sums["calls"], sums["input"]) == (5000, 2**62 - 1)

    def test_rows_of_an_older_version_get_into_the_cubes_while_calls_go_on(self, priced: Store, engine: Engine) -> None:
        priced.create_group("G", ["gpt*"], None, "documented")
        chance = random.Random(7)
        old = [
            a_row(NOW - chance.uniform(2, 60) * DAY, chance.choice(["gpt-4o", "o1"]), user_name="Ann", task=task)
            for task in (None, "title_generation", None)
            for _ in range(150)
        ]
        priced.record(old)
        forget_cubes(engine)
        priced, conversion = Store(engine), Conversion(engine, None)
        assert not conversion.step().is_done
        priced.record([a_row(NOW), a_row(NOW - 30 * DAY)])
        fold_all(engine)
        assert 0 < conversion.step().rows < len(old)
        assert (conversion.share_done() or 1) < 1
        convert_all(engine)
        assert conversion.share_done() is None
        fold_all(engine)
        assert sums_of(engine, 0)[0] == sums_of(engine, 6)[0] + 1 == len(old) + 2
        assert_all_is_as_its_rows_say(priced)
        with engine.connect() as connection:
            kinds = connection.execute(text("SELECT kind, key, name FROM usage_dimension")).all()
        assert {("user", "ann", "Ann"), ("kind", "task", None)} <= {tuple(row) for row in kinds}
        assert [row.name for row in kinds if row.kind == "usage_group"] == ["G"]

    def test_a_call_of_many_groups_has_all_of_them_in_the_reports(self, priced: Store, engine: Engine) -> None:
        for number in range(120):
            priced.create_group(f"group {number}", ["*"], None, "documented")
        mine = tuple(f"{number:036}" for number in range(120))
        names = tuple(f"team {number}" for number in range(120))
        priced.record([a_row(NOW - DAY, user_groups=mine, user_group_names=names)])
        time_range = TimeRange(quarter_of(NOW - 2 * DAY), quarter_of(NOW))
        for dimension, start in (("usage_group", "group"), ("user_group", "team")):
            report = priced.reports.answer(ReportQuery(time_range, group_by=(dimension,)))  # type: ignore[arg-type]
            shown = {getattr(row.values[0], "name", row.values[0]) for row in report.rows}
            assert shown == {f"{start} {number}" for number in range(120)}
            assert (report.totals.calls, {row.sums.calls for row in report.rows}) == (1, {1})
            filters = {dimension: (f"{start} 7",)}
            filtered = priced.reports.answer(ReportQuery(time_range, filters=filters))  # type: ignore[arg-type]
            assert filtered.totals.calls == 1
        assert_all_is_as_its_rows_say(priced)
        forget_cubes(engine)
        priced = Store(engine)
        with engine.begin() as connection:
            connection.execute(update(usage_call).values(id=f"{round((NOW - DAY) * 1e9):016x}{0:016x}"))
        convert_all(engine)
        report = priced.reports.answer(ReportQuery(time_range, group_by=("usage_group",)))
        assert len(report.rows) == 120

    def test_what_an_older_version_writes_behind_the_conversion_is_found(self, priced: Store, engine: Engine) -> None:
        priced.record([a_row(NOW - 3 * DAY), a_row(NOW - 2 * DAY)])
        convert_all(engine)
        forget_cubes(engine)
        assert convert_all(engine) == 0
        check = Store(engine).check_sums()
        [difference] = check.differences()
        assert difference.what.startswith("2 calls of an older version are in no report")
        check.repair(difference)
        assert convert_all(engine) == 2
        assert sums_of(engine, 0)[0] == 2
        assert_all_is_as_its_rows_say(priced)

    def test_two_threads_of_one_process_write_what_is_new_to_both(self, priced: Store, engine: Engine) -> None:
        """The writer, and the one that replays the spool."""

        def record(rows: list[CallRow]) -> None:
            while True:  # As both do: on a busy machine one may hold the lock for longer than the other waits.
                with suppress(OperationalError):
                    priced.record(rows)
                    return

        with ThreadPoolExecutor(2) as threads:
            rows = [[a_row(NOW - DAY, f"model-{n}", f"user-{n % 7}")] for n in range(40) for _ in range(2)]
            list(threads.map(record, rows))
        assert sums_of(engine, 0)[0] == 80
        assert_all_is_as_its_rows_say(priced)

    def test_what_differs_is_told_and_repaired(self, priced: Store, engine: Engine) -> None:
        priced.create_group("G", ["*"], None, "documented")
        priced.record([a_row(NOW - 3 * DAY), a_row(NOW - 40 * DAY)])
        fold_all(engine)
        check = priced.check_sums()
        for damage in (
            update(usage_cube).where(usage_cube.c.cube == 0).values(input=1),
            update(usage_cube).where(usage_cube.c.cube == 5).values(calls=9),
            delete(usage_cube).where(usage_cube.c.cube == 7),
            update(usage_cube).where(usage_cube.c.cube == 13).values(calls=9),
            delete(usage_cube).where(usage_cube.c.cube == 14),
            update(usage_cube).where(usage_cube.c.cube == 17).values(output=9),
            text("UPDATE usage_total SET output = output + 1"),
        ):
            with engine.begin() as connection:
                connection.execute(damage)
            found = list(check.differences())
            assert found, damage
            for difference in found:
                check.repair(difference)
            assert_all_is_as_its_rows_say(priced)

    def test_old_rows_go_and_what_they_came_to_stays(self, priced: Store, engine: Engine) -> None:
        priced.create_group("G", ["*"], None, "documented")
        now = datetime.fromtimestamp(NOW, UTC)
        for days in range(0, 100, 10):
            moment = NOW - days * DAY
            priced.record([a_row(moment, raw_usage={"prompt_tokens": 7})])
        before = [sums_of(engine, cube.id) for cube in CUBES], priced.group("G").ever
        retention = Retention(Duration(2, "month"), Duration(15, "day"))
        while retention.step(engine, now):
            pass
        assert len(priced.latest(100)) == 10, "not while they may be in no cube yet"
        convert_all(engine)
        while retention.step(engine, now):
            pass
        kept = priced.latest(100)
        assert min(row.started_at for row in kept) >= (now - timedelta(days=62)).timestamp()
        assert len(kept) == 7
        assert [row.raw_usage is not None for row in kept] == [row.started_at > NOW - 15 * DAY for row in kept]
        assert ([sums_of(engine, cube.id) for cube in CUBES], priced.group("G").ever) == before
        assert_all_is_as_its_rows_say(priced)


@pytest.mark.parametrize(
    ("written", "moment", "before"),
    [
        ("90 days", "2026-03-31", "2025-12-31"),
        ("1 month", "2026-03-31", "2026-02-28"),
        (" 13 Months ", "2026-11-28", "2025-10-28"),
        ("1 year", "2024-02-29", "2023-02-28"),
        ("2 weeks", "2026-01-10", "2025-12-27"),
        ("9999 years", "2026-01-10", "0001-01-01"),
    ],
)
def test_a_duration_is_a_calendars(written: str, moment: str, before: str) -> None:
    assert Duration.parse(written).before(datetime.fromisoformat(moment)).date().isoformat() == before


@pytest.mark.parametrize("written", ["", "13", "months", "0 days", "1.5 years", "3 moons", "-1 day"])
def test_what_is_no_duration_is_told(written: str) -> None:
    with pytest.raises(ValueError, match="must be a number of days, weeks, months or years"):
        Duration.parse(written)
