"""The one thread per process that writes rows: group commit, and a spool file while the database is away.

While one commit runs, the calls that end meanwhile gather, and the next commit takes them all. There is no timer: an
idle ledger commits a single row at once, a busy one commits many together.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import threading
from collections.abc import Callable, Sequence

from openwebui_usage.ledger.calls import CallRow
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.store import Recorded, Store

log = logging.getLogger(__name__)

MAX_BATCH = 1000
RETRY_SECONDS = 0.5

Waiter = concurrent.futures.Future[None] | asyncio.Future[None]
Entry = tuple[CallRow, Waiter | None]


class Writer:
    """Makes rows durable. `on_commit` is told, on the writer's thread, what each commit changed."""

    def __init__(
        self, store: Store, spool: Spool, on_commit: Callable[[Recorded], None] = lambda recorded: None
    ) -> None:
        """Nothing runs before `start`."""
        self._store = store
        self._spool = spool
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._homeless: list[CallRow] = []
        self._away = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage-writer", daemon=True)
        self._replayer = threading.Thread(target=self._replay, name="usage-replay", daemon=True)

    def start(self) -> None:
        """Start writing; rows that an earlier process left in the spool come first."""
        self._away.set()
        self._replay_once()
        self._thread.start()
        self._replayer.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Write what is queued, then end. Rows that come later go to the spool."""
        if self._stopping.is_set():
            return
        self._queue.put(None)
        self._thread.join(timeout)
        self._stopping.set()
        self._away.set()  # Wakes the replayer, which ends.
        self._replayer.join(timeout)

    def submit(self, row: CallRow) -> concurrent.futures.Future[None]:
        """Queue a row, from any thread. The future is done once the row is durable; it never fails."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._queue.put((row, waiter))
        return waiter

    def post(self, row: CallRow) -> None:
        """Queue a row that nobody waits for."""
        self._queue.put((row, None))

    async def write(self, row: CallRow) -> None:
        """Queue a row and wait until it is durable. Cancelling the wait does not take the row back."""
        waiter = asyncio.get_running_loop().create_future()
        self._queue.put((row, waiter))
        await waiter

    def _run(self) -> None:
        running = True
        while running:
            batch, running = self._gather()
            if batch:
                self._commit([row for row, _ in batch])
                _release([waiter for _, waiter in batch if waiter is not None])

    def _gather(self) -> tuple[list[Entry], bool]:
        batch: list[Entry] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == MAX_BATCH or self._queue.empty():
                return batch, True
            entry = self._queue.get()
        return batch, False

    def _commit(self, rows: Sequence[CallRow]) -> None:
        if not self._away.is_set():
            try:
                self._on_commit(self._store.record(rows))
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows must not be lost
                log.warning("The ledger cannot be written, calls go to the spool file: %s", _first_line(error))
        try:
            self._spool.append(rows)
        except OSError as error:
            log.error("The spool file cannot be written either, %d calls wait in memory: %s", len(rows), error)
            self._homeless.extend(rows)
        self._away.set()

    def _replay(self) -> None:
        while not self._stopping.is_set():
            self._away.wait()
            if self._stopping.wait(RETRY_SECONDS):
                return
            self._replay_once()

    def _replay_once(self) -> None:
        """Bring everything from the spool into the database; on success new rows go there directly again."""
        try:
            self._store.migrate()  # Somebody may have dropped the tables.
            # From here on new rows go to the database, so that the spool cannot grow while it is emptied.
            self._away.clear()
            homeless, self._homeless = self._homeless, []
            self._replay_rows(homeless)
            for path, rows in self._spool.take():
                self._replay_rows(rows)
                self._spool.forget(path)
                log.info("Replayed %d calls from the spool file", len(rows))
        except Exception as error:  # noqa: BLE001 - it is tried again, for as long as it takes
            if not self._away.is_set():
                log.warning("The spool cannot be replayed yet: %s", _first_line(error))
            self._away.set()

    def _replay_rows(self, rows: Sequence[CallRow]) -> None:
        if not rows:
            return
        try:
            self._on_commit(self._store.record(rows, maybe_written=True))
        except Exception:
            if len(rows) == 1:
                raise
            self._replay_one_by_one(rows)

    def _replay_one_by_one(self, rows: Sequence[CallRow]) -> None:
        """Find the rows that the database will never take. Where it takes none at all, it is the database's fault."""
        refused: list[CallRow] = []
        for row in rows:
            try:
                self._on_commit(self._store.record([row], maybe_written=True))
            except Exception as error:
                refused.append(row)
                if len(refused) == len(rows):
                    raise
                log.error("The database refuses call %s: %s", row.id, _first_line(error))
        for row in refused:
            self._spool.reject(row)


def _release(waiters: Sequence[Waiter]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        if isinstance(waiter, asyncio.Future):
            loops.setdefault(waiter.get_loop(), []).append(waiter)
        else:
            waiter.set_result(None)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures)
        except RuntimeError:  # The loop was closed meanwhile: nobody waits any more.
            log.debug("The event loop ended before its calls were durable")


def _resolve(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
