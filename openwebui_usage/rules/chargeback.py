"""Who is charged for a call: one user group each, so that what all are charged is what all calls cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NO_GROUP = "none"


@dataclass(frozen=True, slots=True)
class Charged:
    """A user group, and its cost center if it has one."""

    group_id: str
    group_name: str
    cost_center: str | None = None


def charged_group(groups: Iterable[tuple[str, str]], cost_centers: Mapping[str, str]) -> Charged:
    """Of the user groups (ids and names) that a user was in, the one that is charged.

    Of those with a cost center the first by name, else the first of all by name, else `none`. `cost_centers` are by
    the groups' ids.
    """
    ordered = sorted(groups, key=lambda group: (group[0] not in cost_centers, group[1], group[0]))
    if not ordered:
        return Charged(NO_GROUP, NO_GROUP)
    id_, name = ordered[0]
    return Charged(id_, name, cost_centers.get(id_))
