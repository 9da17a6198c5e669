"""Which revision a ledger's tables are of, without changing anything."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from openwebui_usage.ledger.database import known_revisions, revisions_of


class LedgerRevision(NamedTuple):
    """`found` is None where there are no tables."""

    found: str | None
    newest: str
    """What this version of the package makes of them."""
    is_known: bool
    """Whether this version knows what it found; otherwise a newer one was there."""


def read_ledger_revision(engine: Engine, schema: str | None) -> LedgerRevision:
    """Blocks. Raises the errors of the database."""
    known = known_revisions()
    with engine.connect() as connection:
        found = next(iter(revisions_of(connection, schema)), None)
    return LedgerRevision(found, known[0], found is None or found in known)
