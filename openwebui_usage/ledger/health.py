"""Health of the ledger: whether rows reach the database, since when, why not, and how many wait or are rejected."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Literal

from openwebui_usage.ledger.spool import Spool

log = logging.getLogger(__name__)

State = Literal["opening", "ok", "spooling"]


class LedgerHealth:
    """Logs each change once, and answers `status` at any time. Thread-safe."""

    def __init__(self, spool: Spool) -> None:
        """`spool` is asked how many rows wait."""
        self._spool = spool
        self._lock = threading.Lock()
        self._state: State = "opening"
        self._since = time.time()
        self._reason: str | None = None

    @property
    def state(self) -> State:
        """`opening` until the first attempt has ended, then whether rows reach the database."""
        return self._state

    def fails(self, reason: str) -> None:
        """Note that the ledger cannot be written. The same reason is logged once."""
        with self._lock:
            if self._state == "spooling" and self._reason == reason:
                return
            if self._state != "spooling":
                self._state, self._since = "spooling", time.time()
            self._reason = reason
        log.warning(
            "The ledger cannot be written, calls go to the spool file in %s and are counted later: %s",
            self._spool.folder,
            reason,
        )

    def works(self) -> None:
        """Note that the ledger can be written."""
        with self._lock:
            before, since = self._state, self._since
            if before == "ok":
                return
            self._state, self._since, self._reason = "ok", time.time(), None
        if before == "spooling":
            log.warning("The ledger can be written again, after %.1f s", time.time() - since)

    def status(self, unspooled: int = 0, lag: float = 0.0) -> dict[str, object]:
        """As JSON: `state`, `since` (ISO 8601, UTC), `reason`, `lag` (seconds that the oldest unwritten row waits),
        `spool_folder`, and how many rows wait in the folder (`spool_rows`), wait in memory only (`memory_rows`), and
        were set aside to be looked at (`rejected_rows`).

        `lag` is what it is while rows are written: since the writer took the oldest one.
        """
        waiting, rejected = self._spool.counts()
        with self._lock:
            if self._state == "spooling":
                lag = max(0.0, time.time() - self._since)
            return {
                "state": self._state,
                "since": datetime.fromtimestamp(self._since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "reason": self._reason,
                "lag": round(lag, 3),
                "spool_folder": str(self._spool.folder),
                "spool_rows": waiting,
                "memory_rows": unspooled,
                "rejected_rows": rejected,
            }
