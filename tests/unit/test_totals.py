"""Totals are the sums of the rows, whatever happens in whatever order: a machine does all that may change them."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, delete, func, select

from openwebui_usage.ledger import CallRow, GroupInUse, Store
from openwebui_usage.ledger.rows import CallInfo, new_id
from openwebui_usage.ledger.schema import metadata, usage_call, usage_recount, usage_revision, usage_total
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import engine_like_open_webui
from tests.support.tables import give_tables

PERIODS = st.sampled_from(["total", "day", "week", "month"])
ZONES = st.sampled_from(["UTC", "Asia/Kathmandu"])
MODELS = st.sampled_from([("*",), ("gpt-4o",), ("gpt-*", "o3-mini"), ("helper",), ("no such",)])
SCOPES = st.sampled_from([Scope(), Scope("each_user"), Scope("user", "ann"), Scope("each_user_of_group", "staff")])
LIMITS = st.none() | st.integers(0, 9)
WORKERS = st.integers(0, 1)
ENDS = st.sampled_from(["written", "later", "while the database is away", "later", "written, but nobody hears of it"])
ANY = st.integers(0, 2)
"""Which of the groups, or of the budgets."""
CALLS = st.fixed_dictionaries(
    {
        "usage": st.builds(
            TokenUsage,
            input=st.integers(0, 900),
            cached_input=st.integers(0, 90),
            cache_write=st.integers(0, 9),
            completion=st.integers(0, 500),
            reasoning=st.integers(0, 50),
            output=st.integers(0, 500),
            estimated=st.booleans(),
        ),
        "info": st.builds(
            CallInfo,
            model=st.sampled_from(["gpt-4o", "o3-mini", "helper"]),
            called_model=st.just(""),
            user_id=st.sampled_from(["ann", "bob", None]),
            user_groups=st.sampled_from([(), ("staff",)]),
            unverified=st.sampled_from([False, False, False, True]),
        ),
    }
)
USAGE = [item.name for item in fields(TokenUsage)]
ROWS, RECOUNTS = select(usage_call), select(func.count()).select_from(usage_recount)
TOTALS = select(usage_total.c["subject", "period"], *(usage_total.c[item.name] for item in fields(Sums)))
BASES = {"helper": "gpt-4o"}
"""Of the workspace models."""


@dataclass
class Counted:
    """A group or a budget as it should be: what it counts, and the ids of the rows that it counted."""

    models: tuple[str, ...]
    period: str
    timezone: str
    scope: Scope = field(default_factory=Scope)
    group: str | None = None
    since: float = 0
    """The last reset."""
    rows: set[str] = field(default_factory=set)

    def holds(self, row: CallRow) -> bool:
        return any(
            fnmatchcase(model, glob) for glob in self.models for model in (row.info.model, row.info.called_model)
        )

    def binds(self, row: CallRow) -> bool:
        match self.scope.kind:
            case "each_user":
                return row.info.user_id is not None
            case "user":
                return row.info.user_id == self.scope.id
            case "each_user_of_group":
                return row.info.user_id is not None and self.scope.id in row.info.user_groups
        return True

    def now_counts(self, row: CallRow, now: float) -> bool:
        return row.id in self.rows and self._period(row.started_at) == self._period(now)

    def _period(self, moment: float) -> Any:
        day = datetime.fromtimestamp(moment, ZoneInfo(self.timezone)).date()
        match self.period:
            case "day":
                return day
            case "week":
                return day - timedelta(days=day.weekday())
            case "month":
                return day.year, day.month
        return None


def chosen(which: int, names: Iterable[str]) -> str:
    found = sorted(names)
    return found[which % len(found)]


seen = Counter[str]()
"""What all runs of the machine did together: that the test is about something."""


class Machine(RuleBasedStateMachine):
    """Two workers on one SQLite file; beside it what must be in their totals, kept as rows."""

    def __init__(self, engines: Sequence[Engine], folder: Path) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 4, 22, tzinfo=UTC).timestamp()
        self.patches = pytest.MonkeyPatch()
        moments = type("Moments", (datetime,), {"now": lambda zone=None: datetime.fromtimestamp(self.now, zone)})
        clock = SimpleNamespace(**{**vars(time), "time": lambda: self.now})
        for name, module in list(sys.modules.items()):
            if name.startswith("openwebui_usage.ledger."):
                for known, patched in ((time, clock), (datetime, moments)):
                    if getattr(module, known.__name__, None) is known:
                        self.patches.setattr(module, known.__name__, patched)
        self.engine = engines[0]
        with self.engine.begin() as connection:
            for table in metadata.tables.values():
                if table is not usage_revision:
                    connection.execute(delete(table))
        self.workers = [Store(engine) for engine in engines]
        self.turns = itertools.cycle(self.workers)
        self.reader = Store(engines[0])
        self.spool = Spool(folder / new_id())
        self.running: list[CallRow] = []
        self.spooled: list[CallRow] = []
        self.written: dict[str, CallRow] = {}
        self.groups: dict[str, Counted] = {}
        self.budgets: dict[str, Counted] = {}

    def teardown(self) -> None:
        seen["rows"] += len(self.written)
        self.patches.undo()
        self.spool.close()
        for worker in self.workers:
            worker.close()

    @property
    def store(self) -> Store:
        """Now this worker's, now that one's."""
        return next(self.turns)

    # -- calls

    @rule(calls=st.lists(CALLS, min_size=1, max_size=4), worker=WORKERS, end=ENDS)
    def calls_are_made(self, calls: list[dict[str, Any]], worker: int, end: str) -> None:
        self.calls_begin(calls)
        self.calls_end(len(calls), worker, end)

    def calls_begin(self, calls: list[dict[str, Any]]) -> None:
        for call in calls:
            self.now += 0.25
            base = BASES.get(call["info"].model, call["info"].model)
            call["info"] = replace(call["info"], called_model=base)
            self.running.append(CallRow(started_at=self.now, **call))

    @precondition(lambda self: self.running)
    @rule(count=st.integers(1, 4), worker=WORKERS, end=ENDS)
    def calls_end(self, count: int, worker: int, end: str) -> None:
        """Those that run, the newest first."""
        if end == "later":
            return
        rows = [self.running.pop() for _ in range(min(count, len(self.running)))]
        if end != "while the database is away":
            self.workers[worker].record(rows)
            self.are_written(rows)
        if end != "written":
            self.spool.append(rows)
            self.spooled += rows

    @rule(worker=WORKERS, dies=st.booleans())
    def the_spool_is_replayed(self, worker: int, dies: bool) -> None:
        def record(rows: list[CallRow]) -> None:
            self.workers[worker].record(rows, maybe_written=True)
            self.are_written(rows)
            if dies:
                raise InterruptedError

        try:
            count = self.spool.replay(record)
        except InterruptedError:  # The rows stay, to be replayed once more.
            return
        assert count == len(self.spooled)
        self.spooled = []

    @rule(hours=st.sampled_from([0.001, 1, 3, 24, 24 * 7, 24 * 28]))
    def time_passes(self, hours: float) -> None:
        self.now += hours * 3600

    # -- definitions

    @initialize(models=st.lists(MODELS, min_size=3, max_size=3), period=PERIODS, scope=SCOPES)
    def there_are_some(self, models: list[tuple[str, ...]], period: Any, scope: Scope) -> None:
        self.a_group_is_made(models[0], period, "UTC")
        self.a_group_is_made(models[1], "total", "UTC")
        self.a_budget_is_made(scope, models[2], None, period, "UTC")

    @precondition(lambda self: len(self.groups) < 3)
    @rule(models=MODELS, period=PERIODS, timezone=ZONES)
    def a_group_is_made(self, models: tuple[str, ...], period: Any, timezone: str) -> None:
        self.now += 0.25
        name = self.new_name()
        self.store.create_group(name, models, 5, "documented", period=period, timezone=timezone)
        self.groups[name] = Counted(models, period, timezone)

    @precondition(lambda self: self.groups)
    @rule(which=ANY, changes=st.fixed_dictionaries({"models": MODELS}, optional={"limit": LIMITS, "timezone": ZONES}))
    def a_group_is_changed(self, which: int, changes: dict[str, Any]) -> None:
        name = chosen(which, self.groups)
        self.store.update_group(name, changes)
        changes.pop("limit", None)
        self.groups[name] = replace(self.groups[name], **changes)

    @precondition(lambda self: self.groups)
    @rule(which=ANY, period=PERIODS)
    def a_group_has_another_period(self, which: int, period: str) -> None:
        self.a_group_is_changed(which, {"period": period})

    @precondition(lambda self: self.groups)
    @rule(which=ANY, calls=st.lists(CALLS, max_size=2), worker=WORKERS, end=ENDS)
    def a_group_is_reset(self, which: int, calls: list[dict[str, Any]], worker: int, end: str) -> None:
        self.calls_begin(calls)
        self.now += 0.25
        name = chosen(which, self.groups)
        self.store.reset_group(name)
        self.groups[name] = replace(self.groups[name], since=self.now, rows=set())
        if calls:
            self.calls_end(len(calls), worker, end)

    @precondition(lambda self: self.groups)
    @rule(which=ANY, cascade=st.booleans())
    def a_group_is_deleted(self, which: int, cascade: bool) -> None:
        name = chosen(which, self.groups)
        used_by = [budget for budget, counted in self.budgets.items() if counted.group == name]
        if used_by and not cascade:
            with pytest.raises(GroupInUse):
                self.store.delete_group(name)
            return
        self.store.delete_group(name, cascade=cascade)
        del self.groups[name]
        for budget in used_by:
            del self.budgets[budget]

    @precondition(lambda self: len(self.budgets) < 3)
    @rule(scope=SCOPES, models=MODELS, group=st.none() | ANY, period=PERIODS, timezone=ZONES)
    def a_budget_is_made(
        self, scope: Scope, models: tuple[str, ...], group: int | None, period: Any, timezone: str
    ) -> None:
        self.now += 0.25
        counted = Counted(models, period, timezone, scope, self.group_or_none(group))
        name = self.new_name()
        self.store.create_budget(
            Budget("", name, 5, scope=scope, models=models, group=counted.group, period=period, timezone=timezone)
        )
        self.budgets[name] = counted
        self.is_recounted(counted)

    @precondition(lambda self: self.budgets)
    @rule(
        which=ANY,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "limit": LIMITS,
                "scope": SCOPES,
                "models": MODELS,
                "group": st.none() | ANY,
                "period": PERIODS,
                "timezone": ZONES,
            },
        ),
    )
    def a_budget_is_changed(self, which: int, changes: dict[str, Any]) -> None:
        name = chosen(which, self.budgets)
        if "group" in changes:
            changes["group"] = self.group_or_none(changes["group"])
        self.store.update_budget(name, changes)
        changes.pop("limit", None)
        before = self.budgets[name]
        self.budgets[name] = replace(before, **changes)
        if self.budgets[name] != before:
            self.is_recounted(self.budgets[name])

    @precondition(lambda self: self.budgets)
    @rule(which=ANY)
    def a_budget_is_deleted(self, which: int) -> None:
        name = chosen(which, self.budgets)
        self.store.delete_budget(name)
        del self.budgets[name]

    def new_name(self) -> str:
        """One that may have been in use before."""
        return next(name for name in "ABCDEF" if name not in {*self.groups, *self.budgets})

    def group_or_none(self, which: int | None) -> str | None:
        return chosen(which, self.groups) if which is not None and self.groups else None

    @rule(models=MODELS, dollars=st.integers(0, 9))
    def a_price_is_set(self, models: tuple[str, ...], dollars: int) -> None:
        self.store.put_price(Price(models[0], Decimal(dollars), Decimal(dollars)))

    # -- what must be

    def are_written(self, rows: Iterable[CallRow]) -> None:
        for row in rows:
            if row.id not in self.written:
                seen["rows that began before a reset"] += any(
                    row.started_at < one.since for one in self.groups.values()
                )
                self.written[row.id] = row
                for counted in (*self.groups.values(), *self.budgets.values()):
                    if self.counts(counted, row):
                        counted.rows.add(row.id)

    def is_recounted(self, budget: Counted) -> None:
        """From the rows, which do not tell who was in a user group."""
        known = budget.scope.kind != "each_user_of_group"
        budget.rows = {id_ for id_, row in self.written.items() if known and self.counts(budget, row)}

    def counts(self, counted: Counted, row: CallRow) -> bool:
        holder = self.groups[counted.group] if counted.group else counted
        return not row.info.unverified and holder.holds(row) and counted.binds(row) and row.started_at >= counted.since

    @invariant()
    def all_is_well(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(ROWS).all()
            totals = {(subject, period): Sums(*sums) for subject, period, *sums in connection.execute(TOTALS)}
            assert connection.execute(RECOUNTS).scalar() == 0
        self.each_row_is_there_once_and_as_it_was(rows)
        costs = {row.id: row.cost_nano for row in rows}
        known = self.groups_have_their_sums(costs) | self.budgets_have_their_sums(costs, totals)
        assert {subject.partition(":")[0] for subject, _ in totals} <= known, "a counter is left behind"

    def each_row_is_there_once_and_as_it_was(self, rows: Sequence[Any]) -> None:
        found = [(row.id, *(getattr(row, name) for name in USAGE)) for row in rows]
        given = [(row.id, *(getattr(row.usage, name) for name in USAGE)) for row in self.written.values()]
        assert sorted(found) == sorted(given)

    def groups_have_their_sums(self, costs: Mapping[str, int | None]) -> set[str]:
        usages = {usage.group.name: usage for usage in self.reader.groups()}
        assert usages.keys() == self.groups.keys()
        for name, counted in self.groups.items():
            ever = [self.written[id_] for id_ in counted.rows]
            now = [row for row in ever if counted.now_counts(row, self.now)]
            assert usages[name].sums == sums_of(now, costs), name
            assert usages[name].ever == sums_of(ever, costs), name
        return {usage.group.id for usage in usages.values()}

    def budgets_have_their_sums(self, costs: Mapping[str, int | None], totals: Mapping[Any, Sums]) -> set[str]:
        budgets = {budget.name: budget for budget in self.reader.budgets()}
        assert budgets.keys() == self.budgets.keys()
        for name, counted in self.budgets.items():
            budget = budgets[name]
            period = period_at(budget.period, budget.timezone, datetime.fromtimestamp(self.now, UTC)).key
            rows = [row for row in self.written.values() if counted.now_counts(row, self.now)]
            each = counted.scope.kind.startswith("each")
            for user in ("ann", "bob") if each else (None,):
                subject = f"{budget.id}:{user}" if each else budget.id
                theirs = [row for row in rows if not each or row.info.user_id == user]
                assert totals.get((subject, period), Sums()) == sums_of(theirs, costs), (name, user)
        return {budget.id for budget in budgets.values()}


def sums_of(rows: Sequence[CallRow], costs: Mapping[str, int | None]) -> Sums:
    """What some rows come to, at the cost that each was written with."""
    counts = ("input", "cached_input", "cache_write", "completion", "reasoning", "output")
    return Sums(
        calls=len(rows),
        estimated_calls=sum(row.usage.estimated for row in rows),
        cost_nano=sum(costs[row.id] or 0 for row in rows),
        unpriced_calls=sum(costs[row.id] is None and bool(row.usage.input or row.usage.output) for row in rows),
        **{name: sum(getattr(row.usage, name) for row in rows) for name in counts},
    )


def test_totals_are_the_sums_of_the_rows(tmp_path: Path) -> None:
    engines = [engine_like_open_webui(f"sqlite:///{tmp_path}/ledger.db") for _ in range(2)]
    give_tables(engines[0])
    seen.clear()
    # Looking for a shorter way to the same failure would take minutes: add Phase.shrink to hunt for one.
    how = settings(max_examples=25, stateful_step_count=50, phases=[Phase.reuse, Phase.generate])
    run_state_machine_as_test(lambda: Machine(engines, tmp_path), settings=how)
    for engine in engines:
        engine.dispose()
    assert seen["rows"] > 25
    assert seen["rows that began before a reset"] > 0
