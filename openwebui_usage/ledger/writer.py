"""The one thread per process that writes rows: group commit, and a spool file while the database is away.

While one commit runs, the calls that end meanwhile gather, and the next commit takes them all. There is no timer: an
idle ledger commits a single row at once, a busy one commits many together.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import exc

from openwebui_usage.ledger.recording import Recorded
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.store import Store

log = logging.getLogger(__name__)

MAX_BATCH = 1000
RETRY_SECONDS = 0.5
HANGS_SECONDS = 1.5
"""A commit that takes longer is not waited for. Waiting for a lock ends sooner by itself."""
_GLANCE_SECONDS = 0.25

_NEVER_THE_ROWS_FAULT = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
"""Locked, full, read-only, away, no connection free: another row would fare no better."""

Waiter = concurrent.futures.Future[None] | asyncio.Future[None]
Entry = tuple[CallRow, Waiter | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Hand:
    """What the writer's thread commits at the moment."""

    batch: list[Entry]
    since: float

    @property
    def rows(self) -> list[CallRow]:
        return [row for row, _ in self.batch]


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
        self._in_hand: _Hand | None = None
        self._hand_lock = threading.Lock()
        self._hanging = False
        self._homeless: list[CallRow] = []
        self._homeless_lock = threading.Lock()
        self._away = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage-writer", daemon=True)
        self._replayer = threading.Thread(target=self._replay, name="usage-replay", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="usage-watch", daemon=True)

    def start(self) -> None:
        """Start writing; rows that an earlier process left in the spool come first."""
        self._away.set()
        self._replay_once()
        self._store.close()
        self._thread.start()
        self._replayer.start()
        self._watcher.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Write what is queued, then end. What cannot be written in time, and rows that come later, go to the spool."""
        if self._stopped.is_set() or not self._thread.is_alive():
            return
        deadline = time.monotonic() + timeout
        self._queue.put(None)
        self._thread.join(timeout)
        self._stopped.set()
        self._away.set()  # Wakes the replayer, which ends.
        self._replayer.join(max(0.0, deadline - time.monotonic()))
        self._watcher.join(timeout)
        self._rescue(self._in_hand)
        self._drain()
        self._keep(self._take_homeless())
        self._spool.close()

    def submit(self, row: CallRow) -> concurrent.futures.Future[None]:
        """Queue a row, from any thread. The future is done once the row is durable; it never fails."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._put((row, waiter))
        return waiter

    def post(self, row: CallRow) -> None:
        """Queue a row that nobody waits for."""
        self._put((row, None))

    async def write(self, row: CallRow) -> None:
        """Queue a row and wait until it is durable. Cancelling the wait does not take the row back."""
        waiter = asyncio.get_running_loop().create_future()
        self._put((row, waiter))
        await waiter

    def _put(self, entry: Entry) -> None:
        self._queue.put(entry)
        if self._stopped.is_set():  # Looked at after the row was queued: either `stop` finds it, or this does.
            self._drain()

    def _run(self) -> None:
        running = True
        while running:
            batch, running = self._gather()
            if batch:
                hand = self._in_hand = _Hand(batch, time.monotonic())
                written = self._commit(hand.rows)
                if self._take(hand):
                    if not written:
                        self._keep(hand.rows)
                        self._away.set()
                    _release(batch)
                self._hanging = False
        self._store.close()

    def _watch(self) -> None:
        """Lets go the calls that wait for a commit that hangs, as it does on a connection that died silently."""
        while not self._stopped.wait(_GLANCE_SECONDS):
            hand = self._in_hand
            if hand is not None and time.monotonic() - hand.since > HANGS_SECONDS:
                log.warning("The ledger does not answer, calls go to the spool file")
                self._rescue(hand)
            if self._hanging:
                self._drain()

    def _rescue(self, hand: _Hand | None) -> None:
        """Spool what a commit hangs on. Should that succeed after all, the ids keep it from counting twice."""
        if hand is not None and self._take(hand, hanging=True):
            self._keep(hand.rows)
            self._away.set()
            _release(hand.batch)

    def _take(self, hand: _Hand, *, hanging: bool = False) -> bool:
        """Whether it is the caller who lets these calls go: the writer and the watcher may both want to."""
        with self._hand_lock:
            mine = self._in_hand is hand
            if mine:
                self._in_hand, self._hanging = None, hanging
            return mine

    def _gather(self) -> tuple[list[Entry], bool]:
        batch: list[Entry] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == MAX_BATCH:
                return batch, True
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, rows: Sequence[CallRow]) -> bool:
        """Whether the rows are in the database now."""
        if self._away.is_set():
            return False
        try:
            recorded = self._store.record(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows must not be lost
            log.warning("The ledger cannot be written, calls go to the spool file: %s", _first_line(error))
            return False
        self._tell(recorded)
        return True

    def _tell(self, recorded: Recorded) -> None:
        try:
            self._on_commit(recorded)
        except Exception:
            log.exception("Calls were written, but what they changed could not be told")

    def _keep(self, rows: Sequence[CallRow]) -> None:
        """Put rows in the spool, or, if that fails too, in memory."""
        if not rows:
            return
        try:
            self._spool.append(rows)
        except Exception as error:  # noqa: BLE001 - the calls go on whatever it is
            log.error("The spool file cannot be written either, %d calls wait in memory: %s", len(rows), error)
            with self._homeless_lock:
                self._homeless.extend(rows)

    def _take_homeless(self) -> list[CallRow]:
        with self._homeless_lock:
            homeless, self._homeless = self._homeless, []
        return homeless

    def _drain(self) -> None:
        """Spool what is queued: the writer's thread cannot take it."""
        batch: list[Entry] = []
        end = False
        with contextlib.suppress(queue.Empty):
            while True:
                entry = self._queue.get_nowait()
                if entry is None:
                    end = True
                else:
                    batch.append(entry)
        if end:  # Meant for the writer's thread.
            self._queue.put(None)
        self._keep([row for row, _ in batch])
        _release(batch)

    def _replay(self) -> None:
        while not self._stopped.is_set():
            self._away.wait()
            if self._stopped.wait(RETRY_SECONDS):
                break
            self._replay_once()
        self._store.close()

    def _replay_once(self) -> None:
        """Bring everything from the spool into the database; on success new rows go there directly again."""
        homeless = self._take_homeless()
        try:
            self._store.migrate()  # Somebody may have dropped the tables.
            self._store.check()
            # From here on new rows go to the database, so that the spool cannot grow while it is emptied.
            self._away.clear()
            if homeless:
                self._replay_rows(homeless)
                homeless = []
            count = self._spool.replay(self._replay_rows)
            if count:
                log.info("Replayed %d calls from the spool file", count)
        except Exception as error:  # noqa: BLE001 - it is tried again, for as long as it takes
            if not self._away.is_set():
                log.warning("The spool cannot be replayed yet: %s", _first_line(error))
            self._keep(homeless)
            self._away.set()

    def _replay_rows(self, rows: Sequence[CallRow]) -> None:
        try:
            self._tell(self._store.record(rows, maybe_written=True))
        except Exception as error:
            if isinstance(error, _NEVER_THE_ROWS_FAULT):
                raise
            self._replay_one_by_one(rows)

    def _replay_one_by_one(self, rows: Sequence[CallRow]) -> None:
        """Set aside the rows that the database refuses, provided that it takes others."""
        for row in rows:
            try:
                self._tell(self._store.record([row], maybe_written=True))
            except Exception as error:
                if isinstance(error, _NEVER_THE_ROWS_FAULT):
                    raise
                self._store.check()
                log.error("The database refuses call %s, it is in rejected.jsonl now: %s", row.id, _first_line(error))
                self._spool.reject(row)


def _release(batch: Sequence[Entry]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, waiter in batch:
        if isinstance(waiter, asyncio.Future):
            loops.setdefault(waiter.get_loop(), []).append(waiter)
        elif waiter is not None and waiter.set_running_or_notify_cancel():
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
