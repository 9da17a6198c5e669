"""Limits as they hold for one caller at this moment, with credit and remainders: remembered for a short while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from openwebui_usage.ledger.credits import raised
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules.budgets import Counter, Subject
from openwebui_usage.rules.credits import Allowance

REMEMBER_SECONDS = 60.0
"""Calls that began in the period before may still end, and take something off what it leaves."""
_MOST_REMEMBERED = 50_000


class Allowances:
    """Those of one worker. What an admin changes holds at once: it makes new definitions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._definitions: Definitions | None = None
        self._known: dict[tuple[str, str, int | None, Subject], tuple[float, Allowance | None]] = {}

    async def applied(
        self, definitions: Definitions, counters: Sequence[Counter], caller: Subject, now: datetime
    ) -> list[Counter]:
        """The counters with the limits that hold now. Asks the ledger only where a budget has credit or remainders."""
        if not definitions.any_may_exceed:
            return list(counters)
        if self._definitions is not definitions or len(self._known) > _MOST_REMEMBERED:
            self._definitions, self._known = definitions, {}
        known, oldest = self._known, time.monotonic() - REMEMBER_SECONDS
        keys = [
            (*counter.key, counter.budget.limit, caller) if definitions.may_exceed(counter.budget) else None
            for counter in counters
        ]
        missing = {
            key: counter
            for key, counter in zip(keys, counters, strict=True)
            if key is not None and (key not in known or known[key][0] < oldest)
        }
        if missing:
            asked = [(counter, caller) for counter in missing.values()]
            found = await asyncio.to_thread(self._store.allowances, asked, definitions)
            read_at = time.monotonic()
            known |= {key: (read_at, given) for key, given in zip(missing, found, strict=True)}
        return [
            counter if key is None else raised(counter, known[key][1], now)
            for key, counter in zip(keys, counters, strict=True)
        ]
