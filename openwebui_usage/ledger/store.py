"""Definitions and totals in SQL, and the one transaction that writes rows and totals together."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from openwebui_usage.ledger.call_log import CallLog
from openwebui_usage.ledger.checking import Check
from openwebui_usage.ledger.combinations import Combinations
from openwebui_usage.ledger.database import Recorder, Transaction, migrate, sharing, writing
from openwebui_usage.ledger.definitions import (
    Definitions,
    budget_from,
    budget_values,
    group_from,
    price_from,
    price_values,
    raise_revision,
    read_definitions,
    read_revision,
)
from openwebui_usage.ledger.outbox import Outbox, put_notices
from openwebui_usage.ledger.preview import BudgetPreview, preview_budget
from openwebui_usage.ledger.recording import SUMS, Batch, Change, Key, Recorded, insert_probe
from openwebui_usage.ledger.recount import Recount
from openwebui_usage.ledger.refusals import RefusalCount, RefusalKey, write_refusals
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import ALL_TIME_KEY, usage_budget, usage_call, usage_group, usage_price, usage_total
from openwebui_usage.ledger.totals import IDS_PER_QUERY, read_totals
from openwebui_usage.ledger.upkeep import Upkeep
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.groups import Counting, Group, GroupUsage, Sums
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.pricing import Price, by_specificity

_WHAT_IS_COUNTED = ("scope", "models", "group_id", "period", "timezone")
"""Of a budget. All sums are kept of that, so another unit or another way to count needs no new ones."""

_MOST_RECOUNTS = 5
"""How often a change is tried that others keep changing."""

BudgetChanges = Mapping[str, Any] | Callable[[Budget], Mapping[str, Any]]
"""Fields of a budget, or what makes them from the budget as it is."""
Notices = Callable[[Change, datetime], Iterable[Mapping[str, Any]]]
"""What somebody is to be told of a change."""


class GroupExists(Exception):
    """The name is taken."""


class GroupMissing(Exception):
    """No group has that name."""


class BudgetExists(Exception):
    """The name is taken."""


class BudgetMissing(Exception):
    """No budget has that name."""


class PriceMissing(Exception):
    """No price has that pattern."""


class GroupUnknown(Exception):
    """A budget names a usage group that does not exist."""


class GroupInUse(Exception):
    """A usage group cannot be deleted: budgets count it."""

    def __init__(self, name: str, budgets: tuple[str, ...]) -> None:
        """`budgets` are their names."""
        super().__init__(name)
        self.budgets = budgets


class Busy(Exception):
    """Somebody else changed the same thing again and again."""


class Store:
    """The ledger's tables on `engine`. Every method is one short transaction and blocks: call it off the event loop."""

    def __init__(
        self,
        engine: Engine,
        schema: str | None = None,
        fallback_price: Price | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """`schema` is PostgreSQL's, where the host keeps its tables in one of its own; for `fallback_price` see
        `PriceBook`.

        `prepare` must have succeeded once before there are tables: nothing is written as long as it raises.
        """
        self.notices: Notices | None = None
        """What this tells of a change is put into the outbox, in the transaction that makes the change."""
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._schema = schema
        self._fallback_price = fallback_price
        self._definitions = Definitions()
        self._recorder = Recorder(self._engine)
        self._combinations = Combinations()
        self._refused_combinations = Combinations()
        self._prepare = prepare
        self._recount = Recount(self._engine, schema)
        self.outbox = Outbox(self._engine)
        self.reports = Reports(self._engine, schema)
        self.call_log = CallLog(self._engine, schema)

    def close(self) -> None:
        """Give up the connection that this thread writes rows on."""
        self._recorder.close()

    def migrate(self) -> None:
        """Make or upgrade the tables. Raises `NewerLedger`, and whatever keeps the database from it."""
        if self._prepare is not None:
            self._prepare()
            self._prepare = None
        migrate(self._engine, self._schema)

    def upkeep(self, retention: Retention) -> Upkeep:
        """What is done to the ledger in the background."""
        return Upkeep(self._engine, self._schema, retention)

    def check_sums(self) -> Check:
        """What compares cubes and totals with the rows."""
        return Check(self._engine, self._schema)

    def definitions(self) -> Definitions:
        """Groups, budgets and prices as they are now."""
        with self._engine.connect() as connection:
            return self._refresh(connection)

    def change_mark(self) -> tuple[int, str]:
        """Another one whenever a call was counted or a definition changed: the revision, and the newest call's id.

        A call that is counted late, when a newer one has been, makes no difference to it.
        """
        with self._engine.connect() as connection:
            newest = connection.execute(select(func.max(usage_call.c.id))).scalar()
            return read_revision(connection), newest or ""

    def totals(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        """The sums of some counters; of one that never counted anything, zeros."""
        wanted = list(keys)
        with self._engine.connect() as connection:
            found = read_totals(connection, wanted)
        return {key: found.get(key, Sums()) for key in wanted}

    # -- groups ---------------------------------------------------------------------------------------------------

    def groups(self, names: Collection[str] | None = None) -> list[GroupUsage]:
        """Every group with what it used, in the order of creation; or those of some names, as far as they exist."""
        with self._engine.connect() as connection:
            groups = self._refresh(connection).groups
            if names is not None:
                groups = tuple(group for group in groups if group.name in names)
            return _with_sums(connection, groups, are_all=names is None)

    def state(self) -> tuple[int, int]:
        """Two numbers that tell whether anything changed: the revision of the definitions, and what the calls of all
        counters come to. A call adds one to each counter that counts it.
        """
        with self._engine.connect() as connection:
            revision = read_revision(connection)
            return revision, int(connection.execute(select(func.sum(usage_total.c.calls))).scalar() or 0)

    def group(self, name: str) -> GroupUsage:
        """One group by its name. Raises `GroupMissing`."""
        with self._engine.connect() as connection:
            return _one_group(connection, name)

    def create_group(
        self, name: str, models: Sequence[str], limit: int | None, counting: Counting, **others: Any
    ) -> GroupUsage:
        """A new group, counted from now on; `others` are more of `Group`'s fields. Raises `GroupExists`."""
        group = Group(uuid.uuid4().hex, name, tuple(models), limit, counting, **others)
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(usage_group), {**_group_values(group), "created_at": time.time()})
                raise_revision(connection)
                return GroupUsage(group)
        except IntegrityError as error:
            raise GroupExists(name) from error

    def update_group(self, name: str, changes: Mapping[str, Any]) -> GroupUsage:
        """Change some fields of a group (`models`, `limit`, `period`, …). Raises `GroupMissing`.

        A new period shows at once what the ledger knows of it since the last reset.
        """
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
        }
        counted: Budget | None = None
        for _ in range(_MOST_RECOUNTS):
            with writing(self._engine) as connection:
                before = _one_group(connection, name).group
                group = replace(before, **given)
                is_counted = _is_of_period(counted, group) or group.period == ALL_TIME_KEY
                if is_counted or (group.period, group.timezone) == (before.period, before.timezone):
                    values = update(usage_group).where(usage_group.c.id == group.id).values(_group_values(group))
                    connection.execute(values)
                    if counted is not None and _is_of_period(counted, group):
                        self._recount.adopt_for_group(connection, counted, group)
                        counted = None
                    raise_revision(connection)
                    after = _one_group(connection, name)
                    break
            if counted is not None:  # Somebody reset the group, or changed its period, meanwhile.
                self._recount.forget(counted.id)
            counted = self._recount.of_group(group)
        else:
            raise Busy(name)
        if counted is not None:
            self._recount.forget(counted.id)
        return after

    def delete_group(self, name: str, *, cascade: bool = False) -> None:
        """Remove a group and its totals; the ledger keeps its rows. Raises `GroupMissing`.

        Raises `GroupInUse` where a budget counts it; with `cascade` those budgets go, too.
        """
        with writing(self._engine) as connection:
            group = _one_group(connection, name).group
            used_by = select(usage_budget).where(usage_budget.c.group_id == group.id)
            budgets = [budget_from(row) for row in connection.execute(used_by.order_by(usage_budget.c.created_at))]
            if budgets and not cascade:
                raise GroupInUse(name, tuple(budget.name for budget in budgets))
            connection.execute(delete(usage_budget).where(usage_budget.c.group_id == group.id))
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            connection.execute(delete(usage_group).where(usage_group.c.id == group.id))
            raise_revision(connection)
        if budgets:
            self._recount.forget(*(budget.id for budget in budgets))

    def reset_group(self, name: str) -> GroupUsage:
        """Set a group's counters to zero; the ledger keeps its rows. Raises `GroupMissing`.

        What began before does not come back: no call that still runs or waits in a spool file, and no row by another
        period.
        """
        with writing(self._engine) as connection:
            group = replace(_one_group(connection, name).group, reset_at=time.time())
            connection.execute(update(usage_group).where(usage_group.c.id == group.id).values(reset_at=group.reset_at))
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            raise_revision(connection)
            return GroupUsage(group)

    # -- budgets and prices ---------------------------------------------------------------------------------------

    def budgets(self) -> list[Budget]:
        """Every budget, in the order of creation."""
        return list(self.definitions().budgets)

    def create_budget(self, budget: Budget) -> Budget:
        """A new budget. Its current period starts with what the ledger knows of it.

        Its `group` is the name of a usage group, if any. A budget of a user group starts at zero: the ledger does not
        know who was in it. Raises `BudgetExists`, `GroupUnknown`.
        """
        with self._engine.connect() as connection:  # Before anything is counted in vain.
            budget = self._resolved(connection, replace(budget, id=uuid.uuid4().hex))
            if connection.execute(select(usage_budget.c.id).where(usage_budget.c.name == budget.name)).first():
                raise BudgetExists(budget.name)
        if _is_known_by_rows(budget):
            budget = self._recount.of_budget(budget)
        try:
            with writing(self._engine) as connection:
                if self._resolved(connection, budget).group_id != budget.group_id:
                    raise GroupUnknown(str(budget.group))  # Deleted meanwhile, and made anew.
                connection.execute(insert(usage_budget), {**budget_values(budget), "created_at": time.time()})
                self._recount.adopt(connection, budget)
                raise_revision(connection)
        except BaseException as error:
            self._recount.forget(budget.id)
            if isinstance(error, IntegrityError):
                raise BudgetExists(budget.name) from error
            raise
        return budget

    def update_budget(self, name: str, changes: BudgetChanges) -> Budget:
        """Change some fields of a budget. Raises `BudgetMissing`, `GroupUnknown`.

        `changes` may depend on what the budget is; what they raise is raised, and nothing changes.
        """
        counted: Budget | None = None
        try:
            for _ in range(_MOST_RECOUNTS):
                with writing(self._engine) as connection:
                    before = _one_budget(connection, name)
                    budget = replace(before, **(changes(before) if callable(changes) else changes))
                    if budget.group != before.group:
                        budget = self._resolved(connection, budget)
                    is_new = not _counts_the_same(before, budget)
                    if is_new and _is_known_by_rows(budget):
                        is_counted = counted is not None and _counts_the_same(counted, budget)
                    else:
                        is_counted = True
                    if is_counted:
                        if is_new:  # Another counter, so it has another id: nobody needs to wait for its sums to move.
                            id_ = counted.id if counted and _is_known_by_rows(budget) else uuid.uuid4().hex
                            budget = replace(budget, id=id_)
                            self._recount.adopt(connection, budget)
                        values = update(usage_budget).where(usage_budget.c.id == before.id)
                        connection.execute(values.values(budget_values(budget)))
                        raise_revision(connection)
                if is_counted:
                    useless = {before.id, counted.id if counted else before.id} - {budget.id}
                    counted = None
                    if useless:
                        self._recount.forget(*useless)
                    return budget
                if counted is not None:  # Somebody changed it meanwhile.
                    self._recount.forget(counted.id)
                counted = self._recount.of_budget(budget)
        except BaseException:
            if counted is not None:
                self._recount.forget(counted.id)
            raise
        raise Busy(name)

    def delete_budget(self, name: str) -> None:
        """Remove a budget and its sums. Raises `BudgetMissing`."""
        with writing(self._engine) as connection:
            budget = _one_budget(connection, name)
            connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
            raise_revision(connection)
        self._recount.forget(budget.id)

    def preview_budget(self, budget: Budget, start: float, end: float) -> BudgetPreview:
        """Whom a budget that does not exist would have refused, see `ledger.preview`. Raises `GroupUnknown`."""
        with self._engine.connect() as connection:
            definitions = self._refresh(connection)
            budget = self._resolved(connection, budget)
        return preview_budget(self._engine, budget, definitions, start, end)

    def prices(self) -> list[Price]:
        """The admin's prices, the most specific first."""
        with self._engine.connect() as connection:
            return by_specificity(price_from(row) for row in connection.execute(select(usage_price)))

    def put_price(self, price: Price) -> None:
        """Set the price of a pattern. What was counted before keeps its cost."""
        with writing(self._engine) as connection:
            connection.execute(delete(usage_price).where(usage_price.c.pattern == price.pattern))
            connection.execute(insert(usage_price), price_values(price))
            raise_revision(connection)

    def delete_price(self, pattern: str) -> None:
        """Remove the price of a pattern. Raises `PriceMissing`."""
        with writing(self._engine) as connection:
            done = connection.execute(delete(usage_price).where(usage_price.c.pattern == pattern))
            if not done.rowcount:
                raise PriceMissing(pattern)
            raise_revision(connection)

    # -- calls ----------------------------------------------------------------------------------------------------

    def record(self, rows: Sequence[CallRow], *, maybe_written: bool = False) -> Recorded:
        """Write `rows` and add them to every total that counts them, all or nothing.

        `maybe_written`: some may already be in the ledger (a commit whose answer was lost, a spool file that was
        replayed before); those are left out.
        """
        given = tuple(rows)
        definitions = self._definitions
        is_stale = False
        while True:
            with self._recorder.transaction() as transaction:
                if is_stale:  # Nobody changes them before this transaction ends: the second try is the last one.
                    definitions = self._definitions = read_definitions(transaction.connection, self._fallback_price)
                if maybe_written:
                    known = _known_ids(transaction.connection, [row.id for row in given])
                    rows = list({row.id: row for row in given if row.id not in known}.values())
                if not rows:
                    return Recorded(given)
                written = Batch(rows, definitions).write(transaction, self._schema, self._combinations)
                if written is None:
                    is_stale = True
                    transaction.undo()
                    continue
                recorded, resolved = written
                notices = self._put_notices(transaction.connection, recorded.changes)
            self._combinations.remember(resolved)
            return replace(recorded, rows=given, notices=notices)

    def add_refusals(self, counts: Mapping[RefusalKey, RefusalCount]) -> None:
        """Add to the counters of refused calls. Not to be called by two threads at once."""
        with sharing(self._engine) as connection:
            transaction = Transaction(connection, connection.connection.cursor())
            resolved = write_refusals(transaction, counts, self._schema, self._refused_combinations)
        self._refused_combinations.remember(resolved)

    def _put_notices(self, connection: Connection, changes: Iterable[Change]) -> int:
        if self.notices is None:
            return 0
        now = datetime.now(UTC)
        told = [notice for change in changes for notice in self.notices(change, now)]
        return put_notices(connection, told, now.timestamp()) if told else 0

    def check(self) -> None:
        """Raise what the database says where it takes no calls at all. Leaves nothing behind."""
        with self._recorder.transaction() as transaction:
            insert_probe(transaction, self._schema)
            transaction.undo()

    def message(self, message_id: str) -> list[CallRow]:
        """The calls that made one chat message, in order."""
        query = select(usage_call).where(usage_call.c.message_id == message_id).order_by(usage_call.c.started_at)
        with self._engine.connect() as connection:
            return [CallRow.from_row(row) for row in connection.execute(query)]

    def latest(self, count: int) -> list[CallRow]:
        """The calls that were begun last, in order."""
        query = select(usage_call).order_by(usage_call.c.id.desc()).limit(count)  # Ids grow with time.
        with self._engine.connect() as connection:
            return [CallRow.from_row(row) for row in connection.execute(query)][::-1]

    def _refresh(self, connection: Connection) -> Definitions:
        """The definitions as this very transaction sees them; they are read only when somebody changed one."""
        definitions = self._definitions
        if read_revision(connection) != definitions.revision:
            definitions = self._definitions = read_definitions(connection, self._fallback_price)
        return definitions

    def _resolved(self, connection: Connection, budget: Budget) -> Budget:
        """With the id of the usage group that it names. Raises `GroupUnknown`."""
        if budget.group is None:
            return replace(budget, group_id=None)
        id_ = connection.execute(select(usage_group.c.id).where(usage_group.c.name == budget.group)).scalar()
        if id_ is None:
            raise GroupUnknown(budget.group)
        return replace(budget, group_id=id_)


