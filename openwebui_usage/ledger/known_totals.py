"""Totals that are read once, and then kept up by what each commit tells of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from openwebui_usage.ledger.recording import Key
from openwebui_usage.rules.groups import Sums


class Committed(Protocol):
    """What one commit did, or several: see `Recorded`."""

    @property
    def totals(self) -> Mapping[Key, Sums]:
        """Every total that changed, as it is since then."""

    @property
    def revision(self) -> int:
        """Of the definitions."""


class KnownTotals:
    """The sums of the counters that somebody follows, on one event loop.

    They are right as long as all commits are told to `note`. Whoever learns of others calls `forget`.
    """

    def __init__(self, read: Callable[[Iterable[Key]], Mapping[Key, Sums]]) -> None:
        """`read` asks the ledger for the sums of some counters, all of which it answers. It may block."""
        self._read = read
        self._sums: dict[Key, Sums] = {}
        self._revision = -1
        self._forgotten = 0
        """How often something was forgotten: what was asked for before that is no longer to be relied on."""

    def note(self, recorded: Committed) -> None:
        """A commit changed some totals."""
        if recorded.revision < self._revision:
            return  # Since then a definition changed, perhaps by a reset: what is read now contains this commit.
        self.defined_by(recorded.revision)
        for key, sums in recorded.totals.items():
            self._keep(key, sums)

    def defined_by(self, revision: int) -> None:
        """Definitions of this revision hold. A change of them may have emptied totals, or filled new ones."""
        if revision > self._revision:
            self._revision = revision
            self.forget()

    def forget(self, keys: Iterable[Key] | None = None) -> None:
        """Some totals (all, by default) may have been changed by commits that nobody told of."""
        self._forgotten += 1
        if keys is None:
            self._sums.clear()
        else:
            for key in keys:
                self._sums.pop(key, None)

    async def of(self, keys: Iterable[Key], *, and_no_others: bool = True) -> dict[Key, Sums]:
        """The sums of some counters. Those that are not known are read, together and in a thread; all others are
        dropped, unless they are asked for another time, so that no more is kept than somebody follows.
        """
        wanted = set(keys)
        while missing := wanted - self._sums.keys():
            forgotten = self._forgotten
            found = await asyncio.to_thread(self._read, missing)
            if forgotten == self._forgotten:
                for key in missing:
                    self._keep(key, found[key])
        found = {key: self._sums[key] for key in wanted}
        if and_no_others:
            self._sums = dict(found)
        return found

    def _keep(self, key: Key, sums: Sums) -> None:
        """Commits may be told in another order than they were made in: the one that counted more calls is later."""
        known = self._sums.get(key)
        if known is None or sums.calls >= known.calls:
            self._sums[key] = sums
