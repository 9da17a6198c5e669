"""Everything that admins define, read and replaced as a whole.

A change is applied whole or not at all. What a new counter has to begin with is counted first, while calls go on, and
all is put in place in one transaction afterwards, see `ledger.recount`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, insert, update

from openwebui_usage.ledger.budget_store import counts_the_same, is_known_by_rows
from openwebui_usage.ledger.credits import check_credits, forget_credits, valid_credits
from openwebui_usage.ledger.database import reading, writing
from openwebui_usage.ledger.definitions import budget_values, price_values, raise_revision, read_definitions
from openwebui_usage.ledger.errors import Busy, GroupInUse, GroupUnknown
from openwebui_usage.ledger.focus import read_cost_centers, write_cost_centers
from openwebui_usage.ledger.group_store import group_values
from openwebui_usage.ledger.journal import Section, note
from openwebui_usage.ledger.reader_store import StoredReaders, read_readers, write_readers
from openwebui_usage.ledger.schema import ALL_TIME_KEY, usage_budget, usage_group, usage_price, usage_total
from openwebui_usage.ledger.tables import Tables
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.pricing import Price

_MOST_TRIES = 5
_BETWEEN = 1e-4
"""Seconds between the creation of two: their order is kept."""

_Defined = TypeVar("_Defined", Group, Budget)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All definitions, by their names: groups and budgets by name, prices by pattern, cost centers by user group."""

    groups: Mapping[str, Group] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    cost_centers: Mapping[str, str] = field(default_factory=dict)
    readers: StoredReaders = field(default_factory=StoredReaders)


