"""How the limits stand that connected users have set for themselves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.own_limits import OwnLimit, OwnLimitStatus

log = logging.getLogger(__name__)

TRUST = 15.0
"""Seconds after which what other workers counted shows, too."""


class OwnLimitWatch:
    """Each is a report of its own, so it is asked for only where it may have changed."""

    def __init__(self, store: Store) -> None:
        """Reads nothing yet."""
        self._store = store
        self._revision: int | None = None
        self._limits: dict[str, OwnLimit] = {}
        """Those of all users, as of the revision."""
        self._status: dict[str, OwnLimitStatus] = {}
        self._until = 0.0

    async def look(self, users: Mapping[str, str], callers: Collection[str], revision: int) -> set[str]:
        """Ask for the limits of those of `users` who have one: where they are among `callers`, where limits are others
        by now, and all after a while. Returns whose were asked for, or are gone.
        """
        before = self._limits.keys() & users.keys()
        is_other = revision != self._revision
        if is_other:
            self._limits = await asyncio.to_thread(self._store.own_limits.all)
        if is_other or time.monotonic() >= self._until:
            self._status, self._until = {}, time.monotonic() + TRUST
        limits = {user_id: self._limits[user_id] for user_id in self._limits.keys() & users.keys()}
        asked = {user: limit for user, limit in limits.items() if user in callers or user not in self._status}
        if asked:
            try:
                self._status |= await asyncio.to_thread(self._store.own_limits.status, asked, datetime.now(UTC))
            except Exception:
                log.exception("Own limits cannot be read: pages are told without them")
        self._revision = revision
        return asked.keys() | (before - limits.keys())

    def of(self, user_id: str) -> OwnLimitStatus | None:
        """How one user's limit stands; None where there is none."""
        return self._status.get(user_id) if user_id in self._limits else None
