"""Reports say what the rows of calls come to, whatever is asked and however far the cubes are folded."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select, update

from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger.bounds import MOST_COUNT, MOST_SUM
from openwebui_usage.ledger.combinations import names_of, values_of
from openwebui_usage.ledger.cubes import FOLD_AFTER, QUARTER, quarter_of
from openwebui_usage.ledger.folding import Folding
from openwebui_usage.ledger.refusals import RefusalCount, RefusalKey
from openwebui_usage.ledger.report_query import (
    REPORT_DIMENSIONS,
    REPORT_SUMS,
    Dimension,
    Named,
    Readable,
    Report,
    ReportQuery,
    ReportSums,
    Value,
)
from openwebui_usage.ledger.report_sums import TooManyRows
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.ledger.schema import (
    CUBE_SUMS,
    usage_call,
    usage_combination,
    usage_cube,
    usage_dimension,
    usage_progress,
    usage_refusal,
)
from openwebui_usage.rules.buckets import BUCKETS, Bucket, TimeRange, time_range
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import a_call, call_row
from tests.unit.test_cubes import forget_later_cubes
from tests.unit.test_ledger import (  # noqa: F401 - collected here, with the database of whoever imports this
    engine,
    new_engine,
    store,
    url,
)

ANCHORS = {
    "UTC": ["2026-11-01T00:00:00+00:00"],
    "Asia/Kathmandu": ["1985-12-31T18:30:00+00:00", "2026-10-31T18:15:00+00:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00:00+00:00", "2026-10-03T15:30:00+00:00"],
    "Pacific/Apia": ["2011-12-30T10:00:00+00:00"],
    "Europe/Berlin": ["2026-03-29T01:00:00+00:00", "2026-10-25T01:00:00+00:00"],
    "America/Sao_Paulo": ["2018-11-04T03:00:00+00:00"],
    "America/New_York": ["2026-11-01T06:00:00+00:00"],
}
"""Moments around which days have other lengths than usual."""
GROUPS = {"All": ["*"], "Claude": ["claude-*"], "Minis": ["*mini*"]}
USERS = {"u1": "Ada", "u2": "Bo", "u3": "u1"}
"""The name of one is the id of another."""
USER_GROUPS = {"g1": "Sales", "g2": "Research"}
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-fable", "my-model")
CONNECTIONS = {"c1": "https://api.example.com/v1", "c2": "http://127.0.0.1:11434"}
KEYS = {"k1": "sk-…1234"}
FILTERS: Mapping[Dimension, tuple[str, ...]] = {
    "user": ("u1", "Ada", "Bo", "nobody", "none", "not recorded"),
    "user_group": ("g1", "Research", "none", "not recorded", "g"),
    "model": ("gpt-4o", "gpt-*", "*", "my-model", "[a-z]*", "none"),
    "called_model": ("claude-fable", "*mini", "?pt-4o"),
    "connection": ("c1", "http://127.0.0.1:11434", "none", "not recorded"),
    "usage_group": ("All", "Minis", "Claude", "none"),
    "kind": ("chat", "task", "api", "none", "not recorded"),
    "key": ("k1", "sk-…1234", "none", "not recorded"),
    "outcome": ("done", "error", "refused"),
}
counts = st.one_of(st.integers(0, 5000), st.sampled_from([0, MOST_COUNT]))


@dataclass(frozen=True)
class Fact:
    """One call, or one that was refused: what it is grouped by, when it was, and what it adds."""

    values: Mapping[Dimension, tuple[Value, ...]]
    """None of them where there is none."""
    user_groups: frozenset[str]
    quarter: int
    sums: tuple[int, ...]


@st.composite
def calls(draw: st.DrawFn, moment: float) -> CallRow:
    model = draw(st.sampled_from(MODELS))
    user = draw(st.sampled_from([None, *USERS]))
    groups = tuple(draw(st.sets(st.sampled_from(sorted(USER_GROUPS)))))
    connection = draw(st.sampled_from([None, *CONNECTIONS]))
    key = draw(st.sampled_from([None, *KEYS]))
    minutes = draw(st.one_of(st.integers(-3000, 3000), st.integers(-60_000, 60_000)))
    return call_row(
        model,
        called_model="claude-fable" if model == "my-model" else model,
        user_id=user,
        user_name=user and USERS[user],
        user_groups=groups,
        user_group_names=tuple(USER_GROUPS[group] for group in groups),
        connection=connection,
        connection_name=connection and CONNECTIONS[connection],
        key=key,
        key_name=key and KEYS[key],
        kind=draw(st.sampled_from([None, "chat", "task", "api"])),
        outcome=draw(st.sampled_from(["done", "stopped", "error"])),
        unverified=draw(st.sampled_from([False, False, False, True])),
        started_at=moment + minutes * 60 + draw(st.sampled_from([0, 0.5, 59.9])),
        usage=TokenUsage(*(draw(counts) for _ in range(6)), estimated=draw(st.booleans())),
    )


@st.composite
def queries(draw: st.DrawFn, moment: float, timezone: str) -> ReportQuery:
    zone = draw(st.sampled_from([timezone, timezone, "UTC", "Asia/Kathmandu"]))
    day = datetime.fromtimestamp(moment, ZoneInfo(zone)).date()
    start = draw(st.one_of(st.integers(-4000, 300), st.just(-200)))
    length = draw(st.one_of(st.integers(1, 8000), st.just(96)))
    time = TimeRange(int(moment) // QUARTER + start, int(moment) // QUARTER + start + length, zone)
    if draw(st.booleans()):
        time = time_range(day.replace(day=1).isoformat(), None, zone, datetime.fromtimestamp(moment, UTC))
    dimensions = st.sampled_from(REPORT_DIMENSIONS)
    filters = draw(st.lists(dimensions, max_size=2, unique=True))
    return ReportQuery(
        time,
        bucket=draw(st.sampled_from(BUCKETS)),
        group_by=tuple(draw(st.lists(dimensions, max_size=2, unique=True))),
        filters={
            name: tuple(draw(st.lists(st.sampled_from(FILTERS[name]), min_size=1, max_size=2))) for name in filters
        },
        top=draw(st.one_of(st.none(), st.integers(1, 3))),
        compare_previous=draw(st.booleans()),
        readable=draw(
            st.sampled_from(
                [Readable(), Readable(), Readable(user="u1"), Readable(user_groups=frozenset(["g1"])), Readable("u9")]
            )
        ),
    )


class TestRandomLedgers:
    @given(data=st.data())
    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
        ],
        deadline=None,
        max_examples=100,
    )
    def test_a_report_is_the_sum_of_the_rows(self, store: Store, engine: Engine, data: st.DataObject) -> None:  # noqa: F811
        timezone = data.draw(st.sampled_from(sorted(ANCHORS)))
        moment = datetime.fromisoformat(data.draw(st.sampled_from(ANCHORS[timezone]))).timestamp()
        clear(engine)
        fresh = Store(engine)
        make_groups(fresh)
        rows = data.draw(st.lists(calls(moment), max_size=25))
        moments = [moment, *(row.started_at for row in rows)]
        since = data.draw(st.one_of(st.none(), st.sampled_from(moments), st.just(moment + 5000.5)))
        set_progress(engine, "recorded_since", None if since is None else repr(since))
        written = 0
        for end in sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3))):
            fresh.record(rows[written:end])
            written = max(written, end)
            fold_until(engine, int(moment) // QUARTER + data.draw(st.integers(-4000, 4000)))
        if data.draw(st.booleans()):
            forget_later_cubes(engine)
            fresh = Store(engine)
            for _ in range(data.draw(st.integers(0, 20))):
                Folding(engine, None).step((int(moment) // QUARTER - 4000) * QUARTER)
        fresh.record(rows[written:])
        refused = data.draw(st.lists(calls(moment), max_size=4))
        refuse(fresh, refused)
        facts = [*facts_of(engine, rows), *refusals_of(refused)]
        for _ in range(data.draw(st.integers(1, 5))):
            query = data.draw(queries(moment, timezone))
            check(fresh.reports.answer(query), facts, since)


def check(report: Report, facts: Iterable[Fact], since: float | None) -> None:
    query = report.query
    chosen = [fact for fact in facts if fits(fact, query, since)]
    found = [fact for fact in chosen if query.time.start <= fact.quarter < query.time.end]
    assert report.totals == total(found)
    if query.compare_previous:
        before = query.time.previous()
        assert report.previous == total(fact for fact in chosen if before.start <= fact.quarter < before.end)
    else:
        assert report.previous is None
    assert report.recorded_since == since
    in_groups: dict[tuple[Value, ...], list[Fact]] = {}
    for fact in found:
        for key in keys_of(fact, query, since):
            in_groups.setdefault(key, []).append(fact)
    ranked = sorted(in_groups, key=lambda key: (tuple(-n for n in total(in_groups[key]).rank), str(key)))
    top = ranked if query.top is None else ranked[: query.top]
    rows: dict[tuple[int, tuple[Value, ...]], list[Fact]] = {}
    for fact in found:
        start = start_of(fact.quarter, query)
        for key in {key if key in top else ("Other",) * len(key) for key in keys_of(fact, query, since)}:
            rows.setdefault((start, key), []).append(fact)
    assert {(row.start, row.values): row.sums for row in report.rows} == {
        row: total(members) for row, members in rows.items()
    }
    places = [(row.start, top.index(row.values) if row.values in top else len(top)) for row in report.rows]
    assert places == sorted(set(places))


def keys_of(fact: Fact, query: ReportQuery, since: float | None) -> list[tuple[Value, ...]]:
    return list(product(*(shown(fact, name, query, since) for name in query.group_by)))


def shown(fact: Fact, name: Dimension, query: ReportQuery, since: float | None) -> tuple[Value, ...]:
    values = fact.values[name]
    if not values:
        return (nothing(fact, name, since),)
    if name in ("usage_group", "user_group"):
        wanted = query.filters.get(name)
        values = tuple(value for value in values if wanted is None or is_wanted(name, value, wanted))
    if name == "user_group" and query.readable.user_groups is not None:
        values = tuple(value for value in values if value[0] in query.readable.user_groups)
    return values


def fits(fact: Fact, query: ReportQuery, since: float | None) -> bool:
    readable = query.readable
    user = fact.values["user"]
    if readable.user is not None and not (user and user[0][0] == readable.user):
        return False
    if readable.user_groups is not None and not readable.user_groups & fact.user_groups:
        return False
    return all(
        any(is_wanted(name, value, wanted) for value in fact.values[name])
        or (not fact.values[name] and nothing(fact, name, since) in wanted)
        for name, wanted in query.filters.items()
    )


def is_wanted(name: Dimension, value: Value, wanted: Iterable[str]) -> bool:
    texts = {value} if isinstance(value, str) else {*value}
    if name == "key":
        texts |= {key for key, text in KEYS.items() if text == value}
    if name in ("model", "called_model"):
        return any(fnmatchcase(str(value), text.replace("[", "[[]")) for text in wanted)
    return not texts.isdisjoint(wanted)


def nothing(fact: Fact, name: Dimension, since: float | None) -> str:
    is_late = name in ("user_group", "connection", "kind", "key") and since is not None
    return "not recorded" if is_late and since is not None and fact.quarter * QUARTER < since else "none"


def total(facts: Iterable[Fact]) -> ReportSums:
    sums = [0] * len(REPORT_SUMS)
    for fact in facts:
        sums = list(map(operator.add, sums, fact.sums))
    return ReportSums(*sums)


def start_of(quarter: int, query: ReportQuery) -> int:
    """Where the part that a quarter is in begins, found by going back until the clock says another one."""
    if query.bucket == "none":
        return query.time.start
    return max(query.time.start, first_with_the_same_name(quarter, query.bucket, query.time.timezone))


@lru_cache(maxsize=100_000)
def name_of(quarter: int, bucket: Bucket, timezone: str) -> str:
    names = {"15m": "%F %T %z", "hour": "%F %H %z", "day": "%F", "week": "%G-%V", "month": "%Y-%m"}
    return datetime.fromtimestamp(quarter * QUARTER, ZoneInfo(timezone)).strftime(names[bucket])


def first_with_the_same_name(quarter: int, bucket: Bucket, timezone: str) -> int:
    name = name_of(quarter, bucket, timezone)
    for step in (96, 1):
        while name_of(quarter - step, bucket, timezone) == name:
            quarter -= step
    return quarter


# -- the ledger -------------------------------------------------------------------------------------------------------


def clear(engine: Engine) -> None:  # noqa: F811
    tables = (usage_call, usage_cube, usage_refusal, usage_combination, usage_dimension, usage_progress)
    with engine.begin() as connection:
        for table in tables:
            connection.execute(delete(table))


def make_groups(store: Store) -> None:  # noqa: F811
    """Once in a database."""
    if not store.groups():
        for name, models in GROUPS.items():
            store.create_group(name, models, None, "documented")
        store.put_price(Price("gpt-4o*", Decimal("2.5"), Decimal(10), cached_input=Decimal("1.25")))


def facts_of(engine: Engine, rows: Iterable[CallRow]) -> Iterator[Fact]:  # noqa: F811
    with engine.connect() as connection:
        kept = {row.id: row for row in connection.execute(select(usage_call))}
    for call in rows:
        row = kept[call.id]
        if row.unverified:
            continue
        is_unpriced = row.cost_nano is None and bool(row.input or row.output)
        tokens = (getattr(row, name) or 0 for name in CUBE_SUMS[3:])
        sums = (1, int(row.estimated), int(is_unpriced), *tokens, int(row.outcome == "error"), 0)
        yield fact_of(call.info, row.outcome, call.started_at, sums)


def refusals_of(rows: Iterable[CallRow]) -> Iterator[Fact]:
    for call in rows:
        yield fact_of(call.info, "refused", call.started_at, (*[0] * (len(REPORT_SUMS) - 1), 1))


def fact_of(info: CallInfo, outcome: str, moment: float, sums: tuple[int, ...]) -> Fact:
    held = [name for name, (pattern,) in GROUPS.items() if any(fnmatchcase(id_, pattern) for id_ in info.model_ids)]
    values: dict[Dimension, Any] = {
        "user": [Named(info.user_id, USERS[info.user_id])] if info.user_id else [],
        "user_group": [Named(group, USER_GROUPS[group]) for group in info.user_groups],
        "model": [info.model],
        "called_model": [info.called_model],
        "connection": [Named(info.connection, CONNECTIONS[info.connection])] if info.connection else [],
        "usage_group": held,
        "kind": [info.kind] if info.kind else [],
        "key": [KEYS[info.key]] if info.key else [],
        "outcome": [outcome],
    }
    known = {name: tuple(found) for name, found in values.items()}
    return Fact(known, frozenset(info.user_groups), int(moment) // QUARTER, sums)


def refuse(store: Store, rows: Iterable[CallRow]) -> None:  # noqa: F811
    """Count the calls as refused by some limit, as the gate has it counted."""
    kept = {entry.group.name: entry.group for entry in store.groups()}
    counts: dict[RefusalKey, RefusalCount] = {}
    for number, row in enumerate(rows):
        held = [kept[name] for name in fact_of(row.info, "", 0, ()).values["usage_group"] if isinstance(name, str)]
        key = RefusalKey(
            quarter_of(row.started_at), values_of(row.info, "refused", held), "budget", f"limit {number % 2}"
        )
        count = RefusalCount(
            names_of(row.info, held), "Limit", "tokens", 1, 5, first_at=row.started_at, last_at=row.started_at
        )
        if key in counts:
            counts[key].add(count)
        else:
            counts[key] = count
    store.add_refusals(counts)


def set_progress(engine: Engine, name: str, value: str | None) -> None:  # noqa: F811
    with engine.begin() as connection:
        connection.execute(delete(usage_progress).where(usage_progress.c.name == name))
        if value is not None:
            connection.execute(insert(usage_progress), {"name": name, "value": value})


def fold_until(engine: Engine, limit: int) -> None:  # noqa: F811
    """Fold all quarters before `limit`."""
    folding = Folding(engine, None)
    while folding.step((limit + FOLD_AFTER) * QUARTER):
        pass


# -- examples ---------------------------------------------------------------------------------------------------------

DAY = TimeRange(0, 96)
"""Of 1970."""


class TestExamples:
    def test_a_report_of_nothing_is_empty(self, store: Store) -> None:  # noqa: F811
        report = store.reports.answer(ReportQuery(DAY, "hour", ("user", "model"), compare_previous=True))
        assert (report.rows, report.totals, report.previous) == ((), ReportSums(), ReportSums())

    def test_calls_without_a_price_or_a_report_are_counted_as_such(self, store: Store) -> None:  # noqa: F811
        store.record([a_call("nobody-knows-it", started_at=5, usage=TokenUsage(input=7, estimated=True))])
        totals = store.reports.answer(ReportQuery(DAY)).totals
        assert (totals.unpriced_calls, totals.estimated_calls, totals.cost_nano) == (1, 1, 0)

    def test_sums_may_leave_64_bits(self, store: Store, engine: Engine) -> None:  # noqa: F811
        rows = [a_call(started_at=900.0 * number, usage=TokenUsage(input=7)) for number in range(3)]
        store.record(rows)
        with engine.begin() as connection:
            connection.execute(update(usage_cube).values(input=MOST_SUM, cost_nano=MOST_SUM))
        report = store.reports.answer(ReportQuery(DAY, "day", ("model",)))
        assert report.totals.calls == 3
        assert report.totals.input == report.totals.cost_nano == 3 * MOST_SUM
        assert [row.sums for row in report.rows] == [report.totals]

    def test_a_call_in_several_groups_is_in_each_of_their_rows_and_in_the_totals_once(self, store: Store) -> None:  # noqa: F811
        make_groups(store)
        store.record([a_call("gpt-4o-mini", started_at=5), a_call("gpt-4o", started_at=6)])
        report = store.reports.answer(ReportQuery(DAY, group_by=("usage_group",)))
        assert [(row.values, row.sums.calls) for row in report.rows] == [(("All",), 2), (("Minis",), 1)]
        assert report.totals.calls == 2
        asked = ReportQuery(DAY, group_by=("usage_group",), filters={"usage_group": ("Minis",)})
        assert [row.values for row in store.reports.answer(asked).rows] == [("Minis",)]

    def test_the_others_are_one_row_with_each_call_once(self, store: Store) -> None:  # noqa: F811
        for name in ("A", "B", "C"):
            store.create_group(name, ["*"] if name == "A" else ["*mini"], None, "documented")
        store.record([a_call("gpt-4o-mini", started_at=5), a_call("gpt-4o", started_at=6)])
        report = store.reports.answer(ReportQuery(DAY, group_by=("usage_group",), top=1))
        assert [(row.values, row.sums.calls) for row in report.rows] == [(("A",), 2), (("Other",), 1)]

    def test_users_who_are_gone_keep_their_last_name(self, store: Store) -> None:  # noqa: F811
        for name in ("Ada", "Ada Lovelace"):
            store.record([a_call(user_name=name, started_at=5)])
        report = store.reports.answer(ReportQuery(DAY, group_by=("user",)))
        assert [row.values for row in report.rows] == [(Named("user-1", "Ada Lovelace"),)]

    def test_what_was_not_recorded_is_told_from_what_there_was_none_of(self, store: Store, engine: Engine) -> None:  # noqa: F811
        set_progress(engine, "recorded_since", "1000.0")
        store.record([a_call(started_at=5), a_call(started_at=1790), a_call(started_at=1801)])
        report = store.reports.answer(ReportQuery(DAY, group_by=("key", "usage_group")))
        found = {row.values: row.sums.calls for row in report.rows}
        assert found == {("not recorded", "none"): 2, ("none", "none"): 1}
        asked = replace(report.query, filters={"key": ("none",)})
        assert [(row.values, row.sums.calls) for row in store.reports.answer(asked).rows] == [(("none", "none"), 1)]

    def test_only_calls_that_somebody_may_read_are_counted(self, store: Store) -> None:  # noqa: F811
        store.record(
            [
                a_call(started_at=5, user_id="ada", user_groups=("g1", "g2"), user_group_names=("Sales", "Board")),
                a_call(started_at=6, user_id="bo", user_groups=("g2",), user_group_names=("g1",)),
                a_call(started_at=7, user_id="cy", user_name="ada"),
                a_call(started_at=8, user_id=None),
            ]
        )

        def answer(readable: Readable, *group_by: Dimension) -> dict[tuple[Value, ...], int]:
            report = store.reports.answer(ReportQuery(DAY, group_by=group_by, readable=readable))
            assert report.totals.calls == sum(row.sums.calls for row in report.rows)
            return {row.values: row.sums.calls for row in report.rows}

        assert answer(Readable(user="ada"), "user") == {(Named("ada", "ada"),): 1}
        assert answer(Readable(user_groups=frozenset(["g1"])), "user_group") == {(Named("g1", "Sales"),): 1}
        assert answer(Readable(user_groups=frozenset(["g1"])), "user") == {(Named("ada", "ada"),): 1}
        assert answer(Readable(user_groups=frozenset())) == {}
        assert answer(Readable(user="")) == {}

    @pytest.mark.parametrize("group_by", [("user",), ("user", "model"), ("model",), ("kind", "outcome")])
    def test_the_top_of_many_is_that_of_all(
        self,
        store: Store,  # noqa: F811
        engine: Engine,  # noqa: F811
        group_by: tuple[Dimension, ...],
    ) -> None:
        """Also where several are as great as the last one of the top."""
        rows = [
            a_call(
                f"model-{number % 7}",
                started_at=number * 9000.0,
                user_id=f"user-{number % 70}",
                usage=TokenUsage(input=number % 70 // 5),
                kind="chat" if number % 2 else "api",
            )
            for number in range(280)
        ]
        store.record(rows)
        fold_until(engine, 2000)
        time = TimeRange(7, 2790, "Europe/Berlin")
        everything = store.reports.answer(ReportQuery(time, "none", group_by))
        ranked = [row.values for row in everything.rows]
        for top in (1, 3, 60):
            report = store.reports.answer(ReportQuery(time, "day", group_by, top=top))
            shown = {row.values for row in report.rows} - {("Other",) * len(group_by)}
            assert shown == set(ranked[:top])
            assert report.totals == everything.totals
            by_day = store.reports.answer(ReportQuery(time, "day", group_by)).rows
            kept = {(row.start, row.values): row.sums for row in by_day if row.values in shown}
            assert {key: row.sums for row in report.rows if (key := (row.start, row.values)) in kept} == kept
            assert sum(row.sums.calls for row in report.rows) == report.totals.calls

    def test_a_report_of_more_rows_than_are_wanted_is_none(self, store: Store) -> None:  # noqa: F811
        store.record([a_call(started_at=900.0 * number, user_id=f"user-{number}") for number in range(12)])
        query = ReportQuery(DAY, "15m", ("user",))
        assert len(store.reports.answer(query, 12).rows) == 12
        with pytest.raises(TooManyRows):
            store.reports.answer(query, 11)

    def test_the_database_is_asked_for_few_rows(self, store: Store, engine: Engine) -> None:  # noqa: F811
        """A year by month of UTC comes from the months, whatever quarters of an hour there are."""
        store.record([a_call(started_at=moment * 86_400.0) for moment in range(60)])
        fold_until(engine, 60 * 96)
        with engine.begin() as connection:
            connection.execute(delete(usage_cube).where(usage_cube.c.cube.not_in([7])))
        report = store.reports.answer(
            ReportQuery(time_range("1970-01-01", "1970-03-01", "UTC", datetime.now(UTC)), "month")
        )
        assert [row.sums.calls for row in report.rows] == [31, 28]
