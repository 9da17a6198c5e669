"""Notices by the newest call in the ledger that other workers count, too."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet

from openwebui_usage.ledger import Store


class OtherWorkers:
    """Of one ledger, as one worker sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: str | None = None
        """Id of the newest call that is known here; None before the first look."""
        self._unknown: str | None = None
        """The newest call, if nobody here has told of it so far."""
        self._exist = False
        self._were_heard = False

    def note(self, calls: AbstractSet[str], *, is_own: bool) -> None:
        """This worker wrote calls, or another one has told that it did; `calls` are their ids."""
        self._were_heard = self._were_heard or not is_own
        if self._unknown in calls:
            self._unknown = None
        if self._newest is not None:
            self._newest = max(calls | {self._newest})

    async def have_counted(self, *, is_late: bool, can_tell: bool) -> bool:
        """Whether others have counted calls since the last look of which nobody told. One query of one id.

        `is_late`: or may have counted some that began before the newest one, which the query cannot tell. `can_tell`:
        others tell what they count, so that this is asked for only once after they did.
        """
        if self._unknown is not None:  # This worker's own calls are told within moments.
            self._exist, self._unknown = True, None
        newest = await asyncio.to_thread(self._store.newest_call)
        if self._newest is None or newest <= self._newest:
            self._newest = self._newest or newest
            may_be_late = self._were_heard if can_tell else self._exist
            if is_late:
                self._were_heard = False
            return is_late and may_be_late
        self._newest = self._unknown = newest
        return True
