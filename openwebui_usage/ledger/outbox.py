"""Transactional outbox: a notice is written in the same commit that crosses the mark. Any worker may deliver it.

Files wait in it as notices do, and are delivered in the same way.
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

_JSON = "application/json"
CLAIM_SECONDS = 60.0
"""Seconds after which a claimed notice counts as not posted, because its worker may have died."""


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """One notice. `body` is posted byte for byte the same at each attempt. Times are seconds since the epoch."""

    id: str
    body: str
    created_at: float
    tries: int
    """Number of attempts, including this one."""
    content_type: str = _JSON
    filename: str | None = None
    """What a file is to be saved as; None where this is none."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file to post, as text."""

    body: str
    content_type: str
    filename: str
    """In ASCII, without quotation marks."""


class Outbox:
    """All notices of a ledger, from all workers. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine) -> None:
        """`engine` is the ledger's own."""
        self._engine = engine

    def next_due(self) -> float | None:
        """When the next notice is due. None if none waits."""
        with self._engine.connect() as connection:
            due: float | None = connection.execute(select(func.min(usage_notice.c.due_at))).scalar()
        return due

    def claim(self, now: float) -> PendingNotice | None:
        """The notice that has been due for longest, reserved to the caller for `CLAIM_SECONDS`."""
        table = usage_notice
        due = select(table).where(table.c.due_at <= now).order_by(table.c.due_at, table.c.id).limit(1)
        with sharing(self._engine) as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            mine = update(table).where((table.c.id == row.id) & (table.c.due_at == row.due_at))
            taken = connection.execute(mine.values(due_at=now + CLAIM_SECONDS, tries=row.tries + 1)).rowcount
        # If another worker was faster, there may be more notices. The next call finds them.
        if not taken:
            return None
        return PendingNotice(row.id, row.body, row.created_at, row.tries + 1, row.content_type, row.filename)

    def later(self, waiting: PendingNotice, due_at: float) -> None:
        """The notice could not be posted: try again at `due_at`."""
        with sharing(self._engine) as connection:
            connection.execute(update(usage_notice).where(usage_notice.c.id == waiting.id).values(due_at=due_at))

    def done(self, waiting: PendingNotice) -> None:
        """The notice was posted, or is given up."""
        with sharing(self._engine) as connection:
            connection.execute(delete(usage_notice).where(usage_notice.c.id == waiting.id))


def put_notices(connection: Connection, notices: Iterable[Mapping[str, Any]], now: float) -> int:
    """Write `notices` in a transaction of the ledger's, each with an `id` of its own. Returns how many they were."""
    rows = []
    for notice in notices:
        id_ = new_id()
        body = json.dumps({"id": id_, **notice})
        rows.append(_row(id_, body, now))
    if rows:
        connection.execute(insert(usage_notice), rows)
    return len(rows)


def put_document(connection: Connection, document: Document, now: float) -> None:
    """Write a file in a transaction of the ledger's. Its id is only in the headers of the post."""
    content = {"content_type": document.content_type, "filename": document.filename}
    connection.execute(insert(usage_notice), {**_row(new_id(), document.body, now), **content})


def _row(id_: str, body: str, now: float) -> dict[str, Any]:
    return {"id": id_, "body": body, "created_at": now, "due_at": now, "tries": 0}
