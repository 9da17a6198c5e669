"""Whose calls somebody may read: admins and readers everybody's, team leads their teams', all others only their own.

What is recorded with a call decides: a team's calls are those that its members made while they were members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openwebui_usage.ledger.reader_store import StoredReaders
from openwebui_usage.ledger.report_query import Readable


@dataclass(frozen=True, slots=True)
class ReportReaders:
    """The host's user groups whose members may read reports, by name or id."""

    of_everybody: frozenset[str] = frozenset()
    of_own_groups: frozenset[str] = frozenset()
    """Whose members are team leads: they read of members of the groups that they are in themselves."""

    @classmethod
    def of(cls, of_everybody: str, of_own_groups: str) -> ReportReaders:
        """From settings: names or ids, separated by commas."""
        return cls(_names(of_everybody), _names(of_own_groups))

    def readable(self, groups: Mapping[str, str], own: Mapping[str, str]) -> Readable | None:
        """What a member of `groups` may read, which are names by id; None for nothing of others.

        `own` are those among them that the person is a member of by name, not by a group within a group: somebody who
        leads a part of a department does not read of all of it. A group that only makes its members leads is nobody's
        team: it counts as one only for somebody who has no other.
        """
        if _has_any(groups, self.of_everybody):
            return Readable()
        if not _has_any(groups, self.of_own_groups):
            return None
        teams = {id_: name for id_, name in own.items() if not {id_, name} & self.of_own_groups}
        return Readable(user_groups=frozenset(teams or own))


@dataclass(frozen=True, slots=True)
class FixedReaders:
    """What the environment says of readers. It wins: admins decide only where it says nothing, which is None here."""

    of_everybody: frozenset[str] | None = None
    of_own_groups: frozenset[str] | None = None

    @classmethod
    def of(cls, of_everybody: str, of_own_groups: str) -> FixedReaders:
        """From settings: names or ids, separated by commas."""
        return cls(_names(of_everybody) or None, _names(of_own_groups) or None)

    def over(self, stored: StoredReaders) -> ReportReaders:
        """Who may read, given what admins set."""
        return ReportReaders(
            frozenset(stored.of_everybody) if self.of_everybody is None else self.of_everybody,
            frozenset(stored.of_own_groups) if self.of_own_groups is None else self.of_own_groups,
        )


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _has_any(groups: Mapping[str, str], wanted: frozenset[str]) -> bool:
    return any(id_ in wanted or name in wanted for id_, name in groups.items())
