"""Counters that are counted anew: exactly, beside those who write, and never what was reset.

Here on a SQLite file; `tests/integration` adds PostgreSQL.
"""
# ruff: noqa: F811 - fixtures of another module

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from openwebui_usage.ledger import (
    BudgetExists,
    BudgetMissing,
    GroupInUse,
    GroupMissing,
    GroupUnknown,
    Store,
)
from openwebui_usage.ledger import recount as recounts
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import usage_recount, usage_total
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import PeriodKind, period_at
from tests.support.recorder import a_call
from tests.unit.test_ledger import (  # noqa: F401 - fixtures
    NewEngine,
    _record_patiently,
    _upgrade_to,
    engine,
    in_threads,
    new_engine,
    other,
    rows_in,
    store,
    url,
)

PERIODS: tuple[PeriodKind, ...] = ("month", "day", "week", "total")


def used(store: Store, name: str, user: str | None = None) -> Sums:
    """What a budget counted in its current period."""
    budget = next(budget for budget in store.budgets() if budget.name == name)
    subject = budget.id if user is None else f"{budget.id}:{user}"
    key = (subject, period_at(budget.period, budget.timezone, datetime.now(UTC)).key)
    return store.totals([key])[key]


def leftovers(engine: Engine, *known: str) -> list[str]:
    """Counters that belong to nobody."""
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(usage_recount)).scalar() == 0
        subjects = connection.execute(select(usage_total.c.subject)).scalars().all()
    return [subject for subject in subjects if subject.partition(":")[0] not in known]


class TestAReset:
    @pytest.mark.parametrize("timezone", ["UTC", "Asia/Kathmandu"])
    def test_does_not_come_back_by_another_period(self, store: Store, timezone: str) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call() for _ in range(9)])
        store.reset_group("G")
        store.record([a_call()])
        for period in PERIODS:
            usage = store.update_group("G", {"period": period, "timezone": timezone})
            assert (period, usage.sums.calls, usage.ever.calls) == (period, 1, 1)
        store.reset_group("G")
        for period in PERIODS:
            assert store.update_group("G", {"period": period, "models": ["gpt-*"]}).sums == Sums()

    def test_forgets_what_began_before_whenever_that_is_written(self, store: Store, engine: Engine) -> None:
        """A stream that still runs, a row in a spool file; not so for other groups, and for budgets."""
        for name in ("reset", "other"):
            store.create_group(name, ["*"], None, "documented", period="day")
        store.create_budget(Budget("", "all", 5))
        running, spooled = a_call(), a_call()
        store.reset_group("reset")
        after = a_call()
        assert store.record([running]).groups == {"other"}
        store.record([spooled, after], maybe_written=True)
        for period in ("day", "week"):
            found = {
                name: store.update_group(name, {"period": period}).sums.calls  # type: ignore[dict-item]
                for name in ("reset", "other")
            }
            assert found == {"reset": 1, "other": 3}
        assert store.group("reset").ever.calls == 1
        assert used(store, "all").calls == 3
        assert len(rows_in(engine)) == 3

    def test_is_exact_within_a_second(self, store: Store) -> None:
        store.create_group("G", ["*"], None, "documented")
        at = store.reset_group("G").group.reset_at
        assert at is not None
        moments = [at - 0.002, at - 0.001, at, at + 0.001]
        store.record([replace(a_call(), started_at=moment) for moment in moments])
        assert store.group("G").sums.calls == 2
        assert store.update_group("G", {"period": "month"}).sums.calls == 2

    def test_while_a_period_is_counted_is_kept(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call() for _ in range(5)])
        _between(monkeypatch, lambda: (store.reset_group("G"), store.record([a_call()])))
        assert store.update_group("G", {"period": "month"}).sums.calls == 1


