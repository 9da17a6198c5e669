"""What was posted to the webhook lately, and what the receiver said."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, select

from openwebui_usage.ledger.database import sharing
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_delivery, usage_notice

MOST_KEPT = 50


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to post one notice. `at` is in seconds since the epoch."""

    notice_id: str
    event: str
    about: str | None
    """The name of the limit that it tells of."""
    at: float
    tries: int
    """Number of attempts, including this one."""
    status: int | None
    """The HTTP status of the answer; None where there was none."""
    error: str | None
    """Why there was no answer."""


class Deliveries:
    """The last `MOST_KEPT` of a ledger, from all workers. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is the ledger's own."""
        self._engine = engine

    def add(self, delivery: Delivery) -> None:
        """Keep one, and forget the oldest."""
        table = usage_delivery
        row = {name: getattr(delivery, name) for name in Delivery.__slots__}
        with sharing(self._engine) as connection:
            connection.execute(insert(table), {"id": new_id(), **row})
            kept = select(table.c.id).order_by(table.c.id.desc()).limit(MOST_KEPT)
            connection.execute(delete(table).where(table.c.id.not_in(kept.scalar_subquery())))

    def latest(self) -> list[Delivery]:
        """The latest first."""
        columns = (usage_delivery.c[name] for name in Delivery.__slots__)
        query = select(*columns).order_by(usage_delivery.c.id.desc()).limit(MOST_KEPT)
        with self._engine.connect() as connection:
            return [Delivery(*row) for row in connection.execute(query)]

    def waiting(self) -> int:
        """How many notices wait to be posted, for the first time or again."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(usage_notice)).scalar_one())
