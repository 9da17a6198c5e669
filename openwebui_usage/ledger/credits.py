"""Credit in SQL, and what it and earlier periods add to limits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import Definitions, raise_revision
from openwebui_usage.ledger.ended_credit import UsedUntil
from openwebui_usage.ledger.errors import BudgetMissing, CreditMissing, HasCredit
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.recording import SUMS, Key
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_budget, usage_credit, usage_total
from openwebui_usage.ledger.tables import Tables
from openwebui_usage.rules.budgets import Budget, Counter, Subject, Unit
from openwebui_usage.rules.credits import (
    Allowance,
    Credit,
    allowance,
    earlier_periods,
    in_the_way,
    looks_back,
    that_matter,
)
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.json_values import to_json_amount
from openwebui_usage.rules.pricing import Price

_SUBJECTS_PER_QUERY = 200
_PERIODS_PER_QUERY = 500


class CreditStore(Tables):
    """Every method is one short transaction and blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None = None, fallback_price: Price | None = None) -> None:
        """See `Tables`."""
        super().__init__(engine, schema, fallback_price)
        self.used_until = UsedUntil()

    def credits(self, budget: str) -> list[Credit]:
        """All that were given for a budget, the newest first. Raises `BudgetMissing`."""
        with self._engine.connect() as connection:
            _unit(connection, budget)
            query = select(usage_credit).where(usage_credit.c.budget == budget).order_by(usage_credit.c.id.desc())
            return [credit_from(row) for row in connection.execute(query)]

    def add_credit(self, credit: Credit) -> Credit:
        """Give credit, from now on. Returns it with its id. Raises `BudgetMissing`."""
        given = replace(credit, id=new_id(), created_at=time.time())
        with writing(self._engine) as connection:
            unit = _unit(connection, credit.budget)
            connection.execute(insert(usage_credit), asdict(given))
            note(connection, "credit", given.budget, "added", None, _facts(given, unit))
            raise_revision(connection)
        return given

    def delete_credit(self, budget: str, id_: str) -> None:
        """Take credit back: what was used of it stays used. Raises `BudgetMissing`, `CreditMissing`."""
        with writing(self._engine) as connection:
            unit = _unit(connection, budget)
            mine = (usage_credit.c.budget == budget) & (usage_credit.c.id == id_)
            row = connection.execute(select(usage_credit).where(mine)).first()
            if row is None:
                raise CreditMissing(id_)
            connection.execute(delete(usage_credit).where(mine))
            note(connection, "credit", budget, "removed", _facts(credit_from(row), unit), None)
            raise_revision(connection)

    def allowances(
        self, counters: Sequence[tuple[Counter, Subject]], definitions: Definitions
    ) -> list[Allowance | None]:
        """What each counter's subject may use beyond the limit, see `read_allowances`."""
        with self._engine.connect() as connection:
            return read_allowances(connection, definitions, counters, self.used_until)


def raised(counter: Counter, given: Allowance | None, now: datetime) -> Counter:
    """A counter with a limit that is higher by what an allowance comes to."""
    extra = 0 if given is None else given.at(now.timestamp())
    budget = counter.budget
    if not extra or budget.limit is None:
        return counter
    return replace(counter, budget=replace(budget, limit=budget.limit + extra))


def read_allowances(
    connection: Connection,
    definitions: Definitions,
    counters: Iterable[tuple[Counter, Subject]],
    used_until: UsedUntil | None,
) -> list[Allowance | None]:
    """What each counter's subject may use beyond the limit; None where its budget has neither credit nor remainders.

    `used_until` tells what credit covered that ended within the period; None leaves that out, and reads no rows.
    """
    asked = [(counter, definitions.credits_for(counter.budget, caller), caller) for counter, caller in counters]
    may_exceed = [definitions.may_exceed(counter.budget) for counter, *_ in asked]
    used = _used(connection, [each[:2] for each, may in zip(asked, may_exceed, strict=True) if may])
    return [
        allowance(
            counter.budget,
            credits_,
            counter.period,
            used.get(counter.key, {}),
            {} if used_until is None else used_until.ends(connection, definitions.groups, counter, credits_),
            definitions.earlier_limits(counter.budget, caller),
        )
        if may
        else None
        for (counter, credits_, caller), may in zip(asked, may_exceed, strict=True)
    ]