class TestABudgetOfAUsageGroup:
    def test_needs_one_that_exists(self, store: Store) -> None:
        with pytest.raises(GroupUnknown, match="no such"):
            store.create_budget(Budget("", "B", 5, group="no such"))
        store.create_budget(Budget("", "B", 5))
        with pytest.raises(GroupUnknown, match="no such"):
            store.update_budget("B", {"group": "no such"})
        assert [budget.group for budget in store.budgets()] == [None]

    def test_keeps_it_by_its_id(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.create_budget(Budget("", "B", 5, group="G"))
        with engine.begin() as connection:
            connection.execute(text("UPDATE usage_group SET name = 'renamed'"))
            connection.execute(text("UPDATE usage_revision SET value = value + 1"))
        store.record([a_call(), a_call("o3-mini")])
        assert used(store, "B").calls == 1
        assert [budget.group for budget in store.budgets()] == ["renamed"]
        assert [budget.group for budget in store.definitions().budgets] == ["renamed"]

    def test_keeps_the_group_from_being_deleted(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        for name in ("B", "C"):
            store.create_budget(Budget("", name, 5, group="G", scope=Scope("each_user")))
        other = store.create_budget(Budget("", "other", 5))
        store.record([a_call()])
        with pytest.raises(GroupInUse) as refusal:
            store.delete_group("G")
        assert refusal.value.budgets == ("B", "C")
        assert store.group("G").sums.calls == 1
        store.delete_group("G", cascade=True)
        assert [budget.name for budget in store.budgets()] == ["other"]
        assert leftovers(engine, other.id) == []
        with pytest.raises(GroupMissing):
            store.delete_group("G", cascade=True)

    def test_is_not_made_for_one_that_is_deleted_meanwhile(
        self,
        store: Store,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.record([a_call()])
        _between(monkeypatch, lambda: store.delete_group("G"))
        with pytest.raises(GroupUnknown):
            store.create_budget(Budget("", "B", 5, group="G"))
        assert store.budgets() == []
        assert leftovers(engine) == []


class TestChangesOfABudget:
    def test_are_made_from_the_budget_as_it_is_then(
        self, store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.create_budget(Budget("", "B", 5))
        store.record([a_call()])
        _between(monkeypatch, lambda: other.update_budget("B", {"unit": "usd", "limit": 70, "models": ("gpt-4o",)}))

        def change(before: Budget) -> dict[str, Any]:
            return {"limit": before.limit, "unit": before.unit, "period": "month"}

        changed = store.update_budget("B", change)
        assert (changed.limit, changed.unit, changed.models, changed.period) == (70, "usd", ("gpt-4o",), "month")
        assert used(store, "B").calls == 1

    def test_that_make_no_sense_leave_it_as_it_is(self, store: Store, engine: Engine) -> None:
        made = store.create_budget(Budget("", "B", 5))

        def change(before: Budget) -> dict[str, Any]:
            raise ValueError("limit: no")

        with pytest.raises(ValueError, match="no"):
            store.update_budget("B", change)
        with pytest.raises(BudgetMissing):
            store.update_budget("no such", change)
        assert store.budgets() == [made]
        assert leftovers(engine, made.id) == []

    def test_leave_no_counters_behind(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call(user_id=f"user-{number % 7}") for number in range(70)])
        store.create_budget(Budget("", "B", 5))
        changes: list[dict[str, Any]] = [
            {"scope": Scope("each_user")},
            {"models": ("gpt-4o",)},
            {"group": "G"},
            {"scope": Scope("user", "user-3")},
            {"scope": Scope("group", "staff")},
            {"scope": Scope("each_user"), "period": "week"},
        ]
        for change in changes:
            budget = store.update_budget("B", change)
            store.update_group("G", {"period": "month" if "models" in change else "day"})
            assert leftovers(engine, budget.id, store.group("G").group.id) == []
        assert [used(store, "B", f"user-{number}").calls for number in range(7)] == [10] * 7
        with pytest.raises(BudgetExists):
            store.create_budget(Budget("", "B", 5))
        store.delete_budget("B")
        assert leftovers(engine, store.group("G").group.id) == []

    def test_remove_the_sums_of_many_users_a_few_at_a_time(
        self, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recounts, "_KEYS_PER_TRANSACTION", 3)
        for name in ("one", "other"):
            store.create_budget(Budget("", name, 5, scope=Scope("each_user")))
        store.record([a_call(user_id=f"user-{number}") for number in range(10)])
        store.delete_budget("one")
        [other] = store.budgets()
        assert leftovers(engine, other.id) == []
        assert [used(store, "other", f"user-{number}").calls for number in range(10)] == [1] * 10

    def test_that_fail_half_way_change_nothing(
        self,
        store: Store,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        made = store.create_budget(Budget("", "B", 5))
        group = store.create_group("G", ["*"], None, "documented").group
        store.record([a_call()])
        _between(monkeypatch, lambda: 1 / 0)  # type: ignore[func-returns-value]
        with pytest.raises(ZeroDivisionError):
            store.update_budget("B", {"models": ("o1",)})
        with pytest.raises(ZeroDivisionError):
            store.update_group("G", {"period": "day"})
        assert store.budgets() == [made]
        assert used(store, "B").calls == store.group("G").sums.calls == 1
        assert leftovers(engine, made.id, group.id) == []

    def test_that_died_half_way_are_cleared_away(
        self,
        store: Store,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(recounts.Recount, "forget", lambda self, *ids: None)
            _between(patched, lambda: 1 / 0)  # type: ignore[func-returns-value]
            with pytest.raises(ZeroDivisionError):
                store.create_budget(Budget("", "dead", 5))
        store.record([a_call()])  # It counts on, and limits nobody.
        assert store.definitions().budgets == ()
        monkeypatch.setattr(recounts, "ABANDONED_SECONDS", -1)
        made = store.create_budget(Budget("", "B", 5))
        assert leftovers(engine, made.id) == []


class TestCountingBesideWriters:
    def test_is_exact(self, store: Store, new_engine: NewEngine, engine: Engine) -> None:
        """Budgets and periods come and change while four workers write, some rows late, as from a spool file."""
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.create_budget(Budget("", "changed", 5, period="month"))
        workers = [Store(new_engine()) for _ in range(4)]
        done = threading.Event()
        running = [len(workers)]

        def work(number: int) -> None:
            if number == len(workers):
                for turn in range(1000):
                    if turn >= 6 and done.is_set():
                        break
                    if turn < 12:
                        _patiently(store.create_budget, Budget("", f"B{turn}", 5))
                        _patiently(store.create_budget, Budget("", f"each {turn}", 5, scope=Scope("each_user")))
                    _patiently(store.update_group, "G", {"period": PERIODS[turn % 3]})
                    _patiently(store.update_budget, "changed", {"models": ("gpt-*",) if turn % 2 else ("*",)})
                return
            late: list[CallRow] = []
            try:
                for turn in range(40):
                    rows = [a_call(user_id=f"user-{number}") for _ in range(3)]
                    late.append(rows.pop())
                    _record_patiently(workers[number], rows)
                    if turn % 10 == 9:
                        _record_patiently(workers[number], late)
                        late = []
            finally:
                running[0] -= 1
                if not running[0]:
                    done.set()

        in_threads(len(workers) + 1, work)
        assert len(rows_in(engine)) == 480
        budgets = store.budgets()
        assert len(budgets) >= 13
        for budget in budgets:
            if budget.scope.kind == "each_user":
                assert [used(store, budget.name, f"user-{number}").calls for number in range(4)] == [120] * 4
            else:
                assert used(store, budget.name).calls == 480
        usage = store.group("G")
        assert usage.sums == usage.ever
        assert usage.sums.calls == 480
        assert leftovers(engine, usage.group.id, *(budget.id for budget in budgets)) == []

    def test_is_exact_where_a_group_is_reset_meanwhile(
        self, store: Store, new_engine: NewEngine, engine: Engine
    ) -> None:
        """Calls that began before the last reset count no more, whenever they are written."""
        store.create_group("G", ["*"], None, "documented")
        workers = [Store(new_engine()) for _ in range(3)]
        turns, is_over = range(8), threading.Event()

        def work(number: int) -> None:
            if number == len(workers):
                for turn in turns:
                    _patiently(store.reset_group, "G")
                    _patiently(store.update_group, "G", {"period": PERIODS[turn % 4]})
                is_over.set()
                return
            late: list[CallRow] = []
            while True:
                was_over = is_over.is_set()
                late += [a_call() for _ in range(2)]
                _record_patiently(workers[number], [a_call(), *(late if was_over or len(late) > 9 else [])])
                if was_over:
                    break
                if len(late) > 9:
                    late = []

        in_threads(len(workers) + 1, work)
        usage = store.group("G")
        assert usage.group.reset_at is not None
        counted = [row for row in rows_in(engine) if row.started_at >= usage.group.reset_at]
        assert len(counted) > len(workers)
        assert usage.sums.calls == usage.ever.calls == len(counted)
        assert leftovers(engine, usage.group.id) == []

    def test_holds_none_of_them_up(self, store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the rows are summed, others write, in the same file too, and are counted."""
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call() for _ in range(10)])

        def write() -> None:
            started = time.monotonic()
            other.record([a_call()])
            assert time.monotonic() - started < 0.7  # It would fail by itself after 0.75 s.

        _between(monkeypatch, write)
        store.create_budget(Budget("", "B", 5))
        assert used(store, "B").calls == 11
        assert store.update_group("G", {"period": "month"}).sums.calls == 12


class TestTheUpgrade:
    def test_keeps_budgets_and_their_groups(self, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
        _upgrade_to(engine, "0004")
        columns = '"limit", unit, scope, models, period, timezone, action, soft_limits, counting, free_models_exempt'
        values = "5, 'tokens', 'everyone', '[\"*\"]', 'total', 'UTC', 'block', '[]', 'documented', true"
        with engine.begin() as connection:
            group = "INSERT INTO usage_group (id, name, models, counting, created_at)"
            connection.execute(text(f"{group} VALUES ('g1', 'G', '[\"o1\"]', 'billed', 1)"))
            for number, counted in enumerate(("'G'", "'gone'", "NULL")):
                budget = f'INSERT INTO usage_budget (id, name, "group", created_at, {columns})'
                connection.execute(text(f"{budget} VALUES ('b{number}', 'B{number}', {counted}, {number}, {values})"))
        store = Store(engine)
        store.migrate()
        found = [(budget.group_id, budget.group) for budget in store.budgets()]
        assert found == [("g1", "G"), ("gone", "gone"), (None, None)]
        store.record([a_call("o1"), a_call()])
        assert [used(store, f"B{number}").calls for number in range(3)] == [1, 0, 2]
        assert store.group("G").group.reset_at is None
        assert '"B1" counts nothing' in caplog.text


def _between(monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """`do` is done once for each kind of count, when its rows were summed and nothing was added yet."""
    for name in ("sums_of_budget", "_sums_of_group"):
        original = getattr(recounts, name)
        is_done = []

        def summed(*given: Any, original: Any = original, is_done: list[bool] = is_done) -> Any:
            sums = original(*given)
            if not is_done:
                is_done.append(True)
                do()
            return sums

        monkeypatch.setattr(recounts, name, summed)


def _patiently(change: Callable[..., Any], *given: Any) -> None:
    """Many write to one SQLite file at once: a definition may well wait for longer than the driver does."""
    for _ in range(20):
        with contextlib.suppress(OperationalError):
            change(*given)
            return
    raise AssertionError("the database stayed locked")
