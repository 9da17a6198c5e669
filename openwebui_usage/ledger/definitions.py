"""Definitions by admins (groups, budgets, prices) as one snapshot, and their rows in SQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, select, update

from openwebui_usage.ledger.after_credit import ends_of, keys_after
from openwebui_usage.ledger.earlier_limits import EarlierBudgets, limits_for, read_earlier
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import (
    usage_budget,
    usage_credit,
    usage_group,
    usage_price,
    usage_recount,
    usage_revision,
)
from openwebui_usage.rules.budget_index import BudgetIndex
from openwebui_usage.rules.budgets import Budget, Counter, Scope, Subject, budget_of_group, subject_of
from openwebui_usage.rules.credits import Credit, EarlierLimit
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.overrides import overrides_from
from openwebui_usage.rules.pattern_index import PatternIndex
from openwebui_usage.rules.periods import ALL_TIME, Period, PeriodKind, period_at
from openwebui_usage.rules.pricing import Cost, Price, PriceBook, by_specificity
from openwebui_usage.rules.rates import is_rate

_MOST_REMEMBERED = 10_000
_NONE_EARLIER: EarlierBudgets = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Matching:
    """The groups that contain a model, their limits as budgets, and the positions of the budgets that count it, as
    `BudgetIndex` knows them. Those of a minute are apart.
    """

    groups: tuple[Group, ...]
    limits: tuple[Budget, ...]
    budgets: tuple[int, ...]
    rates: tuple[int, ...]


class Definitions:
    """A snapshot of all definitions at one revision. Matches are cached per model, on which alone they depend."""

    def __init__(
        self,
        groups: tuple[Group, ...] = (),
        budgets: tuple[Budget, ...] = (),
        prices: tuple[Price, ...] = (),
        revision: int = -1,
        fallback_price: Price | None = None,
        recounts: tuple[Budget, ...] = (),
        credits_: Iterable[Credit] = (),
        earlier: EarlierBudgets = _NONE_EARLIER,
    ) -> None:
        """`revision` is the database's when they were read. For `fallback_price` see `PriceBook`.

        `recounts` are new counters that already count, but do not limit anyone yet. `earlier` are the limits of before
        of those budgets to which they matter.
        """
        self.groups = groups
        self.budgets = budgets
        self.book = PriceBook(by_specificity(prices), fallback_price)
        self.revision = revision
        self._earlier = earlier
        self.rates = tuple(budget for budget in budgets if is_rate(budget))
        """Budgets of a minute. Nothing is counted for them in the ledger."""
        self._credits: dict[tuple[str, str | None], list[Credit]] = {}
        """By the budget's name and the user whom they are for, if it is one."""
        for credit in credits_:
            self._credits.setdefault((credit.budget, credit.user_id), []).append(credit)
        by_budget: dict[str, list[Credit]] = {}
        for (name, _), found in self._credits.items():
            by_budget.setdefault(name, []).extend(found)
        self._credits_of = by_budget
        self._may_exceed = frozenset(
            budget.id for budget in budgets if budget.carry_over != "none" or budget.name in by_budget
        )
        self._ends = ends_of((budget for budget in budgets if budget.id in self._may_exceed), self.credits_of)
        resets = (*(group.reset_at for group in groups), *(budget.reset_at for budget in (*budgets, *recounts)))
        self._seconds_of_resets = frozenset(int(moment) for moment in resets if moment is not None)
        self._group_index = PatternIndex(group.models for group in groups)
        self._group_limits: dict[str, Budget] = {}
        self._budget_index = BudgetIndex((*(budget for budget in budgets if not is_rate(budget)), *recounts))
        self._rate_index = BudgetIndex(self.rates)
        self._matching: dict[tuple[str, ...], Matching] = {}
        self._periods: dict[tuple[PeriodKind, str], Period] = {}

    @cached_property
    def groups_by_id(self) -> Mapping[str, Group]:
        """All groups."""
        return {group.id: group for group in self.groups}

    def rates_for(self, model_ids: tuple[str, ...], caller: Subject) -> list[Budget]:
        """The budgets of a minute that a call adds to, with the limits that hold for the caller."""
        if not self.rates:
            return []
        known = self.matching(model_ids)
        found = self._rate_index.of_call(known.rates, model_ids, known.groups, caller)
        return [budget.for_caller(caller) for budget in found]

    @property
    def any_may_exceed(self) -> bool:
        """Whether there is credit, or a remainder that is carried over, at all."""
        return bool(self._may_exceed)

    def may_exceed(self, budget: Budget) -> bool:
        """Whether more than a budget's limit may be used by somebody."""
        return budget.id in self._may_exceed

    def credits_for(self, budget: Budget, caller: Subject) -> list[Credit]:
        """The credit that calls of `caller` may use of a budget."""
        own = () if caller.user_id is None else self._credits.get((budget.name, caller.user_id), ())
        return [*(each for each in self._credits.get((budget.name, None), ()) if each.is_for(caller)), *own]

    def earlier_limits(self, budget: Budget, caller: Subject) -> list[EarlierLimit]:
        """The limits that a budget had before for `caller`, the oldest first."""
        return limits_for(self._earlier.get(budget.id, ()), caller)

    def credits_of(self, name: str) -> list[Credit]:
        """All credit of a budget, whomever it is for."""
        return self._credits_of.get(name, [])

    def matching(self, model_ids: tuple[str, ...]) -> Matching:
        """What counts calls to a model, whoever calls."""
        known = self._matching.get(model_ids)
        if known is None:
            groups = tuple(self.groups[position] for position in self._group_index.find(model_ids))
            known = Matching(
                groups,
                tuple(map(self._limit_of, groups)),
                self._budget_index.of_model(model_ids, groups),
                self._rate_index.of_model(model_ids, groups),
            )
            if len(self._matching) >= _MOST_REMEMBERED:
                self._matching.clear()
            self._matching[model_ids] = known
        return known

    def counters(
        self, model_ids: tuple[str, ...], caller: Subject, moment: datetime, *, only_limits: bool = False
    ) -> list[Counter]:
        """Every counter that a call adds to, first of all those of groups; `only_limits`: those that have a limit for
        somebody.
        """
        known = self.matching(model_ids)
        found = self._budget_index.of_call(known.budgets, model_ids, known.groups, caller)
        return [
            Counter(budget.for_caller(caller), subject_of(budget, caller), self.period(budget, moment))
            for budget in (*known.limits, *found)
            if not only_limits or budget.limit is not None or budget.overrides
        ]

    def _limit_of(self, group: Group) -> Budget:
        """One object for each group, whatever the number of its models."""
        known = self._group_limits.get(group.id)
        if known is None:
            known = self._group_limits[group.id] = budget_of_group(group)
        return known

    def counters_of(self, row: CallRow) -> list[Counter]:
        """Every counter that a row of the ledger adds to. The beginning of the call decides, not its end."""
        if row.info.unverified:
            return []
        counters = self.counters(row.info.model_ids, row.info.caller, datetime.fromtimestamp(row.started_at, UTC))
        return [counter for counter in counters if _counts_from(counter.budget, row)]

    def keys_after_credit(self, row: CallRow, counters: Iterable[Counter]) -> list[tuple[str, str]]:
        """Keys of totals beside those of `counters` that a row adds to, see `ledger.after_credit`."""
        return keys_after(self._ends, counters, row.info.caller, row.started_at) if self._ends else []

    def groups_of(self, row: CallRow) -> tuple[Group, ...]:
        """Every group that contains the row's model."""
        return () if row.info.unverified else self.matching(row.info.model_ids).groups

    def cost_of(self, row: CallRow) -> Cost | None:
        """The cost of a call. None if there is no price."""
        info = row.info
        return self.book.cost(
            info.model_ids,
            row.usage,
            row.raw_usage,
            row.started_at,
            info.provider_url,
            is_free_connection=info.is_free_connection,
        )

    def moment(self, row: CallRow) -> float:
        """When a call began, rounded as far as that does not affect what counts it: no period ends within a second, but
        a reset may fall within one.
        """
        second = int(row.started_at)
        return row.started_at if second in self._seconds_of_resets else second

    def period(self, budget: Budget, moment: datetime) -> Period:
        """The budget's period at `moment`."""
        if budget.period == "total":
            return ALL_TIME
        key = (budget.period, budget.timezone)
        known = self._periods.get(key)
        if known is None or not _lies_in(moment, known):
            known = self._periods[key] = period_at(budget.period, budget.timezone, moment)
        return known


