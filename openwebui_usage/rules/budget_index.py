"""Finding the budgets that count a call, of very many, by its model and its caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.pattern_index import PatternIndex


class BudgetIndex:
    """Budgets, each known by its position. Those of one user or one user group are looked up by the caller, the others
    by the model: there may be a budget for every user, and few of them concern a call.
    """

    def __init__(self, budgets: Sequence[Budget]) -> None:
        self._budgets = tuple(budgets)
        self._personal: dict[tuple[str, str | None], list[int]] = {}
        self._by_group: dict[str | None, list[int]] = {}
        by_model: list[tuple[str, ...]] = []
        for position, budget in enumerate(self._budgets):
            scope = budget.scope
            patterns: tuple[str, ...] = ()
            if scope.kind == "user" or scope.is_of_group:
                key = ("user" if scope.kind == "user" else "group", scope.id)
                self._personal.setdefault(key, []).append(position)
            elif budget.group is not None or budget.group_id is not None:
                self._by_group.setdefault(budget.group_id, []).append(position)
            else:
                patterns = budget.models
            by_model.append(patterns)
        self._by_model = PatternIndex(by_model)

    def of_model(self, model_ids: Sequence[str], groups: Iterable[Group]) -> tuple[int, ...]:
        """The positions of those that count a model and are not for one user or user group. `groups` are the usage
        groups that contain it.
        """
        by_group = (position for group in groups for position in self._by_group.get(group.id, ()))
        return tuple(sorted({*self._by_model.find(model_ids), *by_group}))

    def of_call(
        self, of_model: tuple[int, ...], model_ids: Sequence[str], groups: Sequence[Group], caller: Subject
    ) -> list[Budget]:
        """Every budget that counts a call, in order. `of_model` is the answer for its model."""
        personal = [
            position for position in self._of_caller(caller) if self._budgets[position].covers(model_ids, groups)
        ]
        positions = sorted({*of_model, *personal}) if personal else of_model
        return [budget for position in positions if (budget := self._budgets[position]).scope.binds(caller)]

    def _of_caller(self, caller: Subject) -> list[int]:
        if not self._personal:
            return []
        keys = [("user", caller.user_id), *(("group", id_) for id_ in caller.user_groups)]
        return [position for key in keys for position in self._personal.get(key, ())]
