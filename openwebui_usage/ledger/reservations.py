"""What several workers have reserved of counters near their limits, where no Redis is between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, extract, func, insert, select

from openwebui_usage.ledger.database import taking_turns
from openwebui_usage.ledger.recording import Key
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_reservation, usage_worker
from openwebui_usage.ledger.totals import read_totals
from openwebui_usage.rules.budgets import Counter, decide
from openwebui_usage.rules.groups import Sums

WORKER_SECONDS = 30.0
"""A worker that is not heard of for so long has ended."""
RESERVED_SECONDS = 30.0
"""How long a reservation outlives the worker that made it."""

Totals = Callable[[Connection, Iterable[Key]], Mapping[Key, Sums]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call wants to reserve of a counter, in the limit's unit. For `must_fit` see `rules.budgets.decide`."""

    counter: Counter
    limit: int
    amount: int
    must_fit: int = 0


@dataclass(frozen=True, slots=True)
class Denied:
    """Which of a call's wishes cannot be met: what is used, and what all calls under way have reserved."""

    position: int
    used: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Others:
    """How many other workers there are, and of which counters they have told what they reserved."""

    count: int = 0
    told: frozenset[Key] = frozenset()


class Reservations:
    """Those of one worker, among all that share its ledger. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine, totals: Totals = read_totals) -> None:
        """`totals` reads what is used."""
        self.worker = new_id()
        self._engine = engine
        self._totals = totals

    def appear(self) -> None:
        """Say that this worker is there."""
        mine = usage_worker.c.id == self.worker
        with taking_turns(self._engine) as connection:
            now = _now(connection)
            connection.execute(delete(usage_worker).where(mine | (usage_worker.c.until < now)))
            connection.execute(insert(usage_worker), {"id": self.worker, "until": now + WORKER_SECONDS})
            connection.execute(delete(usage_reservation).where(usage_reservation.c.until < now))

    def others(self) -> Others:
        """Who else is there, and what they watch together."""
        table = usage_reservation
        with self._engine.connect() as connection:
            now = _now(connection)
            there = (usage_worker.c.until >= now) & (usage_worker.c.id != self.worker)
            count = int(connection.execute(select(func.count()).where(there)).scalar_one())
            if not count:
                return Others()
            theirs = (table.c.until >= now) & (table.c.worker != self.worker)
            rows = connection.execute(select(table.c.subject, table.c.period).where(theirs))
            return Others(count, frozenset((subject, period) for subject, period in rows))

    def reserve(self, own: Mapping[Key, int], calls: Sequence[Sequence[Wish]]) -> list[Denied | None]:
        """Decide on `calls` in their order, each with all its wishes or none, and tell the others what this worker has
        reserved by then.

        `own` is what it has reserved of each counter without them: of all counters in `calls`, and of any others that
        the others are to be told of.
        """
        reserved = dict(own)
        answers: list[Denied | None] = []
        with taking_turns(self._engine) as connection:
            now = _now(connection)
            keys = {wish.counter.key for wishes in calls for wish in wishes}
            totals = self._totals(connection, keys) if keys else {}
            others = self._of_others(connection, keys, now) if keys else {}
            for wishes in calls:
                denied = None
                for position, wish in enumerate(wishes):
                    key = wish.counter.key
                    used = wish.counter.budget.used(totals.get(key, Sums()))
                    together = others.get(key, 0) + reserved.get(key, 0)
                    if not decide(wish.limit, used, together, wish.must_fit):
                        denied = Denied(position, used, together)
                        break
                answers.append(denied)
                if denied is None:
                    for wish in wishes:
                        reserved[wish.counter.key] = reserved.get(wish.counter.key, 0) + wish.amount
            self._tell(connection, reserved, now + RESERVED_SECONDS)
        return answers

    def _of_others(self, connection: Connection, keys: Set[Key], now: float) -> dict[Key, int]:
        table = usage_reservation
        query = select(table.c.subject, table.c.period, table.c.amount).where(
            table.c.subject.in_({subject for subject, _ in keys})
            & table.c.period.in_({period for _, period in keys})
            & (table.c.worker != self.worker)
            & (table.c.until >= now)
        )
        found: dict[Key, int] = {}
        for subject, period, amount in connection.execute(query):
            found[subject, period] = found.get((subject, period), 0) + amount
        return found

    def _tell(self, connection: Connection, reserved: Mapping[Key, int], until: float) -> None:
        """Replace this worker's rows. They are few: only what is near a limit has any."""
        table = usage_reservation
        for subject, period in reserved:
            connection.execute(
                delete(table).where(
                    (table.c.subject == subject) & (table.c.period == period) & (table.c.worker == self.worker)
                )
            )
        rows = [
            {"subject": subject, "period": period, "worker": self.worker, "amount": amount, "until": until}
            for (subject, period), amount in reserved.items()
            if amount
        ]
        if rows:
            connection.execute(insert(table), rows)


def _now(connection: Connection) -> float:
    """Seconds since the epoch, by one clock for all workers: the server's, or that of the host that has the file."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(select(extract("epoch", func.clock_timestamp()))).scalar_one())
