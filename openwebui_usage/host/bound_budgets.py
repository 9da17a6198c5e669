"""The budgets that bind connected users, and whom a commit concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openwebui_usage.admission.allowances import Allowances
from openwebui_usage.admission.budget_status import BudgetStatus, counters_of
from openwebui_usage.api.answers.overrides import LimitFrom, limit_from
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.audiences import Person
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.recording import Key
from openwebui_usage.rules.budgets import Counter
from openwebui_usage.rules.groups import Group, Sums
from openwebui_usage.rules.periods import Period, rolling_slots

Told = dict[str, Any]
"""A budget as a page is told of it."""
_AT_ONCE = 20
"""Users who are looked at before the event loop has its turn: hundreds of budgets may bind each."""
_Kind = tuple[Visibility, Key, int | None, LimitFrom]
"""All that two users' views of one counter can differ in."""


@dataclass(frozen=True, slots=True)
class _Bound:
    person: Person
    counters: tuple[Counter, ...]


class BoundBudgets:
    """Those of the users whose sockets one worker holds."""

    def __init__(self, store: Store) -> None:
        """Binds nobody yet."""
        self._store = store
        self._allowances = Allowances(store)
        self._definitions = Definitions()
        self._groups: Mapping[str, Group] = {}
        self._bound: dict[str, _Bound] = {}
        self._users: dict[Key, set[str]] = {}
        """Whom the counters bind."""
        self._ends_at: datetime | None = None
        """When the first of their periods does."""
        self._texts: dict[_Kind, tuple[Period, Sums, Told | None]] = {}
        self._older: dict[_Kind, tuple[Period, Sums, Told | None]] = {}

    def clear(self) -> None:
        """Nobody is there."""
        self._bound, self._users, self._ends_at = {}, {}, None
        self._texts, self._older = {}, {}

    async def bind(self, people: Mapping[str, Person], definitions: Definitions, now: datetime) -> set[str]:
        """Find the budgets of everybody who is new or has changed, of all where a period has ended or `definitions` are
        others. Returns those users.
        """
        if definitions is not self._definitions:
            self.clear()
            self._definitions = definitions
            self._groups = {group.id: group for group in definitions.groups}
        elif self._ends_at is not None and now >= self._ends_at:
            self.clear()
        for user_id in self._bound.keys() - people.keys():
            self._let_go(user_id)
        found = {user_id for user_id, person in people.items() if self._person(user_id) is not person}
        for number, user_id in enumerate(found, 1):
            self._let_go(user_id)
            self._bind(user_id, people[user_id], definitions, now)
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        return found

    def keys(self, users: Iterable[str]) -> set[Key]:
        """The counters that bind some users."""
        return {counter.key for user_id in users for counter in self._bound[user_id].counters}

    def whom(self, keys: Iterable[Key]) -> set[str]:
        """Whom some counters bind."""
        return set().union(*[self._users[key] for key in keys if key in self._users])

    async def statuses(
        self, users: Collection[str], sums: Mapping[Key, Sums], now: datetime
    ) -> dict[str, list[BudgetStatus]]:
        """How the budgets of some users stand; `sums` are those of `keys`."""
        found: dict[str, list[BudgetStatus]] = {}
        for number, user_id in enumerate(users, 1):
            bound = self._bound[user_id]
            subject = bound.person.subject
            counters = await self._allowances.applied(self._definitions, bound.counters, subject, now)
            found[user_id] = [(counter, sums[counter.key]) for counter in counters]
            if not number % _AT_ONCE:
                await asyncio.sleep(0)
        rolling = {
            (counter.key, counter.budget.limit): (counter, used)
            for of_user in found.values()
            for counter, used in of_user
            if rolling_slots(counter.budget.period) is not None
        }
        rates = await self._rates(users, now)
        if not rolling:
            return {user_id: [*of_user, *rates.get(user_id, ())] for user_id, of_user in found.items()}
        in_windows = await asyncio.to_thread(self._store.in_windows, list(rolling.values()), now)
        windows = {kind: (counter.period, used) for kind, (counter, used) in zip(rolling, in_windows, strict=True)}
        return {
            user_id: [*(_in_window(status, windows) for status in of_user), *rates.get(user_id, ())]
            for user_id, of_user in found.items()
        }

    async def _rates(self, users: Iterable[str], now: datetime) -> Mapping[str, list[BudgetStatus]]:
        """How the budgets of a minute stand, which have no totals."""
        definitions = self._definitions
        if not definitions.rates:
            return {}
        subjects = {user_id: self._bound[user_id].person.subject for user_id in users}
        found = await asyncio.to_thread(self._store.rate_standings, definitions, [*subjects.values()], now)
        return {user_id: found[subject] for user_id, subject in subjects.items()}

    def told(self, view: Visibility, statuses: Iterable[BudgetStatus]) -> list[Told]:
        """What somebody may know of them. Whoever sees the same is given the same objects."""
        told = []
        for counter, sums in statuses:
            budget = counter.budget
            kind = (view, counter.key, budget.limit, limit_from(budget))
            known = self._texts.get(kind) or self._older.get(kind)
            if known is None or known[0] != counter.period or known[1] != sums:
                text = next((each.model_dump() for each in view.budgets([(counter, sums)], self._groups)), None)
                known = (counter.period, sums, text)
            self._texts[kind] = known
            if known[2] is not None:
                told.append(known[2])
        return told

    def renew(self) -> None:
        """All are about to be told: what is told of nobody then need not be kept."""
        self._older, self._texts = self._texts, {}

    def _person(self, user_id: str) -> Person | None:
        bound = self._bound.get(user_id)
        return None if bound is None else bound.person

    def _bind(self, user_id: str, person: Person, definitions: Definitions, now: datetime) -> None:
        counters = tuple(counters_of(definitions, person.subject, now))
        self._bound[user_id] = _Bound(person, counters)
        for counter in counters:
            self._users.setdefault(counter.key, set()).add(user_id)
            ends_at = counter.period.ends_at
            if ends_at is not None and (self._ends_at is None or ends_at < self._ends_at):
                self._ends_at = ends_at

    def _let_go(self, user_id: str) -> None:
        bound = self._bound.pop(user_id, None)
        for counter in () if bound is None else bound.counters:
            users = self._users.get(counter.key, set())
            users.discard(user_id)
            if not users:
                self._users.pop(counter.key, None)


def _in_window(status: BudgetStatus, windows: Mapping[tuple[Key, int | None], tuple[Period, Sums]]) -> BudgetStatus:
    counter, _ = status
    window = windows.get((counter.key, counter.budget.limit))
    if window is None or rolling_slots(counter.budget.period) is None:
        return status
    period, used = window
    return Counter(counter.budget, counter.subject, period), used
