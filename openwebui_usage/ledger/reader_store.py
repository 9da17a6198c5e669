"""Which user groups may read reports, as admins set it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, insert, select

from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.schema import usage_reader
from openwebui_usage.ledger.tables import Tables


@dataclass(frozen=True, slots=True)
class StoredReaders:
    """User groups of the host, by name or id, in order."""

    of_everybody: tuple[str, ...] = ()
    """Their members may read reports of everybody."""
    of_own_groups: tuple[str, ...] = ()
    """Their members may read reports of the members of their own groups."""


class ReaderStore(Tables):
    """Every method is one short transaction and blocks: call it off the event loop."""

    def readers(self) -> StoredReaders:
        """As they were set last."""
        with self._engine.connect() as connection:
            return read_readers(connection)

    def put_readers(self, readers: StoredReaders) -> None:
        """Replace all of them."""
        with writing(self._engine) as connection:
            note(connection, "readers", "readers", "changed", read_readers(connection), readers)
            write_readers(connection, readers)


def read_readers(connection: Connection) -> StoredReaders:
    """All of them."""
    rows = connection.execute(select(usage_reader.c.may_read, usage_reader.c.user_group)).tuples().all()
    return StoredReaders(*(tuple(sorted(group for of, group in rows if of == field.name)) for field in _FIELDS))


def write_readers(connection: Connection, readers: StoredReaders) -> None:
    """Replace all of them."""
    connection.execute(delete(usage_reader))
    rows = [
        {"may_read": field.name, "user_group": group}
        for field in _FIELDS
        for group in sorted(set(getattr(readers, field.name)))
    ]
    if rows:
        connection.execute(insert(usage_reader), rows)


_FIELDS = fields(StoredReaders)
