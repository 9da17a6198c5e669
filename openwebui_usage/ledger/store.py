"""Definitions and totals in SQL, and the one transaction that writes rows and totals together."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    Row,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from openwebui_usage.ledger.bounds import bounded_sum
from openwebui_usage.ledger.database import Recorder, migrate, writing
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
from openwebui_usage.ledger.recording import SUMS, Batch, Change, Key, Recorded, insert_probe
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import EVER, usage_budget, usage_call, usage_group, usage_price, usage_total
from openwebui_usage.rules.budgets import Budget, Period, Subject, period_at, subject_of
from openwebui_usage.rules.groups import Counting, Group, GroupUsage, Sums
from openwebui_usage.rules.pricing import Price, in_order

_IDS_PER_QUERY = 500
_WHAT_IS_COUNTED = ("scope", "models", "group", "period", "timezone")
"""Of a budget. All sums are kept of that, so another unit or another way to count needs no new ones."""

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


class Store:
    """The ledger's tables on `engine`. Every method is one short transaction and blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None = None, otherwise: Price | None = None) -> None:
        """`schema` is PostgreSQL's, where the host keeps its tables in one of its own; `otherwise` see `PriceBook`."""
        self.notices: Notices | None = None
        """What this tells of a change is put into the outbox, in the transaction that makes the change."""
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._schema = schema
        self._otherwise = otherwise
        self._definitions = Definitions()
        self._recorder = Recorder(self._engine)
        self.outbox = Outbox(self._engine)

    def close(self) -> None:
        """Give up the connection that this thread writes rows on."""
        self._recorder.close()

    def migrate(self) -> None:
        """Make or upgrade the tables."""
        migrate(self._engine, self._schema)

    def definitions(self) -> Definitions:
        """Groups, budgets and prices as they are now."""
        with self._engine.connect() as connection:
            return self._refresh(connection)

    def totals(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        """The sums of some counters; of one that never counted anything, zeros."""
        wanted = list(keys)
        with self._engine.connect() as connection:
            found = read_totals(connection, wanted)
        return {key: found.get(key, Sums()) for key in wanted}

    # -- groups ---------------------------------------------------------------------------------------------------

    def groups(self) -> list[GroupUsage]:
        """Every group with what it used, in the order of creation."""
        with self._engine.connect() as connection:
            return _read_groups(connection)

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

        A new period shows at once what the ledger knows of it.
        """
        with writing(self._engine) as connection:
            before = _one_group(connection, name).group
            given: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
            }
            group = replace(before, **given)
            connection.execute(update(usage_group).where(usage_group.c.id == group.id).values(_group_values(group)))
            raise_revision(connection)
            if (group.period, group.timezone) != (before.period, before.timezone):
                period = period_at(group.period, group.timezone, datetime.now(UTC))
                counted = func.strpos if connection.dialect.name == "postgresql" else func.instr
                sums = sum_calls(connection, period, counted(usage_call.c.groups, f" {group.id} ") > 0)
                if period.key != EVER:
                    _put_totals(connection, {(group.id, period.key): sums})
            return _one_group(connection, name)

    def delete_group(self, name: str) -> None:
        """Remove a group and its totals; the ledger keeps its rows. Raises `GroupMissing`."""
        with writing(self._engine) as connection:
            group = _one_group(connection, name).group
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            connection.execute(delete(usage_group).where(usage_group.c.id == group.id))
            raise_revision(connection)

    def reset_group(self, name: str) -> GroupUsage:
        """Set a group's counters to zero; the ledger keeps its rows. Raises `GroupMissing`."""
        with writing(self._engine) as connection:
            group = _one_group(connection, name).group
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            raise_revision(connection)
            return GroupUsage(group)

    # -- budgets and prices ---------------------------------------------------------------------------------------

    def budgets(self) -> list[Budget]:
        """Every budget, in the order of creation."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(usage_budget).order_by(usage_budget.c.created_at))
            return [budget_from(row) for row in rows]

    def create_budget(self, budget: Budget) -> Budget:
        """A new budget. Its current period starts with what the ledger knows of it. Raises `BudgetExists`.

        A budget of a user group starts at zero: the ledger does not know who was in it.
        """
        budget = replace(budget, id=uuid.uuid4().hex)
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(usage_budget), {**budget_values(budget), "created_at": time.time()})
                raise_revision(connection)
                self._seed(connection, budget)
        except IntegrityError as error:
            raise BudgetExists(budget.name) from error
        return budget

    def update_budget(self, name: str, changes: Mapping[str, Any]) -> Budget:
        """Change some fields of a budget. Raises `BudgetMissing`."""
        with writing(self._engine) as connection:
            before = _one_budget(connection, name)
            budget = replace(before, **changes)
            connection.execute(update(usage_budget).where(usage_budget.c.id == budget.id).values(budget_values(budget)))
            raise_revision(connection)
            if any(getattr(before, name) != getattr(budget, name) for name in _WHAT_IS_COUNTED):
                self._seed(connection, budget)
            return budget

    def delete_budget(self, name: str) -> None:
        """Remove a budget and its sums. Raises `BudgetMissing`."""
        with writing(self._engine) as connection:
            budget = _one_budget(connection, name)
            connection.execute(delete(usage_total).where(usage_total.c.subject.startswith(budget.id, autoescape=True)))
            connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
            raise_revision(connection)

    def prices(self) -> list[Price]:
        """The admin's prices, the most specific first."""
        with self._engine.connect() as connection:
            return in_order(price_from(row) for row in connection.execute(select(usage_price)))

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
                    definitions = self._definitions = read_definitions(transaction.connection, self._otherwise)
                if maybe_written:
                    known = _known_ids(transaction.connection, [row.id for row in given])
                    rows = list({row.id: row for row in given if row.id not in known}.values())
                if not rows:
                    return Recorded(given)
                recorded = Batch(rows, definitions).write(transaction, self._schema)
                if recorded is not None:
                    notices = self._put_notices(transaction.connection, recorded.changes)
                    return replace(recorded, rows=given, notices=notices)
                is_stale = True
                transaction.undo()

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
            definitions = self._definitions = read_definitions(connection, self._otherwise)
        return definitions

    def _seed(self, connection: Connection, budget: Budget) -> None:
        """Fill a budget's current period from the rows of the ledger."""
        connection.execute(delete(usage_total).where(usage_total.c.subject.startswith(budget.id, autoescape=True)))
        if budget.scope.kind in ("group", "each_user_of_group"):
            return
        groups = read_definitions(connection).groups
        period = period_at(budget.period, budget.timezone, datetime.now(UTC))
        seeds: dict[Key, Sums] = {}
        by_model = (usage_call.c.user_id, usage_call.c.model, usage_call.c.called_model)
        for row in connection.execute(_sum_query(period, usage_call.c.unverified.is_(False), *by_model)):
            caller = Subject(row.user_id)
            if budget.scope.binds(caller) and budget.covers((row.model, row.called_model), groups):
                key = (subject_of(budget, caller), period.key)
                seeds[key] = _plus(seeds.get(key, Sums()), _sums(row))
        _put_totals(connection, seeds)


def _read_groups(connection: Connection, name: str | None = None) -> list[GroupUsage]:
    query = select(usage_group).order_by(usage_group.c.created_at)
    if name is not None:
        query = query.where(usage_group.c.name == name)
    groups = [group_from(row) for row in connection.execute(query)]
    now = datetime.now(UTC)
    current = {group.id: period_at(group.period, group.timezone, now).key for group in groups}
    totals = select(usage_total).where(usage_total.c.subject.in_(select(usage_group.c.id)))
    if name is not None:
        totals = totals.where(usage_total.c.subject.in_(current))
    totals = totals.where(usage_total.c.period.in_({EVER, *current.values()}))
    sums = {
        (row.subject, row.period): Sums(*(int(getattr(row, name)) for name in SUMS))
        for row in connection.execute(totals)
    }
    zero = Sums()
    return [
        GroupUsage(group, sums.get((group.id, current[group.id]), zero), sums.get((group.id, EVER), zero))
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
    return budget_from(row)


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
    }


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = select(usage_call.c.id).where(usage_call.c.id.in_(ids[start : start + _IDS_PER_QUERY]))
        known.update(connection.execute(query).scalars())
    return known


def _put_totals(connection: Connection, totals: Mapping[Key, Sums]) -> None:
    for (subject, period), sums in totals.items():
        connection.execute(
            delete(usage_total).where((usage_total.c.subject == subject) & (usage_total.c.period == period))
        )
        values = {name: getattr(sums, name) for name in SUMS}
        connection.execute(insert(usage_total), {"subject": subject, "period": period, **values})


def read_totals(connection: Connection, keys: Iterable[Key]) -> dict[Key, Sums]:
    """The sums of those counters that ever counted anything."""
    wanted = set(keys)
    subjects = sorted({subject for subject, _ in wanted})
    periods = sorted({period for _, period in wanted})
    found: dict[Key, Sums] = {}
    for start in range(0, len(subjects), _IDS_PER_QUERY):
        part = {"subjects": subjects[start : start + _IDS_PER_QUERY], "periods": periods}
        for subject, period, *sums in connection.execute(_TOTALS, part):
            if (subject, period) in wanted:
                found[subject, period] = Sums(*sums)
    return found


_TOTALS = select(usage_total.c.subject, usage_total.c.period, *(usage_total.c[name] for name in SUMS)).where(
    usage_total.c.subject.in_(bindparam("subjects", expanding=True))
    & usage_total.c.period.in_(bindparam("periods", expanding=True))
)


def sum_calls(connection: Connection, period: Period, condition: Any) -> Sums:
    """The sums of the ledger's rows that fit `condition`, of a period."""
    row = connection.execute(_sum_query(period, condition)).first()
    return Sums() if row is None else _sums(row)


def _sum_query(period: Period, condition: Any, *by: Any) -> Any:
    """`_sums` reads its rows. Each half of a number is summed by itself: SQLite's sum fails where it leaves 64 bits."""
    unpriced = usage_call.c.cost_nano.is_(None) & (usage_call.c.input + usage_call.c.output > 0)
    columns = [func.count().label("calls")]
    columns += [func.sum(cast(usage_call.c.estimated, Integer)).label("estimated_calls")]
    columns += [func.sum(cast(unpriced, Integer)).label("unpriced_calls")]
    for column in _SUMMED:
        columns += [func.sum(column.bitwise_rshift(_HALF)).label(f"{column.name}_high")]
        columns += [func.sum(column.bitwise_and(2**_HALF - 1)).label(f"{column.name}_low")]
    query = select(*by, *columns).where(condition)
    if period.starts_at is not None:
        query = query.where(usage_call.c.started_at >= period.starts_at.timestamp())
    return query.group_by(*by) if by else query


_HALF = 32
_SUMMED = [usage_call.c[name] for name in SUMS if name in usage_call.c]


def _sums(row: Row[Any]) -> Sums:
    values = {name: int(getattr(row, name) or 0) for name in ("calls", "estimated_calls", "unpriced_calls")}
    for column in _SUMMED:
        high, low = getattr(row, f"{column.name}_high"), getattr(row, f"{column.name}_low")
        values[column.name] = bounded_sum((int(high or 0) << _HALF) + int(low or 0))
    return Sums(**values)


def _plus(one: Sums, other: Sums) -> Sums:
    return Sums(*(bounded_sum(getattr(one, name) + getattr(other, name)) for name in SUMS))


__all__ = [
    "BudgetExists",
    "BudgetMissing",
    "GroupExists",
    "GroupMissing",
    "PriceMissing",
    "Store",
]
