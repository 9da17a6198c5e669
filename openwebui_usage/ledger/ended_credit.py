"""What had been used when credit ended: rows tell it, of which there may be millions, so it is remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from openwebui_usage.ledger.after_credit import is_known_by_totals, key_after
from openwebui_usage.ledger.recount import sums_of_budget
from openwebui_usage.ledger.rolling import minus
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.totals import read_totals
from openwebui_usage.rules.budgets import Counter
from openwebui_usage.rules.credits import Credit, ended_in
from openwebui_usage.rules.groups import Group, Sums

_LEAST_SECONDS = 60.0
_MOST_REMEMBERED = 10_000


class UsedUntil:
    """Of one ledger, for any thread. Only calls that are written late change it, and the longer ago credit ended the
    fewer there are: so it is believed for as long again as credit had ended when it was read, and a minute at least.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str, float], tuple[float, Sums]] = {}
        self._reading = threading.Lock()

    def ends(
        self, connection: Connection, groups: tuple[Group, ...], counter: Counter, credits_: Sequence[Credit]
    ) -> dict[str, int]:
        """What a counter had counted when credit of it ended within its period, by the credit's id."""
        budget, now = counter.budget, time.time()
        ended = ended_in(budget, credits_, counter.period, now)
        if is_known_by_totals(budget):
            return _by_totals(connection, counter, ended) if ended else {}
        return {credit.id: budget.used(self._sums(connection, groups, counter, credit, now)) for credit in ended}

    def _sums(
        self, connection: Connection, groups: tuple[Group, ...], counter: Counter, credit: Credit, now: float
    ) -> Sums:
        budget = counter.budget
        end = credit.ends_at(budget) or 0.0
        key = (*counter.key, credit.id, end)
        with self._reading:  # Many calls at once ask for the same.
            known = self._known.get(key)
            if known is not None and now - known[0] < max(_LEAST_SECONDS, known[0] - end):
                return known[1]
            until = replace(counter.period, ends_at=datetime.fromtimestamp(end, UTC))
            user = budget.scope.id if budget.scope.is_shared else counter.subject.partition(":")[2]
            counted = usage_call.c.id.is_not(None) if not user else usage_call.c.user_id == user
            found = sums_of_budget(connection, budget, until, counted, groups).get(counter.key, Sums())
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = (now, found)
            return found


def _by_totals(connection: Connection, counter: Counter, ended: Sequence[Credit]) -> dict[str, int]:
    """The same of budgets that rows know nothing of. What was used while they had no credit at all counts as used
    before: beyond the limit, that are calls which were under way.
    """
    keys = {credit.id: (counter.subject, key_after(credit)) for credit in ended}
    totals = read_totals(connection, [counter.key, *keys.values()])
    used = totals.get(counter.key, Sums())
    return {id_: counter.budget.used(minus(used, totals.get(key, Sums()))) for id_, key in keys.items()}
