"""Counts a budget, or a usage group's new period, from the ledger's rows, while calls continue to be written.

First the new counter is announced under an id of its own, and from that commit on every writer adds to it. Then the
rows that were in the ledger at that moment are summed, concurrently with the writers, and added. Only then does the
counter replace that of the budget or group. Writers wait for two short transactions, however large the ledger is. The
old counter remains in force until the last one, so a failure changes nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Integer, cast, delete, func, insert, literal_column, select, tuple_, update

from openwebui_usage.ledger.database import Transaction, sharing, writing
from openwebui_usage.ledger.definitions import Definitions, raise_revision, read_definitions, recount_text
from openwebui_usage.ledger.recording import SUMS, Key, add_to_totals
from openwebui_usage.ledger.rolling import slot_key
from openwebui_usage.ledger.schema import usage_call, usage_recount, usage_total
from openwebui_usage.ledger.totals import plus, sum_query, sums_of
from openwebui_usage.rules.budgets import Budget, Subject, subject_of
from openwebui_usage.rules.credits import earlier_periods, looks_back, that_matter
from openwebui_usage.rules.groups import Group, Sums
from openwebui_usage.rules.periods import SLOT, Period, period_at, rolling_slots

ABANDONED_SECONDS = 3600.0
"""A recount that began this long ago has ended with its process."""
_KEYS_PER_TRANSACTION = 500


class Recount:
    """Recounts counters of one ledger."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already translates `schema`, which is only needed for statements that go directly to the driver."""
        self._engine = engine
        self._schema = schema

    def of_budget(self, budget: Budget, before: Budget | None = None) -> Budget:
        """Count what `budget` counts. Returns it with the new counter's id, to be passed to `adopt` or `forget`.

        `before` is the budget as it was, if it was: where remainders or credit go back to earlier periods, these are
        counted anew as well, as far back as it had counted.
        """
        return self._count(replace(budget, id=uuid.uuid4().hex), None, before)

    def of_group(self, group: Group) -> Budget:
        """The same for a usage group's period."""
        counter = Budget(
            id=uuid.uuid4().hex,
            name=group.name,
            limit=None,
            group=group.name,
            group_id=group.id,
            period=group.period,
            timezone=group.timezone,
            reset_at=group.reset_at,
        )
        return self._count(counter, group)

    def adopt(self, connection: Connection, counted: Budget) -> None:
        """Make the counter that of a budget with the same id."""
        connection.execute(delete(usage_recount).where(usage_recount.c.id == counted.id))

    def adopt_for_group(self, connection: Connection, counted: Budget, group: Group) -> None:
        """Make the counter that of the group. The group's sum of all time remains."""
        self.adopt(connection, counted)
        periods = select(usage_total.c.period).where(usage_total.c.subject == counted.id)
        old = (usage_total.c.subject == group.id) & usage_total.c.period.in_(periods)
        connection.execute(delete(usage_total).where(old))
        mine = update(usage_total).where(usage_total.c.subject == counted.id)
        connection.execute(mine.values(subject=group.id))

    def forget(self, *ids: str) -> None:
        """Remove counters that are no longer needed, because a recount failed or a budget counts something else now."""
        with writing(self._engine) as connection:
            known = connection.execute(delete(usage_recount).where(usage_recount.c.id.in_(ids))).rowcount
            if known:
                raise_revision(connection)
        for id_ in ids:
            self._remove_totals(id_)

    def _remove_totals(self, id_: str) -> None:
        """Remove a counter's sums, which may be many: found while others write, removed a few at a time. Writers no
        longer add to them.
        """
        subject, period = usage_total.c.subject, usage_total.c.period
        # In SQLite by the index, as LIKE is not: ";" follows ":".
        is_sqlite = self._engine.dialect.name == "sqlite"
        mine = subject.between(id_, f"{id_};") if is_sqlite else subject.startswith(id_, autoescape=True)
        with self._engine.connect() as connection:
            keys = [tuple(key) for key in connection.execute(select(subject, period).where(mine))]
        for start in range(0, len(keys), _KEYS_PER_TRANSACTION):
            part = keys[start : start + _KEYS_PER_TRANSACTION]
            with sharing(self._engine) as connection:
                connection.execute(delete(usage_total).where(tuple_(subject, period).in_(part)))

    def _count(self, counter: Budget, group: Group | None, before: Budget | None = None) -> Budget:
        self._forget_abandoned()
        try:
            with ExitStack() as stack:
                # Connect before taking the lock: writers must not wait while this waits for a free connection.
                reader = stack.enter_context(self._reader())
                with writing(self._engine) as connection:
                    row = {"id": counter.id, "started_at": time.time(), "counter": recount_text(counter)}
                    connection.execute(insert(usage_recount), row)
                    raise_revision(connection)
                    period = period_at(counter.period, counter.timezone, datetime.now(UTC))
                    definitions = read_definitions(connection)
                    until_now = _boundary(connection, reader, period)
                if group is None:
                    sums: dict[Key, Sums] = {}
                    earlier = [] if before is None else _earlier(reader, counter, before, period, definitions)
                    for each in (period, *earlier):
                        sums |= sums_of_budget(reader, counter, each, until_now, definitions.groups)
                else:
                    sums = _sums_of_group(reader, counter, period, until_now, group)
            self._add(sums)
        except BaseException:
            self.forget(counter.id)
            raise
        return counter

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """A connection for reading. In PostgreSQL its first statement determines what it sees until its end."""
        with self._engine.connect() as connection:
            if connection.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def _add(self, sums: Mapping[Key, Sums]) -> None:
        items = sorted(sums.items())
        for start in range(0, len(items), _KEYS_PER_TRANSACTION):
            part = {
                key: tuple(getattr(one, name) for name in SUMS) for key, one in items[start:][:_KEYS_PER_TRANSACTION]
            }
            with sharing(self._engine) as connection:
                add_to_totals(Transaction(connection, connection.connection.cursor()), part, self._schema)

    def _forget_abandoned(self) -> None:
        old = select(usage_recount.c.id).where(usage_recount.c.started_at < time.time() - ABANDONED_SECONDS)
        with self._engine.connect() as connection:
            ids = connection.execute(old).scalars().all()
        if ids:
            self.forget(*ids)


