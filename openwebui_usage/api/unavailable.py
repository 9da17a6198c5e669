"""The answer of every endpoint while the ledger's database is away."""

from __future__ import annotations

import logging

from fastapi import HTTPException
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)


def ledger_unavailable(error: SQLAlchemyError) -> HTTPException:
    """To be raised from `error`, which goes into the log."""
    log.warning("The ledger cannot be read: %s", str(error).partition("\n")[0])
    return HTTPException(503, "The usage ledger's database is not available. Try again.")
