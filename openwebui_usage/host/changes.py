"""What commits and admins changed, from one look to the next, and as other workers are told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from openwebui_usage.ledger import Recorded
from openwebui_usage.ledger.recording import Key
from openwebui_usage.rules.groups import SUM_FIELDS, Sums

_numbers = attrgetter(*SUM_FIELDS)


@dataclass(slots=True)
class Changes:
    """Of one commit or of many."""

    users: set[str] = field(default_factory=set)
    """Ids of those whose calls were counted."""
    groups: set[str] = field(default_factory=set)
    """Names of the usage groups that counted something, or that an admin made, changed or deleted."""
    totals: dict[Key, Sums] = field(default_factory=dict)
    """Every total that changed, as it was after the last of the commits."""
    revision: int = -1
    """Of the definitions by which they were counted."""
    calls: set[str] = field(default_factory=set)
    """Ids of the rows that were written."""
    is_defined: bool = False
    """An admin changed something."""

    def __bool__(self) -> bool:
        return bool(self.calls) or self.is_defined

    @classmethod
    def by_commit(cls, recorded: Recorded) -> Changes:
        """Those of one commit."""
        return cls(
            users={row.info.user_id for row in recorded.rows if row.info.user_id is not None},
            groups=set(recorded.groups) if recorded.changes else set(),
            totals=dict(recorded.totals),
            revision=recorded.revision,
            calls={row.id for row in recorded.rows},
        )

    @classmethod
    def by_admin(cls, names: Iterable[str]) -> Changes:
        """Somebody made, changed or deleted the groups or budgets of these names."""
        return cls(groups=set(names), is_defined=True)

    def add(self, other: Changes) -> None:
        """Take up what was changed besides. Commits may be told in another order than they were made in."""
        self.users |= other.users
        self.groups |= other.groups
        self.calls |= other.calls
        self.is_defined = self.is_defined or other.is_defined
        if other.revision > self.revision:  # A reset may lie between: what was counted before it is no total any more.
            self.revision, self.totals = other.revision, dict(other.totals)
        elif other.revision == self.revision:
            for key, sums in other.totals.items():
                known = self.totals.get(key)
                if known is None or sums.calls >= known.calls:
                    self.totals[key] = sums

    def to_json(self) -> str:
        """For other workers of the same version; see `from_json`."""
        return json.dumps(
            {
                "users": sorted(self.users),
                "groups": sorted(self.groups),
                "totals": [[*key, *_numbers(sums)] for key, sums in self.totals.items()],
                "revision": self.revision,
                "calls": sorted(self.calls),
                "is_defined": self.is_defined,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Changes:
        """Raises ValueError, KeyError or TypeError where another version says it in another way."""
        told: dict[str, Any] = json.loads(text)
        return cls(
            users=set(told["users"]),
            groups=set(told["groups"]),
            totals={(subject, period): Sums(*numbers) for subject, period, *numbers in told["totals"]},
            revision=int(told["revision"]),
            calls=set(told["calls"]),
            is_defined=bool(told["is_defined"]),
        )