def _is_known_by_rows(budget: Budget) -> bool:
    """Whether the ledger's rows tell what the budget counts: they don't tell who was in a user group."""
    return budget.scope.kind not in ("group", "each_user_of_group")


def _counts_the_same(one: Budget, other: Budget) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _WHAT_IS_COUNTED)


def _read_groups(connection: Connection, name: str | None = None) -> list[GroupUsage]:
    query = select(usage_group).order_by(usage_group.c.created_at)
    if name is not None:
        query = query.where(usage_group.c.name == name)
    return _with_sums(connection, [group_from(row) for row in connection.execute(query)], are_all=name is None)


def _with_sums(connection: Connection, groups: Sequence[Group], *, are_all: bool) -> list[GroupUsage]:
    now = datetime.now(UTC)
    kinds = {(group.period, group.timezone) for group in groups}
    periods = {kind: period_at(*kind, now).key for kind in kinds}
    current = {group.id: periods[group.period, group.timezone] for group in groups}
    if are_all:
        totals = select(usage_total.c.subject, usage_total.c.period, *(usage_total.c[name] for name in SUMS))
        totals = totals.where(usage_total.c.subject.in_(select(usage_group.c.id)))
        totals = totals.where(usage_total.c.period.in_({ALL_TIME_KEY, *periods.values()}))
        sums = {(subject, period): Sums(*map(int, found)) for subject, period, *found in connection.execute(totals)}
    else:
        keys = [(group_id, period) for group_id, now_ in current.items() for period in (now_, ALL_TIME_KEY)]
        sums = read_totals(connection, keys)
    zero = Sums()
    return [
        GroupUsage(group, sums.get((group.id, current[group.id]), zero), sums.get((group.id, ALL_TIME_KEY), zero))
        for group in groups
    ]


