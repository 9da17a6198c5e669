"""Budgets in SQL."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from openwebui_usage.ledger.credits import check_credits, forget_credits
from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import (
    budget_from,
    budget_values,
    raise_revision,
)
from openwebui_usage.ledger.errors import (
    BudgetExists,
    BudgetMissing,
    Busy,
    GroupUnknown,
)
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.preview import BudgetPreview, preview_budget
from openwebui_usage.ledger.schema import usage_budget, usage_group
from openwebui_usage.ledger.tables import Tables
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.rates import is_rate

_MOST_RECOUNTS = 5
"""How often a change is tried that others keep changing."""
_WHAT_IS_COUNTED = ("scope", "models", "group_id", "period", "timezone", "reset_at")
"""Fields of a budget that determine which calls it counts. A change of any other field, such as unit or counting, needs
no recount, because all sums are kept."""

BudgetChanges = Mapping[str, Any] | Callable[[Budget], Mapping[str, Any]]
"""Fields of a budget, or a function that makes them from the current budget."""


class BudgetStore(Tables):
    """Every method is one short transaction and blocks, but for `preview_budget`: call it off the event loop."""

    def budgets(self) -> list[Budget]:
        """Every budget, in the order of creation."""
        return list(self.definitions().budgets)

    def create_budget(self, budget: Budget) -> Budget:
        """Make a budget. Its current period begins with what rows of the ledger already add to it.

        `group` is the name of a usage group, if any. A budget for a user group or a role begins at zero, because rows
        do not tell who was in it. Raises `BudgetExists`, `GroupUnknown`.
        """
        with self._engine.connect() as connection:  # Check first, before rows are counted in vain.
            budget = self._resolved(connection, replace(budget, id=uuid.uuid4().hex))
            if connection.execute(select(usage_budget.c.id).where(usage_budget.c.name == budget.name)).first():
                raise BudgetExists(budget.name)
        if is_known_by_rows(budget):
            budget = self._recount.of_budget(budget)
        try:
            with writing(self._engine) as connection:
                if self._resolved(connection, budget).group_id != budget.group_id:
                    raise GroupUnknown(str(budget.group))  # Deleted meanwhile, and perhaps made again.
                connection.execute(insert(usage_budget), {**budget_values(budget), "created_at": time.time()})
                self._recount.adopt(connection, budget)
                note(connection, "budget", budget.name, "added", None, budget)
                raise_revision(connection)
        except BaseException as error:
            self._recount.forget(budget.id)
            if isinstance(error, IntegrityError):
                raise BudgetExists(budget.name) from error
            raise
        return budget

    def update_budget(self, name: str, changes: BudgetChanges) -> Budget:
        """Change some fields of a budget. Raises `BudgetMissing`, `GroupUnknown`, `HasCredit`.

        `changes` may depend on the current budget. If they raise, nothing is changed.
        """
        counted: Budget | None = None
        try:
            for _ in range(_MOST_RECOUNTS):
                with writing(self._engine) as connection:
                    before = _one_budget(connection, name)
                    budget = replace(before, **(changes(before) if callable(changes) else changes))
                    if budget.group != before.group:
                        budget = self._resolved(connection, budget)
                    check_credits(connection, before, budget)
                    is_new = not counts_the_same(before, budget)
                    if is_new and is_known_by_rows(budget):
                        is_counted = counted is not None and counts_the_same(counted, budget)
                    else:
                        is_counted = True
                    if is_counted:
                        if is_new:  # A new counter has a new id, so that its sums need not be moved while others wait.
                            id_ = counted.id if counted and is_known_by_rows(budget) else uuid.uuid4().hex
                            budget = replace(budget, id=id_)
                            self._recount.adopt(connection, budget)
                        values = update(usage_budget).where(usage_budget.c.id == before.id)
                        connection.execute(values.values(budget_values(budget)))
                        note(connection, "budget", name, "changed", before, budget)
                        raise_revision(connection)
                if is_counted:
                    useless = {before.id, counted.id if counted else before.id} - {budget.id}
                    counted = None
                    if useless:
                        self._recount.forget(*useless)
                    return budget
                if counted is not None:  # The budget was changed meanwhile.
                    self._recount.forget(counted.id)
                counted = self._recount.of_budget(budget, before)
        except BaseException:
            if counted is not None:
                self._recount.forget(counted.id)
            raise
        raise Busy(name)

    def reset_budget(self, name: str) -> Budget:
        """Set a budget's counters to zero. The ledger keeps its rows. Raises `BudgetMissing`.

        Calls that began before the reset never count again: neither if they still run or wait in a spool file, nor
        after a change of the period, the unit or the zone.
        """
        with writing(self._engine) as connection:
            before = _one_budget(connection, name)
            # A new id, so that sums need not be removed while writers wait, and reservations are gone as well.
            budget = replace(before, id=uuid.uuid4().hex, reset_at=time.time())
            values = {"id": budget.id, "reset_at": budget.reset_at}
            connection.execute(update(usage_budget).where(usage_budget.c.id == before.id).values(values))
            note(connection, "budget", name, "reset", None, None)
            raise_revision(connection)
        self._recount.forget(before.id)
        return budget

    def delete_budget(self, name: str) -> None:
        """Remove a budget and its sums. Raises `BudgetMissing`."""
        with writing(self._engine) as connection:
            budget = _one_budget(connection, name)
            connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
            forget_credits(connection, [budget])
            note(connection, "budget", name, "removed", budget, None)
            raise_revision(connection)
        self._recount.forget(budget.id)

    def preview_budget(self, budget: Budget, start: float, end: float) -> BudgetPreview:
        """Whom a budget that does not exist would have refused, see `ledger.preview`. Raises `GroupUnknown`,
        `TooManyCalls`.
        """
        with self._engine.connect() as connection:
            definitions = self._refresh(connection)
            budget = self._resolved(connection, budget)
        return preview_budget(self._engine, self._schema, budget, definitions, start, end)

    def _resolved(self, connection: Connection, budget: Budget) -> Budget:
        """The budget with the id of the usage group that it names. Raises `GroupUnknown`."""
        if budget.group is None:
            return replace(budget, group_id=None)
        id_ = connection.execute(select(usage_group.c.id).where(usage_group.c.name == budget.group)).scalar()
        if id_ is None:
            raise GroupUnknown(budget.group)
        return replace(budget, group_id=id_)


def is_known_by_rows(budget: Budget) -> bool:
    """Whether the ledger's rows tell what the budget counts: they don't tell who was in a user group or had a role, and
    of a minute nothing is counted in the ledger.
    """
    return not (budget.scope.is_of_group or budget.scope.is_of_role or is_rate(budget))


def counts_the_same(one: Budget, other: Budget) -> bool:
    """Whether the same calls count, so that a counter of one is one of the other."""
    return all(getattr(one, name) == getattr(other, name) for name in _WHAT_IS_COUNTED)


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