@dataclass(frozen=True, slots=True)
class WantedConfiguration:
    """What is to be defined, as in `Configuration`, without ids. A section that is None stays as it is."""

    groups: Mapping[str, Group] | None = None
    budgets: Mapping[str, Budget] | None = None
    prices: Mapping[str, Price] | None = None
    cost_centers: Mapping[str, str] | None = None
    readers: StoredReaders | None = None
    prune: bool = False
    """Whether what a section does not name is removed."""

    def over(self, before: Configuration) -> Configuration:
        """What will be defined. A group or budget that exists keeps its id, and a group its last reset.

        Raises `GroupUnknown` where a budget counts a usage group that will not be there, `GroupInUse` where a group is
        removed that a budget counts which stays.
        """
        groups = self._merged(before.groups, self.groups)
        groups = {name: _as_before(group, before.groups.get(name)) for name, group in groups.items()}
        budgets = self._merged(before.budgets, self.budgets)
        return Configuration(
            groups=groups,
            budgets={
                name: _budget_as_before(budget, before.budgets.get(name), groups, before)
                for name, budget in budgets.items()
            },
            prices=self._merged(before.prices, self.prices),
            cost_centers=self._merged(before.cost_centers, self.cost_centers),
            readers=before.readers if self.readers is None else self.readers,
        )

    def _merged(self, before: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> dict[str, Any]:
        if wanted is None:
            return dict(before)
        kept = {name: before[name] for name in before if name in wanted} if self.prune else dict(before)
        return {**kept, **wanted}


@dataclass(frozen=True, slots=True)
class ConfigurationUpdate:
    """What was defined before a change, and what is after it."""

    before: Configuration
    after: Configuration
    lost_credits: Mapping[str, Sequence[Credit]]
    """Credit that still holds and goes with its budget, by the budget's name."""


class ConfigurationStore(Tables):
    """Blocks: call it off the event loop."""

    def configuration(self) -> Configuration:
        """All definitions, as of one moment."""
        with reading(self._engine) as connection:
            return _read(connection)

    def preview_configuration(self, wanted: WantedConfiguration) -> ConfigurationUpdate:
        """What `configure` would do, and raise. Changes nothing."""
        with reading(self._engine) as connection:
            before = _read(connection)
            change = _Change(before, wanted.over(before))
            change.check_credits(connection)
            return ConfigurationUpdate(before, change.after, change.lost_credits(connection))

    def configure(self, wanted: WantedConfiguration) -> ConfigurationUpdate:
        """Define what is wanted, whole or not at all.

        Raises `Busy` where others keep changing the same, `HasCredit`, and what `WantedConfiguration.over` raises.
        """
        for _ in range(_MOST_TRIES):
            before = self.configuration()
            change = _Change(before, wanted.over(before))
            counted: dict[str, Budget] = {}
            try:
                self._count(change, counted)
                with writing(self._engine) as connection:
                    is_current = _read(connection) == before
                    if is_current:
                        change.check_credits(connection)
                        lost = change.lost_credits(connection)
                        self._write(connection, change, counted)
                        raise_revision(connection)
            except BaseException:
                self._forget(counter.id for counter in counted.values())
                raise
            if is_current:
                self._forget(change.useless_counters())
                return ConfigurationUpdate(before, change.after, lost)
            self._forget(counter.id for counter in counted.values())
        raise Busy("configuration")

    def _count(self, change: _Change, counted: dict[str, Budget]) -> None:
        """Count what new counters begin with, into `counted`, by the id of the group or budget."""
        for group in change.groups_of_another_period():
            counted[group.id] = self._recount.of_group(group)
        for budget in change.budgets_that_count_anew():
            if is_known_by_rows(budget):
                counter = budget
                if budget.group is not None:
                    # The group may not exist yet, or hold other models until then.
                    models = change.after.groups[budget.group].models
                    counter = replace(budget, models=models, group=None, group_id=None)
                counted[budget.id] = self._recount.of_budget(counter, change.before.budgets.get(budget.name))

    def _write(self, connection: Connection, change: _Change, counted: Mapping[str, Budget]) -> None:
        before, after = change.before, change.after
        now = time.time()
        for number, group in enumerate(change.changed(before.groups, after.groups)):
            values = group_values(group)
            _put(connection, usage_group, values, group.name in before.groups, now + number * _BETWEEN)
            if group.id in counted:
                self._recount.adopt_for_group(connection, counted[group.id], group)
        for number, budget in enumerate(change.changed(before.budgets, after.budgets)):
            known = before.budgets.get(budget.name)
            values = budget_values(budget)
            if budget.id in counted:
                values["id"] = counted[budget.id].id
                self._recount.adopt(connection, counted[budget.id])
            if known is None:
                _put(connection, usage_budget, values, False, now + number * _BETWEEN)
            else:
                connection.execute(update(usage_budget).where(usage_budget.c.id == known.id).values(values))
        for budget in change.removed(before.budgets, after.budgets):
            connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
        for group in change.removed(before.groups, after.groups):
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            connection.execute(delete(usage_group).where(usage_group.c.id == group.id))
        self._note(connection, before, after)
        forget_credits(connection, change.removed(before.budgets, after.budgets))
        if before.prices != after.prices:
            connection.execute(delete(usage_price))
            for price in after.prices.values():
                connection.execute(insert(usage_price), price_values(price))
        if before.cost_centers != after.cost_centers:
            write_cost_centers(connection, after.cost_centers)
        if before.readers != after.readers:
            write_readers(connection, after.readers)

    def _note(self, connection: Connection, before: Configuration, after: Configuration) -> None:
        sections: tuple[tuple[Section, Mapping[str, Any], Mapping[str, Any]], ...] = (
            ("group", before.groups, after.groups),
            ("budget", before.budgets, after.budgets),
            ("price", before.prices, after.prices),
        )
        for section, old, new in sections:
            for name in [*old, *(name for name in new if name not in old)]:
                if name not in new:
                    note(connection, section, name, "removed", old[name], None)
                elif old.get(name) != new[name]:
                    note(connection, section, name, "changed" if name in old else "added", old.get(name), new[name])
        note(connection, "cost_centers", "cost_centers", "changed", before.cost_centers, after.cost_centers)
        note(connection, "readers", "readers", "changed", before.readers, after.readers)

    def _forget(self, ids: Iterable[str]) -> None:
        useless = list(ids)
        if useless:
            self._recount.forget(*useless)


@dataclass(frozen=True, slots=True)
class _Change:
    before: Configuration
    after: Configuration

    def changed(self, before: Mapping[str, _Defined], after: Mapping[str, _Defined]) -> list[_Defined]:
        """What is new or different."""
        return [each for name, each in after.items() if before.get(name) != each]

    def removed(self, before: Mapping[str, _Defined], after: Mapping[str, _Defined]) -> list[_Defined]:
        """What is gone."""
        return [each for name, each in before.items() if name not in after]

    def groups_of_another_period(self) -> list[Group]:
        """Groups whose usage in their new period is not known."""
        return [
            group
            for group in self.changed(self.before.groups, self.after.groups)
            if group.period != ALL_TIME_KEY
            and (known := self.before.groups.get(group.name)) is not None
            and (known.period, known.timezone) != (group.period, group.timezone)
        ]

    def budgets_that_count_anew(self) -> list[Budget]:
        """Budgets that are new, or count other calls than before."""
        known = {budget.id for budget in self.before.budgets.values()}
        return [budget for budget in self.after.budgets.values() if budget.id not in known]

    def check_credits(self, connection: Connection) -> None:
        """Raise `HasCredit` where a budget cannot be changed as long as it has its credit."""
        for budget in self.changed(self.before.budgets, self.after.budgets):
            known = self.before.budgets.get(budget.name)
            if known is not None:
                check_credits(connection, known, budget)

    def lost_credits(self, connection: Connection) -> dict[str, Sequence[Credit]]:
        """Credit that still holds of budgets that are gone."""
        gone = self.removed(self.before.budgets, self.after.budgets)
        found = {budget.name: valid_credits(connection, budget) for budget in gone}
        return {name: credits_ for name, credits_ in found.items() if credits_}

    def useless_counters(self) -> list[str]:
        """Ids of budgets that are gone or count anew."""
        current = {budget.id for budget in self.after.budgets.values()}
        return [budget.id for budget in self.before.budgets.values() if budget.id not in current]


def _read(connection: Connection) -> Configuration:
    definitions = read_definitions(connection)
    return Configuration(
        groups={group.name: group for group in definitions.groups},
        budgets={budget.name: budget for budget in definitions.budgets},
        prices={price.pattern: price for price in definitions.book.prices},
        cost_centers=dict(sorted(read_cost_centers(connection).items())),
        readers=read_readers(connection),
    )


def _as_before(group: Group, before: Group | None) -> Group:
    if before is None:
        return replace(group, id=uuid.uuid4().hex)
    return replace(group, id=before.id, reset_at=before.reset_at)


def _budget_as_before(
    budget: Budget, known: Budget | None, groups: Mapping[str, Group], before: Configuration
) -> Budget:
    """With the id of the group that it counts, and the id that it had where its counter goes on."""
    if budget.group is not None and budget.group not in groups:
        if budget.group in before.groups:
            raise GroupInUse(budget.group, (budget.name,))
        if budget is known:  # What it counts has been gone for long, and it counts nothing.
            return budget
        raise GroupUnknown(budget.group)
    if budget.group is not None:
        # Of no meaning beside a group, and what it was before.
        models = known.models if known is not None and known.group == budget.group else budget.models
        budget = replace(budget, group_id=groups[budget.group].id, models=models)
    if known is not None:
        budget = replace(budget, reset_at=known.reset_at)
    is_new = known is None or not counts_the_same(known, budget)
    return replace(budget, id=uuid.uuid4().hex if is_new or known is None else known.id)


def _put(connection: Connection, table: Table, values: Mapping[str, Any], exists: bool, created_at: float) -> None:
    if exists:
        connection.execute(update(table).where(table.c.id == values["id"]).values(values))
    else:
        connection.execute(insert(table), {**values, "created_at": created_at})