def read_definitions(connection: Connection, fallback_price: Price | None = None) -> Definitions:
    """Read all definitions."""
    # Read the revision first: a concurrent change then causes a re-read instead of being missed.
    revision = read_revision(connection)
    groups = tuple(map(group_from, connection.execute(select(usage_group).order_by(usage_group.c.created_at))))
    budgets = tuple(read_budgets(connection, {group.id: group.name for group in groups}))
    credits_ = read_credits(connection)
    dated = {credit.budget for credit in credits_ if credit.expires_at is not None}
    return Definitions(
        groups,
        budgets,
        tuple(price_from(row) for row in connection.execute(select(usage_price))),
        revision,
        fallback_price,
        tuple(map(_recount_from, connection.execute(select(usage_recount.c.counter)).scalars())),
        credits_,
        read_earlier(connection, [each for each in budgets if each.carry_over != "none" or each.name in dated]),
    )


def read_credits(connection: Connection) -> list[Credit]:
    """All credit of the budgets that have some which has not expired: what has, took its share of what was used."""
    is_current = usage_credit.c.expires_at.is_(None) | (usage_credit.c.expires_at > time.time())
    with_some = select(usage_credit.c.budget).where(is_current)
    query = select(usage_credit).where(usage_credit.c.budget.in_(with_some)).order_by(usage_credit.c.id)
    return [Credit(**row) for row in connection.execute(query).mappings()]


