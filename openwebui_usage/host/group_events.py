"""What is told of usage groups that changed: once for all who may know the same of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from openwebui_usage.api.answers.groups import UsageGroup
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.rules.groups import Group, GroupUsage
from openwebui_usage.rules.periods import PeriodKind, period_at

GroupState = tuple[GroupUsage, str]
"""A group with what it used, and the name of its period."""
Told = dict[str, dict[str, Any] | None]
"""Groups by name; None for those that are gone."""


class GroupEvents:
    """Those of one look."""

    def __init__(
        self, changed: Collection[str], before: Mapping[str, GroupState], now: Mapping[str, GroupState]
    ) -> None:
        """`changed` are names, `before` and `now` what browsers were told of these groups last, and what is so now."""
        self.changed = sorted(changed)
        self._before = before
        self._now = now
        self._whole: dict[str, dict[str, Any]] = {}
        """Groups as admins are told of them."""
        self._of_view: dict[Visibility, Told] = {}
        self._of_change: dict[tuple[Visibility, Visibility], Told] = {}
        self._alike: dict[tuple[tuple[str, tuple[str, ...] | None], ...], Told] = {}
        """By each group's name and the models that are told of it; None for those that are gone."""

    def of(self, view: Visibility) -> Told:
        """Whatever somebody may know of; None stands for a group that is gone, or no longer seen. Whoever may know the
        same is given the same object.
        """
        found = self._of_view.get(view)
        if found is None:
            shown = tuple(self._shown(view))
            if shown not in self._alike:
                self._alike[shown] = {name: self._text(name, models) for name, models in shown}
            found = self._of_view[view] = self._alike[shown]
        return found

    def of_changed(self, before: Visibility, view: Visibility) -> Told:
        """The same for somebody who could see other groups before, with those that are seen now, and are no longer."""
        found = self._of_change.get((before, view))
        if found is None:
            others: Told = {}
            for name, state in {**self._before, **self._now}.items():
                patterns = state[0].group.models
                was, models = before.own_models(patterns), view.own_models(patterns)
                if not view.sees(state[0].group):
                    if before.sees(state[0].group):
                        others[name] = None
                elif was != models or not before.sees(state[0].group):
                    others[name] = self._text(name, tuple(models))
            found = self._of_change[before, view] = {**others, **self.of(view)}
        return found

    def _shown(self, view: Visibility) -> Iterable[tuple[str, tuple[str, ...] | None]]:
        for name in self.changed:
            now = self._now.get(name)
            if now is not None and view.sees(now[0].group):
                yield name, tuple(view.own_models(now[0].group.models))
            elif name in self._before and view.sees(self._before[name][0].group):
                yield name, None

    def _text(self, name: str, models: tuple[str, ...] | None) -> dict[str, Any] | None:
        if models is None:
            return None
        if name not in self._whole:
            entry, _ = self._now[name] if name in self._now else self._before[name]
            self._whole[name] = UsageGroup.of(entry).model_dump(by_alias=True)
        return {**self._whole[name], "models": list(models)}


def period_keys(groups: Iterable[Group], now: datetime) -> dict[str, str]:
    """The names of the groups' current periods, by the groups' ids."""
    kinds: dict[tuple[PeriodKind, str], str] = {}
    periods = {}
    for group in groups:
        kind = (group.period, group.timezone)
        if kind not in kinds:
            kinds[kind] = period_at(*kind, now).key
        periods[group.id] = kinds[kind]
    return periods
