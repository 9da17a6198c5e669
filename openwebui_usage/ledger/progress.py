"""How far work in the background has come: one text per name, shared by all workers."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from openwebui_usage.ledger.schema import usage_progress


def read_progress(connection: Connection, name: str, *, lock: bool = False) -> str | None:
    """The text; None where the work has not begun. `lock` keeps other workers from it until the transaction ends.

    SQLite needs no lock for that: there only one transaction writes at a time.
    """
    query = select(usage_progress.c.value).where(usage_progress.c.name == name)
    found: str | None = connection.execute(query.with_for_update() if lock else query).scalar()
    return found


def write_progress(connection: Connection, name: str, value: str) -> None:
    """Remember the text, in the transaction that did the work."""
    if not connection.execute(update(usage_progress).where(usage_progress.c.name == name).values(value=value)).rowcount:
        connection.execute(insert(usage_progress), {"name": name, "value": value})
