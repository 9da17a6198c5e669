"""Exceptions from a budget's limit: of one user, of the members of a user group, of everybody with a role.

The most specific one wins: the user's own, else the highest of the user's groups (or the lowest, as the budget says),
else the role's; of several for the same user, group or role, the first. No limit is higher than any limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from openwebui_usage.rules.budgets import Subject

OverrideKind = Literal["user", "user_group", "role"]
KINDS: tuple[OverrideKind, ...] = ("user", "user_group", "role")
"""The most specific first."""
SeveralGroups = Literal["highest", "lowest"]
"""Which exception holds for a member of several user groups that have one."""


@dataclass(frozen=True, slots=True)
class Override:
    """Another limit for some of those whom a budget counts separately. `limit` is in the budget's unit; None: none."""

    kind: OverrideKind
    id: str
    """Of the user or the user group, or the role's name."""
    limit: int | None

    def binds(self, caller: Subject) -> bool:
        """Whether it is for `caller`."""
        match self.kind:
            case "user":
                return caller.user_id == self.id
            case "user_group":
                return self.id in caller.user_groups
            case "role":
                return caller.role == self.id

    def to_json(self) -> dict[str, Any]:
        """As the ledger stores it."""
        return {"kind": self.kind, "id": self.id, "limit": self.limit}


class Overrides(tuple[Override, ...]):
    """All exceptions of a budget. There may be one for every user, so they are looked up by whom they are for."""

    @cached_property
    def _positions(self) -> dict[tuple[OverrideKind, str | None], list[int]]:
        found: dict[tuple[OverrideKind, str | None], list[int]] = {}
        for position, override in enumerate(self):
            found.setdefault((override.kind, override.id), []).append(position)
        return found

    def fitting(self, caller: Subject) -> list[Override]:
        """Those that bind `caller`, in order."""
        keys: list[tuple[OverrideKind, str | None]] = [("user", caller.user_id), ("role", caller.role)]
        keys += [("user_group", group) for group in caller.user_groups]
        known = self._positions
        return [self[position] for position in sorted(place for key in keys for place in known.get(key, ()))]


def override_for(overrides: Iterable[Override], caller: Subject, several_groups: SeveralGroups) -> Override | None:
    """The exception that holds for `caller`; None where there is none."""
    if isinstance(overrides, Overrides):
        fitting = overrides.fitting(caller)
    else:
        fitting = [override for override in overrides if override.binds(caller)]
    for kind in KINDS:
        of_kind = [override for override in fitting if override.kind == kind]
        if not of_kind:
            continue
        if kind != "user_group":
            return of_kind[0]
        firsts = {override.id: override for override in reversed(of_kind)}.values()
        return (max if several_groups == "highest" else min)(firsts, key=_height)
    return None


def overrides_from(stored: Iterable[dict[str, Any]]) -> Overrides:
    """The reverse of `Override.to_json`, of all exceptions of a budget."""
    return Overrides(Override(**one) for one in stored)


def _height(override: Override) -> float:
    return float("inf") if override.limit is None else override.limit
