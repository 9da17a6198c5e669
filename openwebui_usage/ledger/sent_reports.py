"""Which scheduled reports were sent: each once, however many workers there are and whenever they are restarted."""

from __future__ import annotations

import time

from sqlalchemy import Engine

from openwebui_usage.ledger.database import sharing
from openwebui_usage.ledger.outbox import Document, put_document
from openwebui_usage.ledger.progress import read_progress, write_progress
from openwebui_usage.rules.schedules import Schedule


class SentReports:
    """Of one ledger and one schedule. Every method is one short transaction and blocks.

    Periods are told by their ends, in quarters of an hour since the epoch.
    """

    def __init__(self, engine: Engine, schedule: Schedule) -> None:
        """`engine` is the ledger's own."""
        self._engine = engine
        self._name = f"report_{schedule}"

    def until(self) -> int | None:
        """The end of the latest period whose report was sent. None where this schedule was never in force."""
        with self._engine.connect() as connection:
            value = read_progress(connection, self._name)
        return None if value is None else int(value)

    def begin(self, end: int) -> None:
        """The schedule comes into force: what was over at `end` is not sent."""
        with sharing(self._engine) as connection:
            if read_progress(connection, self._name, lock=True) is None:
                write_progress(connection, self._name, str(end))

    def send(self, end: int, report: Document) -> bool:
        """Put the report of the period that ended at `end` into the outbox. False where another worker did."""
        with sharing(self._engine) as connection:
            value = read_progress(connection, self._name, lock=True)
            if value is not None and int(value) >= end:
                return False
            put_document(connection, report, time.time())
            write_progress(connection, self._name, str(end))
        return True