def _earlier(
    connection: Connection, counter: Budget, before: Budget, period: Period, definitions: Definitions
) -> list[Period]:
    """The earlier periods to count, the newest first."""
    credits_ = definitions.credits_of(before.name)
    if not looks_back(counter, credits_):
        return []
    ours = earlier_periods(counter, that_matter(counter, credits_, period), period)
    current = period_at(before.period, before.timezone, datetime.now(UTC))
    theirs = earlier_periods(replace(before, carry_over="all"), credits_, current)
    subject = usage_total.c.subject
    query = select(usage_total.c.period).distinct().where(subject.between(before.id, f"{before.id};"))
    if connection.dialect.name != "sqlite":
        query = select(usage_total.c.period).distinct().where(subject.startswith(before.id, autoescape=True))
    counted = set(connection.execute(query).scalars())
    since = min((each.starts_at for each in (*theirs, current) if each.starts_at and each.key in counted), default=None)
    return [each for each in ours if since is not None and each.ends_at is not None and each.ends_at > since]


def _boundary(connection: Connection, reader: Connection, period: Period) -> Any:
    """A condition for the rows that are in the ledger now. To be called while no row can be written."""
    if connection.dialect.name != "sqlite":
        reader.execute(select(1))
        return usage_call.c.id.is_not(None)
    # Rows are only added, with increasing rowids. A snapshot would also work, but only in WAL mode.
    newest = connection.execute(select(func.max(literal_column("rowid"))).select_from(usage_call)).scalar() or 0
    # The plus keeps SQLite from searching by rowid: for a recent period the index on time is faster.
    return literal_column("rowid" if period.starts_at is None else "+rowid") <= newest


def sums_of_budget(
    reader: Connection, budget: Budget, period: Period, until_now: Any, groups: tuple[Group, ...]
) -> dict[Key, Sums]:
    """What the rows in a period that satisfy `until_now` come to for each subject of a budget."""
    counted = until_now & usage_call.c.unverified.is_(False)
    if budget.reset_at is not None:
        counted &= usage_call.c.started_at >= budget.reset_at
    by: list[Any] = [usage_call.c.user_id, usage_call.c.model, usage_call.c.called_model]
    is_rolling = rolling_slots(budget.period) is not None
    if is_rolling:
        by.append(_slot(reader).label("slot"))
    sums: dict[Key, Sums] = {}
    for row in reader.execute(sum_query(period, counted, *by)):
        caller = Subject(row.user_id)
        if budget.scope.binds(caller) and budget.covers((row.model, row.called_model), groups):
            subject = subject_of(budget, caller)
            for key in (period.key, slot_key(int(row.slot))) if is_rolling else (period.key,):
                sums[subject, key] = plus(sums.get((subject, key), Sums()), sums_of(row))
    return sums


def _slot(connection: Connection) -> Any:
    """The slot in which a call began. SQLite has no `floor` everywhere, and PostgreSQL rounds where it casts."""
    slots = usage_call.c.started_at / literal_column(str(SLOT))  # As in GROUP BY: PostgreSQL compares no parameters.
    return cast(slots, Integer) if connection.dialect.name == "sqlite" else cast(func.floor(slots), Integer)


def _sums_of_group(
    reader: Connection, counter: Budget, period: Period, until_now: Any, group: Group
) -> dict[Key, Sums]:
    """The sums of the rows that the group counted, even if its models have changed since."""
    position = func.strpos if reader.dialect.name == "postgresql" else func.instr
    counted = until_now & (position(usage_call.c.groups, f" {group.id} ") > 0)
    if group.reset_at is not None:
        counted &= usage_call.c.started_at >= group.reset_at
    row = reader.execute(sum_query(period, counted)).one()
    return {(counter.id, period.key): sums_of(row)}
