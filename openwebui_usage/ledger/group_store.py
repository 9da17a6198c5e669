"""Usage groups in SQL, with what they used."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from openwebui_usage.ledger.credits import forget_credits
from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import (
    budget_from,
    group_from,
    raise_revision,
)
from openwebui_usage.ledger.errors import (
    Busy,
    GroupExists,
    GroupInUse,
    GroupMissing,
)
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.ledger.schema import ALL_TIME_KEY, usage_budget, usage_group, usage_total
from openwebui_usage.ledger.tables import Tables
from openwebui_usage.ledger.totals import read_totals
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.groups import Counting, Group, GroupUsage, Sums
from openwebui_usage.rules.periods import period_at

_MOST_RECOUNTS = 5
"""Attempts at a change while others change the same thing."""


class GroupStore(Tables):
    """Every method is one short transaction and blocks: call it off the event loop."""

    def groups(self, names: Collection[str] | None = None) -> list[GroupUsage]:
        """Groups with their usage, in the order of creation: all, or those of `names` that exist."""
        with self._engine.connect() as connection:
            groups = self._refresh(connection).groups
            if names is not None:
                groups = tuple(group for group in groups if group.name in names)
            return _with_sums(connection, groups, are_all=names is None)

    def group(self, name: str) -> GroupUsage:
        """One group by its name. Raises `GroupMissing`."""
        with self._engine.connect() as connection:
            return _one_group(connection, name)

    def create_group(
        self, name: str, models: Sequence[str], limit: int | None, counting: Counting, **others: Any
    ) -> GroupUsage:
        """Make a group that counts from now on. `others` are further fields of `Group`. Raises `GroupExists`."""
        group = Group(uuid.uuid4().hex, name, tuple(models), limit, counting, **others)
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(usage_group), {**group_values(group), "created_at": time.time()})
                note(connection, "group", name, "added", None, group)
                raise_revision(connection)
                return GroupUsage(group)
        except IntegrityError as error:
            raise GroupExists(name) from error

    def update_group(self, name: str, changes: Mapping[str, Any]) -> GroupUsage:
        """Change some fields of a group (`name`, `models`, `limit`, `period`, …). Raises `GroupMissing`, `GroupExists`.

        Budgets that count the group know it by its id, so they count it under another name as well.

        After a change of the period, its usage since the last reset is available immediately.
        """
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
        }
        counted: Budget | None = None
        for _ in range(_MOST_RECOUNTS):
            with writing(self._engine) as connection:
                before = _one_group(connection, name).group
                group = replace(before, **given)
                _check_name(connection, group)
                is_counted = _is_of_period(counted, group) or group.period == ALL_TIME_KEY
                if is_counted or (group.period, group.timezone) == (before.period, before.timezone):
                    values = update(usage_group).where(usage_group.c.id == group.id).values(group_values(group))
                    connection.execute(values)
                    if counted is not None and _is_of_period(counted, group):
                        self._recount.adopt_for_group(connection, counted, group)
                        counted = None
                    note(connection, "group", name, "changed", before, group)
                    raise_revision(connection)
                    after = _one_group(connection, group.name)
                    break
            if counted is not None:  # The group was reset, or its period changed, meanwhile.
                self._recount.forget(counted.id)
            counted = self._recount.of_group(group)
        else:
            raise Busy(name)
        if counted is not None:
            self._recount.forget(counted.id)
        return after

    def delete_group(self, name: str, *, cascade: bool = False) -> None:
        """Remove a group and its totals. The ledger keeps its rows. Raises `GroupMissing`.

        Raises `GroupInUse` if budgets count it. With `cascade` these are removed, too.
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
            forget_credits(connection, budgets)
            for budget in budgets:
                note(connection, "budget", budget.name, "removed", budget, None)
            note(connection, "group", name, "removed", group, None)
            raise_revision(connection)
        if budgets:
            self._recount.forget(*(budget.id for budget in budgets))

    def reset_group(self, name: str) -> GroupUsage:
        """Set a group's counters to zero. The ledger keeps its rows. Raises `GroupMissing`.

        Calls that began before the reset never count again: neither if they still run or wait in a spool file, nor
        after a change of the period.
        """
        with writing(self._engine) as connection:
            group = replace(_one_group(connection, name).group, reset_at=time.time())
            connection.execute(update(usage_group).where(usage_group.c.id == group.id).values(reset_at=group.reset_at))
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            note(connection, "group", name, "reset", None, None)
            raise_revision(connection)
            return GroupUsage(group)


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


def _check_name(connection: Connection, group: Group) -> None:
    """Raises `GroupExists` where another group has the name."""
    others = select(usage_group.c.id).where(usage_group.c.name == group.name, usage_group.c.id != group.id)
    if connection.execute(others).first():
        raise GroupExists(group.name)


def _is_of_period(counted: Budget | None, group: Group) -> bool:
    """Whether a counter still has the period of the group."""
    return counted is not None and (counted.period, counted.timezone, counted.reset_at) == (
        group.period,
        group.timezone,
        group.reset_at,
    )


def group_values(group: Group) -> dict[str, Any]:
    """The values of `usage_group`'s columns, without `created_at`."""
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
