"""The limits that a budget had before, from the journal: a period is reckoned with the limit that it ended with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from openwebui_usage.ledger.schema import usage_journal
from openwebui_usage.rules.budgets import Budget, Subject, Unit
from openwebui_usage.rules.credits import EarlierLimit
from openwebui_usage.rules.money import nano_dollars
from openwebui_usage.rules.overrides import overrides_from

_FIELDS = ("limit", "overrides", "several_groups")


class EarlierBudget(NamedTuple):
    """A budget with the limits that it had until a moment, in seconds since the epoch."""

    until: float
    budget: Budget


EarlierBudgets = Mapping[str, Sequence[EarlierBudget]]
"""Of each budget that was changed, by its id; the oldest first."""


def limits_for(earlier: Iterable[EarlierBudget], caller: Subject) -> list[EarlierLimit]:
    """What the limits were for `caller`, as far as they may still be known: by the user groups of today."""
    return [EarlierLimit(until, budget.for_caller(caller).limit) for until, budget in earlier]


def read_earlier(connection: Connection, budgets: Collection[Budget]) -> EarlierBudgets:
    """The earlier limits of `budgets`, as far back as each has had its unit."""
    names = {budget.name: budget for budget in budgets}
    if not names:
        return {}
    journal = usage_journal.c
    query = (
        select(journal.at, journal.name, journal.change, journal.before)
        .where((journal.section == "budget") & journal.name.in_(list(names)))
        .order_by(journal.id.desc())
    )
    found: dict[str, list[EarlierBudget]] = {}
    for at, name, change, before in connection.execute(query):
        budget = names.get(name)
        if budget is None:
            continue
        facts = before or {}
        if change in ("added", "removed") or "unit" in facts:  # Before that it was none, or another.
            del names[name]
        elif facts.keys() & set(_FIELDS):
            names[name] = budget = replace(budget, **_values(facts, budget.unit))
            found.setdefault(budget.id, []).append(EarlierBudget(at, budget))
    return {id_: tuple(reversed(earlier)) for id_, earlier in found.items()}


def _values(facts: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    values = {field: facts[field] for field in _FIELDS if field in facts}
    if "limit" in values:
        values["limit"] = _amount(values["limit"], unit)
    if "overrides" in values:
        stored = ({**one, "limit": _amount(one["limit"], unit)} for one in values["overrides"])
        values["overrides"] = overrides_from(stored)
    return values


def _amount(told: float | None, unit: Unit) -> int | None:
    """The reverse of `to_json_amount`."""
    if told is None:
        return None
    return nano_dollars(Decimal(repr(told))) if unit == "usd" else int(told)
