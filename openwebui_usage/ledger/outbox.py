"""Notices that wait to be posted. A commit that takes a sum over a mark writes them, too: neither is ever without the
other, and whoever lives posts them, in whatever process they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from openwebui_usage.ledger.database import sharing
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_notice

CLAIM_SECONDS = 60.0
"""How long a notice is left to whoever took it, before it counts as not posted: that worker may have died."""


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """One notice. `body` is what is posted, byte for byte the same at each try; times are seconds since the epoch."""

    id: str
    body: str
    created_at: float
    tries: int
    """This one included."""


class Outbox:
    """The notices of one ledger, whichever worker wrote them. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine) -> None:
        """On the ledger's own engine."""
        self._engine = engine

    def next_due(self) -> float | None:
        """When there is something to post; None where nothing waits."""
        with self._engine.connect() as connection:
            due: float | None = connection.execute(select(func.min(usage_notice.c.due_at))).scalar()
        return due

    def claim(self, now: float) -> PendingNotice | None:
        """The notice that has been due for longest, for nobody else for `CLAIM_SECONDS`."""
        table = usage_notice
        due = select(table).where(table.c.due_at <= now).order_by(table.c.due_at, table.c.id).limit(1)
        with sharing(self._engine) as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            mine = update(table).where((table.c.id == row.id) & (table.c.due_at == row.due_at))
            taken = connection.execute(mine.values(due_at=now + CLAIM_SECONDS, tries=row.tries + 1)).rowcount
        # Where another worker was quicker there may be a next one, for the next look.
        return PendingNotice(row.id, row.body, row.created_at, row.tries + 1) if taken else None

    def later(self, waiting: PendingNotice, due_at: float) -> None:
        """It could not be posted: try again then."""
        with sharing(self._engine) as connection:
            connection.execute(update(usage_notice).where(usage_notice.c.id == waiting.id).values(due_at=due_at))

    def done(self, waiting: PendingNotice) -> None:
        """It was posted, or is given up."""
        with sharing(self._engine) as connection:
            connection.execute(delete(usage_notice).where(usage_notice.c.id == waiting.id))


def put_notices(connection: Connection, notices: Iterable[Mapping[str, Any]], now: float) -> int:
    """Write `notices` in a transaction of the ledger's, each with an `id` of its own. Returns how many they were."""
    rows = []
    for notice in notices:
        id_ = new_id()
        body = json.dumps({"id": id_, **notice})
        rows.append({"id": id_, "body": body, "created_at": now, "due_at": now, "tries": 0})
    if rows:
        connection.execute(insert(usage_notice), rows)
    return len(rows)
