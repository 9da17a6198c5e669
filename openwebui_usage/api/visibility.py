"""What somebody may know of groups and budgets: those that count a model which that person can use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from openwebui_usage.admission.budget_status import BudgetStatus
from openwebui_usage.api.answers.budgets import UsageBudgetStatus
from openwebui_usage.api.answers.groups import UsageGroup
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.groups import Group, GroupUsage, is_glob, matches
from openwebui_usage.rules.periods import Period, PeriodKind, period_at

EVERYTHING = "*"
"""The one glob that tells nothing of what there is."""


class Visibility:
    """One person's. Patterns are looked at once each: groups are many, and their patterns few."""

    def __init__(self, models: Iterable[tuple[str, str | None]] | None) -> None:
        """The models that the person can use, each by its own id and its base model's; None for somebody who may know
        everything.
        """
        self._own: dict[str, list[str]] | None = None
        self._fitting: dict[str, tuple[str, ...]] = {}
        self._models: tuple[tuple[str, ...], ...] | None = None
        if models is not None:
            self._own = {}
            given = tuple(models)
            self._models = tuple((own,) if base is None or base == own else (own, base) for own, base in given)
            for own, base in given:
                for known in {own, base or own}:
                    self._own.setdefault(known, []).append(own)

    def sees(self, group: Group) -> bool:
        """Whether a group holds a model that the person can use. Who may know everything sees empty ones, too."""
        return self._own is None or any(self._fits(pattern) for pattern in group.models)

    def names(self, definitions: Definitions) -> set[str] | None:
        """The names of the groups that the person sees; None for all. Asks for the groups of each model, which is
        remembered, not for the models of each group.
        """
        if self._models is None:
            return None
        return {group.name for model_ids in self._models for group in definitions.matching(model_ids).groups}

    def sees_budget(self, budget: Budget, groups: Mapping[str, Group]) -> bool:
        """Whether a budget counts a model that the person can use; `groups` are all usage groups, by id."""
        group = _counted(budget, groups)
        return group is not None and self.sees(group)

    def own_models(self, patterns: Sequence[str]) -> list[str]:
        """`patterns` without what the person cannot use: in their place stand ids of models that can be used."""
        if self._own is None:
            return list(patterns)
        own: dict[str, None] = {}
        for pattern in patterns:
            own |= dict.fromkeys((pattern,) if pattern == EVERYTHING else self._fits(pattern))
        return list(own)

    def groups(self, entries: Iterable[GroupUsage]) -> Iterator[tuple[str, UsageGroup]]:
        """The visible ones of all groups, each with its name."""
        now = datetime.now(UTC)
        periods: dict[tuple[PeriodKind, str], Period] = {}
        for entry in entries:
            group = entry.group
            if self.sees(group):
                kind = (group.period, group.timezone)
                if kind not in periods:
                    periods[kind] = period_at(*kind, now)
                yield group.name, self.group(entry, periods[kind])

    def group(self, entry: GroupUsage, period: Period | None = None) -> UsageGroup:
        """One group; `period` is its current one, where it is known already."""
        return UsageGroup.of(entry, period, self.own_models(entry.group.models))

    def budgets(self, found: Iterable[BudgetStatus], groups: Mapping[str, Group]) -> Iterator[UsageBudgetStatus]:
        """The visible ones of some budgets; `groups` are all usage groups, by id."""
        for counter, sums in found:
            if self.sees_budget(counter.budget, groups):
                yield UsageBudgetStatus.of(
                    counter, sums, self.own_models(counter.budget.models), self._fallback_model(counter.budget)
                )

    def _fallback_model(self, budget: Budget) -> str | None:
        model = budget.fallback_model if budget.action == "fallback" else None
        return model if model is None or self._own is None or self._fits(model) else None

    def _fits(self, pattern: str) -> tuple[str, ...]:
        """The person's own models that `pattern` holds."""
        known = self._fitting.get(pattern)
        if known is None:
            own = self._own or {}
            if is_glob(pattern):
                ids = [id_ for id_ in own if matches(pattern, id_)]
            else:
                ids = [pattern] if pattern in own else []
            known = self._fitting[pattern] = tuple(dict.fromkeys(model for id_ in ids for model in own[id_]))
        return known


def _counted(budget: Budget, groups: Mapping[str, Group]) -> Group | None:
    if budget.group is None:
        return Group(budget.id, budget.name, budget.models)
    return groups.get(budget.group_id or "")
