"""Removes old rows where the admin wants them gone. Totals and cubes keep what they came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, select, update

from openwebui_usage.ledger.conversion import CONVERTED
from openwebui_usage.ledger.database import sharing
from openwebui_usage.ledger.months import drop_before
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.durations import Duration

ROWS_PER_STEP = 200
"""Few enough that no call waits for it: about 5 ms in SQLite."""
_CLEARED = "raw_usage_cleared"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows of calls are kept, and in them what providers said of their usage. None: for ever."""

    calls: Duration | None = None
    raw_usage: Duration | None = None

    def step(self, engine: Engine, now: datetime | None = None, schema: str | None = None) -> bool:
        """Remove some of what is too old, in one short transaction. False where nothing is left to remove.

        `engine` already knows the schema; `schema` is for what goes to the driver directly.
        """
        now = now or datetime.now(UTC)
        if self.calls is not None and _delete_calls(engine, schema, id_at(self.calls.before(now).timestamp())):
            return True
        return self.raw_usage is not None and _clear_usage(engine, id_at(self.raw_usage.before(now).timestamp()))


def _delete_calls(engine: Engine, schema: str | None, horizon: str) -> bool:
    with engine.connect() as connection:
        # What is in no cube yet stays until it is.
        horizon = min(horizon, read_progress(connection, CONVERTED) or "")
    is_dropped = drop_before(engine, schema, horizon)
    if is_dropped is not None:
        return is_dropped
    with engine.connect() as connection:
        old = select(usage_call.c.id).where(usage_call.c.id < horizon).order_by(usage_call.c.id).limit(ROWS_PER_STEP)
        ids = connection.execute(old).scalars().all()
    if ids:
        with sharing(engine) as connection:
            connection.execute(delete(usage_call).where(usage_call.c.id.in_(ids)))
    return len(ids) == ROWS_PER_STEP


def _clear_usage(engine: Engine, horizon: str) -> bool:
    with engine.connect() as connection:
        cursor = read_progress(connection, _CLEARED) or ""
        old = (usage_call.c.id > cursor) & (usage_call.c.id < horizon)
        ids = (
            connection.execute(select(usage_call.c.id).where(old).order_by(usage_call.c.id).limit(ROWS_PER_STEP))
            .scalars()
            .all()
        )
    if ids:
        with sharing(engine) as connection:
            connection.execute(update(usage_call).where(usage_call.c.id.in_(ids)).values(raw_usage=None))
            write_progress(connection, _CLEARED, ids[-1])
    return len(ids) == ROWS_PER_STEP