def read_budgets(connection: Connection, names: Mapping[str, str]) -> list[Budget]:
    """All budgets in the order of creation. For `names` see `budget_from`."""
    rows = connection.execute(select(usage_budget).order_by(usage_budget.c.created_at))
    return [budget_from(row, names) for row in rows]


def read_revision(connection: Connection) -> int:
    """The revision, which increases with every change of a definition."""
    return int(connection.execute(_REVISION).scalar_one())


def raise_revision(connection: Connection) -> None:
    """Note that a definition has changed, so that every writer notices at its next commit."""
    query = update(usage_revision).where(usage_revision.c.name == "groups")
    connection.execute(query.values(value=usage_revision.c.value + 1))


_REVISION = select(usage_revision.c.value).where(usage_revision.c.name == "groups")


def group_from(row: Row[Any]) -> Group:
    """The group in a row of `usage_group`."""
    return Group(
        id=row.id,
        name=row.name,
        models=tuple(row.models),
        limit=row.limit,
        counting=row.counting,
        period=row.period,
        timezone=row.timezone,
        action=row.action,
        soft_limits=tuple(row.soft_limits),
        reset_at=row.reset_at,
    )


_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def budget_from(row: Row[Any], names: Mapping[str, str] = _NO_NAMES) -> Budget:
    """The budget in a row of `usage_budget`. `names` are the names of usage groups by id."""
    return Budget(
        id=row.id,
        name=row.name,
        limit=row.limit,
        unit=row.unit,
        scope=Scope(row.scope, row.scope_id),
        models=tuple(row.models),
        group=None if row.group_id is None else names.get(row.group_id, row.group_id),
        period=row.period,
        timezone=row.timezone,
        action=row.action,
        soft_limits=tuple(row.soft_limits),
        counting=row.counting,
        free_models_exempt=row.free_models_exempt,
        group_id=row.group_id,
        reset_at=row.reset_at,
        overrides=overrides_from(row.overrides),
        several_groups=row.several_groups,
        fallback_model=row.fallback_model,
        slow_up_to=row.slow_up_to,
        effort_from=row.effort_from,
        strict=row.strict,
        cap_output=row.cap_output,
        carry_over=int(row.carry_over) if row.carry_over.isdigit() else row.carry_over,
    )


def budget_values(budget: Budget) -> dict[str, Any]:
    """The values of `usage_budget`'s columns, without `created_at`."""
    return {
        "id": budget.id,
        "name": budget.name,
        "limit": budget.limit,
        "unit": budget.unit,
        "scope": budget.scope.kind,
        "scope_id": budget.scope.id,
        "models": list(budget.models),
        "group_id": budget.group_id,
        "period": budget.period,
        "timezone": budget.timezone,
        "action": budget.action,
        "soft_limits": list(budget.soft_limits),
        "counting": budget.counting,
        "free_models_exempt": budget.free_models_exempt,
        "reset_at": budget.reset_at,
        "overrides": [override.to_json() for override in budget.overrides],
        "several_groups": budget.several_groups,
        "fallback_model": budget.fallback_model,
        "slow_up_to": budget.slow_up_to,
        "effort_from": budget.effort_from,
        "strict": budget.strict,
        "cap_output": budget.cap_output,
        "carry_over": str(budget.carry_over),
    }


def recount_text(counter: Budget) -> str:
    """A counter in the form that `usage_recount` stores."""
    return json.dumps({name: value for name, value in asdict(counter).items() if name not in _ONLY_LIMITS})


_ONLY_LIMITS = ("overrides", "several_groups", "override")
"""Fields of a budget that say nothing of what it counts."""


def _recount_from(text: str) -> Budget:
    values = json.loads(text)
    tuples = {name: tuple(values[name]) for name in ("models", "soft_limits")}
    # It must not limit anyone until it is complete.
    return Budget(**{**values, **tuples, "scope": Scope(**values["scope"]), "limit": None})


def _counts_from(counter: Budget | Group, row: CallRow) -> bool:
    """Whether a call began after the counter was last reset."""
    return counter.reset_at is None or row.started_at >= counter.reset_at


def price_from(row: Row[Any]) -> Price:
    """The price in a row of `usage_price`."""
    return Price(
        row.pattern,
        Decimal(row.input),
        Decimal(row.output),
        None if row.cached_input is None else Decimal(row.cached_input),
        None if row.cache_write is None else Decimal(row.cache_write),
        Decimal(row.request),
    )


def price_values(price: Price) -> dict[str, str | None]:
    """The values of `usage_price`'s columns."""
    return {
        "pattern": price.pattern,
        "input": str(price.input),
        "output": str(price.output),
        "cached_input": None if price.cached_input is None else str(price.cached_input),
        "cache_write": None if price.cache_write is None else str(price.cache_write),
        "request": str(price.request),
    }


def _lies_in(moment: datetime, period: Period) -> bool:
    starts_at, ends_at = period.starts_at, period.ends_at
    return starts_at is not None and ends_at is not None and starts_at <= moment < ends_at
