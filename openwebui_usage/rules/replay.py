"""What a budget would have refused of calls that were made without it. No clock and no database."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from openwebui_usage.rules.budgets import Budget, Subject, decide, subject_of
from openwebui_usage.rules.periods import SLOT, period_at, rolling_slots


@dataclass(slots=True)
class RefusedUser:
    """Whom the budget would have refused. `amount` is what the refused calls used, in the budget's unit."""

    user_id: str | None
    """None where nobody knows who called."""
    first_at: float
    user_name: str | None = None
    """The one of the latest refused call."""
    calls: int = 0
    amount: int = 0


@dataclass(slots=True)
class Replay:
    """Calls one after the other, in order of time, as if `budget` had been in force.

    A call is refused once what its period used has reached the limit; what is refused adds nothing. Each call knows
    what all calls before it used, so nothing is reserved. A budget that only warns or counts refuses nobody.
    """

    budget: Budget
    told_from: float = 0.0
    """Refusals of calls that began before are not told, in seconds since the epoch."""
    refused: dict[str | None, RefusedUser] = field(default_factory=dict)
    """By user id."""
    _subjects: dict[Subject, str | None] = field(default_factory=dict)
    _budgets: dict[Subject, Budget] = field(default_factory=dict)
    """As it holds for each caller."""
    _used: dict[str, int] = field(default_factory=dict)
    _ends_at: float = float("-inf")
    """When the period ends."""
    _slots: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    """What the slots of a rolling budget's window used, in order of time."""

    @property
    def _length(self) -> int | None:
        return rolling_slots(self.budget.period)

    def call(
        self, started_at: float, caller: Subject, amount: int, *, user_name: str | None = None, is_exempt: bool = False
    ) -> bool:
        """Whether the next call would have been refused. `amount` is what it used, in the budget's unit.

        `is_exempt`: the budget counts it, but does not refuse it.
        """
        subject = self._subject_of(caller)
        if subject is None:
            return False
        if self._length is None and started_at >= self._ends_at:
            self._begin_period(started_at)
        elif self._length is not None:
            self._leave(subject, int(started_at) // SLOT - self._length)
        used, budget = self._used.get(subject, 0), self._budgets[caller]
        if budget.limit is None or budget.action != "block" or is_exempt or decide(budget.limit, used, 0):
            self._used[subject] = used + amount
            if self._length is not None:
                self._add(subject, int(started_at) // SLOT, amount)
            return False
        if started_at >= self.told_from:
            refused = self.refused.get(caller.user_id)
            if refused is None:
                refused = self.refused[caller.user_id] = RefusedUser(caller.user_id, started_at)
            refused.calls += 1
            refused.amount += amount
            refused.user_name = user_name or refused.user_name
        return True

    def _leave(self, subject: str, first: int) -> None:
        """Slots before `first` leave the window."""
        slots = self._slots.setdefault(subject, deque())
        while slots and slots[0][0] < first:
            self._used[subject] -= slots.popleft()[1]

    def _add(self, subject: str, slot: int, amount: int) -> None:
        slots = self._slots.setdefault(subject, deque())
        if slots and slots[-1][0] == slot:
            amount += slots.pop()[1]
        slots.append((slot, amount))

    def _begin_period(self, started_at: float) -> None:
        period = period_at(self.budget.period, self.budget.timezone, datetime.fromtimestamp(started_at, UTC))
        self._used.clear()
        self._ends_at = float("inf") if period.ends_at is None else period.ends_at.timestamp()

    def _subject_of(self, caller: Subject) -> str | None:
        """Whose sum a call adds to; None where the budget does not bind the caller."""
        if caller not in self._subjects:
            self._subjects[caller] = subject_of(self.budget, caller) if self.budget.scope.binds(caller) else None
            self._budgets[caller] = self.budget.for_caller(caller)
        return self._subjects[caller]