def _one_group(connection: Connection, name: str) -> GroupUsage:
    found = _read_groups(connection, name)
    if not found:
        raise GroupMissing(name)
    return found[0]


def _one_budget(connection: Connection, name: str) -> Budget:
    row = connection.execute(select(usage_budget).where(usage_budget.c.name == name)).first()
    if row is None:
        raise BudgetMissing(name)
    return budget_from(row, _names(connection))


def _names(connection: Connection) -> dict[str, str]:
    """The names of the usage groups that budgets count, by their ids."""
    counted = select(usage_budget.c.group_id).where(usage_budget.c.group_id.is_not(None))
    groups = select(usage_group.c.id, usage_group.c.name).where(usage_group.c.id.in_(counted))
    return {row.id: row.name for row in connection.execute(groups)}


def _is_of_period(counted: Budget | None, group: Group) -> bool:
    """Whether a counter was counted as the group counts by now."""
    return counted is not None and (counted.period, counted.timezone, counted.reset_at) == (
        group.period,
        group.timezone,
        group.reset_at,
    )


def _group_values(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "models": list(group.models),
        "limit": group.limit,
        "counting": group.counting,
        "period": group.period,
        "timezone": group.timezone,
        "action": group.action,
        "soft_limits": list(group.soft_limits),
        "reset_at": group.reset_at,
    }


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        query = select(usage_call.c.id).where(usage_call.c.id.in_(ids[start : start + IDS_PER_QUERY]))
        known.update(connection.execute(query).scalars())
    return known


__all__ = [
    "BudgetExists",
    "BudgetMissing",
    "Busy",
    "GroupExists",
    "GroupInUse",
    "GroupMissing",
    "GroupUnknown",
    "PriceMissing",
    "Store",
]
