"""Work in the background: folds the cubes, brings old rows there, makes histograms, removes what is too old, makes
partitions of months.

A step at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from openwebui_usage.ledger.conversion import Conversion
from openwebui_usage.ledger.cubes import FOLDED, QUARTER
from openwebui_usage.ledger.definitions import read_budgets
from openwebui_usage.ledger.folding import Folding, read_marks
from openwebui_usage.ledger.latency import LatencyFolding
from openwebui_usage.ledger.partitioning import Partitioning
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.rolling import remove_old_slots
from openwebui_usage.rules.json_values import iso_utc

log = logging.getLogger(__name__)

SECONDS = 60.0
"""Between two rounds."""
_SHARE = 0.25
"""The share of the time in which a round works. It rests between its steps, so that calls are written."""
_LONGEST_REST = 0.25
_TOLD_EVERY = 60.0
_FAR = 96
"""Quarters of an hour. Less than this is what every day brings."""
_STOP_TIMEOUT = 5.0
"""Seconds to wait for the step under way, which takes milliseconds."""


class Upkeep:
    """Looks after one ledger. Every worker does so; each step is done by one of them."""

    def __init__(self, engine: Engine, schema: str | None, retention: Retention) -> None:
        """Touches nothing yet."""
        self._engine = engine
        self._schema = schema
        self._retention = retention
        self._folding = Folding(engine, schema)
        self._conversion = Conversion(engine, schema)
        self._latency = LatencyFolding(engine, schema)
        self._partitioning = Partitioning(engine, schema)
        self._stopped = threading.Event()
        self._working = threading.Lock()
        self._told_at = 0.0
        self._converted = 0

    def start(self) -> None:
        """Rounds may begin."""
        self._stopped.clear()

    def round(self) -> None:
        """Do what is to be done. Blocks, for hours where a large ledger comes from an older version; see `stop`.

        What fails keeps nothing else from being done; the first error is raised at the end.
        """
        errors: list[Exception] = []
        with self._working:
            for work in (
                self._fold,
                self._convert,
                self._latency.step,
                self._remove,
                self._remove_slots,
                self._partitioning.step,
            ):
                try:
                    self._do(work)
                except Exception as error:  # noqa: BLE001 - raised below
                    errors.append(error)
        if errors:
            raise errors[0]

    def stop(self) -> None:
        """Have a round end after its current step, and begin no other. Waits for that step, but for no database that
        hangs.
        """
        self._stopped.set()
        self._partitioning.cancel()
        if self._working.acquire(timeout=_STOP_TIMEOUT):
            self._working.release()

    def status(self) -> dict[str, Any]:
        """How far it is: `folded_until` (ISO time or null) and `converted`, the share of older rows or null for all."""
        with self._engine.connect() as connection:
            folded = int(read_progress(connection, FOLDED) or 0)
        return {
            "folded_until": iso_utc(datetime.fromtimestamp(folded * QUARTER, UTC)) if folded else None,
            "converted": self._conversion.share_done(),
        }

    def _do(self, work: Callable[[], bool]) -> None:
        while not self._stopped.is_set():
            started = time.perf_counter()
            if not work():
                break
            took = time.perf_counter() - started
            self._stopped.wait(min(_LONGEST_REST, took * (1 - _SHARE) / _SHARE))

    def _remove(self) -> bool:
        return self._retention.step(self._engine, schema=self._schema)

    def _remove_slots(self) -> bool:
        with self._engine.connect() as connection:
            budgets = read_budgets(connection, {})
        return remove_old_slots(self._engine, budgets, datetime.now(UTC))

    def _fold(self) -> bool:
        is_left = self._folding.step()
        if is_left and time.monotonic() - self._told_at > _TOLD_EVERY:
            with self._engine.connect() as connection:
                marks = read_marks(connection)
            if marks.folded - marks.folded_more > _FAR:
                self._told_at = time.monotonic()
                moment = datetime.fromtimestamp(marks.folded_more * QUARTER, UTC)
                log.info(
                    "Sums for quicker reports are made of those of an older version: up to %s so far", f"{moment:%F}"
                )
        return is_left

    def _convert(self) -> bool:
        converted = self._conversion.step()
        self._converted += converted.rows
        if converted.rows and time.monotonic() - self._told_at > _TOLD_EVERY:
            self._told_at = time.monotonic()
            share = self._conversion.share_done()
            log.info(
                "Calls of an older version are made ready for reports: %s so far, %s",
                f"{self._converted:,}",
                "all but the latest" if share is None else f"{share:.0%} of the time",
            )
        if converted.is_done and self._converted:
            log.info("All %s calls of an older version are in the reports now", f"{self._converted:,}")
            self._converted = 0
        return not converted.is_done