def _used(connection: Connection, asked: Iterable[tuple[Counter, Sequence[Credit]]]) -> dict[Key, dict[str, int]]:
    """What earlier periods that matter used, by their keys, for the keys of some counters."""
    together: dict[Key, tuple[Sequence[str], dict[str, Counter]]] = {}
    for counter, credits_ in asked:
        budget, period = counter.budget, counter.period
        if not looks_back(budget, credits_):
            continue
        periods: Sequence[str] = [
            each.key for each in earlier_periods(budget, that_matter(budget, credits_, period), period)
        ]
        known, of_budget = together.get((budget.id, period.key), ((), {}))
        of_budget[counter.subject] = counter
        # The longer one begins with the shorter one.
        together[budget.id, period.key] = (max(known, periods, key=len), of_budget)
    found: dict[Key, dict[str, int]] = {}
    for (_, current), (periods, of_budget) in together.items():
        for subject, key, sums in _read(connection, sorted(of_budget), periods):
            found.setdefault((subject, current), {})[key] = of_budget[subject].budget.used(sums)
    return found


def _read(connection: Connection, subjects: Sequence[str], periods: Sequence[str]) -> Iterator[tuple[str, str, Sums]]:
    columns = [usage_total.c[name] for name in SUMS]
    for some in _parts(subjects, _SUBJECTS_PER_QUERY):
        for few in _parts(periods, _PERIODS_PER_QUERY):
            query = select(usage_total.c.subject, usage_total.c.period, *columns)
            query = query.where(usage_total.c.subject.in_(some), usage_total.c.period.in_(few))
            for subject, period, *sums in connection.execute(query):
                yield subject, period, Sums(*map(int, sums))


def _parts(texts: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + most] for start in range(0, len(texts), most))


def check_credits(connection: Connection, before: Budget, after: Budget) -> None:
    """Raise `HasCredit` where a budget cannot be changed as long as it has its credit."""
    wrong = in_the_way(before, after, _credits_of(connection, before.name))
    if wrong is not None:
        raise HasCredit(before.name, *wrong)


def forget_credits(connection: Connection, budgets: Iterable[Budget]) -> None:
    """Remove the credit of budgets that are gone, and note it."""
    for budget in budgets:
        for credit in _credits_of(connection, budget.name):
            note(connection, "credit", budget.name, "removed", _facts(credit, budget.unit), None)
        connection.execute(delete(usage_credit).where(usage_credit.c.budget == budget.name))


def valid_credits(connection: Connection, budget: Budget) -> list[Credit]:
    """The credit of a budget that has not ended, the oldest first."""
    now = time.time()
    found = ((credit, credit.ends_at(budget)) for credit in _credits_of(connection, budget.name))
    return [credit for credit, end in found if end is None or end > now]


def _credits_of(connection: Connection, budget: str) -> list[Credit]:
    query = select(usage_credit).where(usage_credit.c.budget == budget).order_by(usage_credit.c.id)
    return [credit_from(row) for row in connection.execute(query)]


def credit_from(row: Row[Any]) -> Credit:
    """The credit in a row of `usage_credit`."""
    return Credit(**row._mapping)


def _facts(credit: Credit, unit: Unit) -> dict[str, Any]:
    facts = {key: value for key, value in asdict(credit).items() if key not in ("budget", "created_by", "created_at")}
    return {**facts, "amount": to_json_amount(credit.amount, unit)}


def _unit(connection: Connection, budget: str) -> Unit:
    unit: Unit | None = connection.execute(select(usage_budget.c.unit).where(usage_budget.c.name == budget)).scalar()
    if unit is None:
        raise BudgetMissing(budget)
    return unit
