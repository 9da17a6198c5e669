"""The thread that writes rows, one per process: group commit, and spool files while the database is away.

Calls that end during a commit are collected, and the next commit writes them all. There is no timer: an idle ledger
commits a single row immediately, a busy one commits many together.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from openwebui_usage.ledger.faults import is_rows_fault, reason
from openwebui_usage.ledger.health import LedgerHealth
from openwebui_usage.ledger.recording import Recorded
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.store import Store

log = logging.getLogger(__name__)

MAX_BATCH = 1000
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 0.9
"""So that it is told within a second that the ledger can be written again."""
HANGS_SECONDS = 1.5
"""Seconds after which calls stop to wait for a commit. Waiting for a lock times out earlier."""
OPENS_SECONDS = 0.8
"""Seconds after which it is logged that the ledger takes long to open."""
START_SECONDS = 10.0
"""Seconds after which `start` stops to wait for the ledger to open."""
_POLL_SECONDS = 0.25

Waiter = concurrent.futures.Future[None] | asyncio.Future[None]
Entry = tuple[CallRow, Waiter | None]
Listener = Callable[[Sequence[CallRow]], None]


@dataclass(slots=True, eq=False)
class InFlightBatch:
    """Calls that were taken from the queue, and whose clients still wait."""

    batch: list[Entry] = field(default_factory=list)
    since: float = float("inf")
    """When its first row was taken, by the monotonic clock."""
    is_written: bool = False
    """Whether all of it is in the database, so that nothing has to be spooled."""
    failed: bool = False
    """Whether releasing its clients failed, so that the watcher tries again."""

    @property
    def rows(self) -> list[CallRow]:
        return [row for row, _ in self.batch]


class Writer:
    """Makes rows durable.

    `on_commit` is called on the writer's thread with the changes of each commit. `on_spooled` and `on_rejected` are
    called with rows that wait outside of the database, and with rows that it will never accept.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        on_commit: Callable[[Recorded], None] = lambda recorded: None,
        *,
        on_spooled: Listener = lambda rows: None,
        on_rejected: Listener = lambda rows: None,
    ) -> None:
        """Nothing runs before `start`."""
        self._store = store
        self._spool = spool
        self._on_commit = on_commit
        self._on_spooled = on_spooled
        self._on_rejected = on_rejected
        self._health = LedgerHealth(spool)
        self._queue: deque[Entry] = deque()
        self._queue_lock = threading.Lock()
        """Held while rows are taken from the queue."""
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._in_flight: InFlightBatch | None = None
        self._letting_go: list[InFlightBatch] = []
        self._in_flight_lock = threading.Lock()
        self._hanging = False
        self._rejected: set[str] = set()
        """Ids of rows that were set aside, but are still in a spool file, too."""
        self._unspooled: list[CallRow] = []
        self._unspooled_lock = threading.Lock()
        self._away = threading.Event()
        """Set while the database accepts no rows, which go to the spool then."""
        self._pending = threading.Event()
        """Set while rows wait outside of the database."""
        self._opened = threading.Event()
        """Set after the first attempt to open the ledger, successful or not."""
        self._stopped = threading.Event()
        self._ended = threading.Event()
        """Set when the writer's thread has ended regularly."""
        self._thread = self._new_thread()
        self._replayer = self._new_replayer()
        self._watcher = threading.Thread(target=self._watch, name="usage-watch", daemon=True)

    def start(self) -> None:
        """Open the ledger and start to write, beginning with rows that an earlier process left in the spool.

        Returns soon even if the ledger cannot be opened. That is logged, and rows go to the spool meanwhile.
        """
        self._away.set()
        self._pending.set()
        self._thread.start()
        self._replayer.start()
        self._watcher.start()
        if not self._opened.wait(OPENS_SECONDS):
            if self._health.state == "opening":
                self._health.fails("it does not answer, or another process upgrades it")
            self._opened.wait(START_SECONDS - OPENS_SECONDS)

    def stop(self, timeout: float = 10.0) -> None:
        """Write what is queued, then end. Rows that cannot be written in time, and later ones, go to the spool."""
        if self._stopped.is_set() or not self._watcher.is_alive():
            return
        deadline = time.monotonic() + timeout
        self._closing.set()
        self._wakes.put(None)
        self._thread.join(timeout)
        self._stopped.set()
        self._pending.set()  # Wakes the replaying thread, so that it ends.
        self._replayer.join(max(0.0, deadline - time.monotonic()))
        self._watcher.join(timeout)
        self._rescue(self._in_flight)
        self._let_go_again()
        self._drain()
        self._keep(self._take_unspooled())
        self._spool.close()

    def try_ledger(self) -> None:
        """See soon whether the ledger can be written, for somebody could not read it. From any thread."""
        self._pending.set()

    def health(self) -> dict[str, object]:
        """The health of the ledger as JSON, see `LedgerHealth.status`. Reads files: call it off the event loop."""
        hand = self._in_flight
        lag = time.monotonic() - hand.since if hand is not None and hand.batch else 0.0
        return self._health.status(len(self._unspooled), lag)

    def submit(self, row: CallRow) -> concurrent.futures.Future[None]:
        """Queue a row, from any thread. The future is done when the row is durable. It never fails."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._put((row, waiter))
        return waiter

    def post(self, row: CallRow) -> None:
        """Queue a row without waiting for it."""
        self._put((row, None))

    async def write(self, row: CallRow) -> None:
        """Queue a row and wait until it is durable. Cancelling only ends the wait: the row is written."""
        waiter = asyncio.get_running_loop().create_future()
        self._put((row, waiter))
        await waiter

    def _put(self, entry: Entry) -> None:
        self._queue.append(entry)
        self._wakes.put(None)
        if self._stopped.is_set():  # Checked after the row was queued: either `stop` finds the row, or this does.
            self._drain()

    # -- the writer's thread --------------------------------------------------------------------------------------

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="usage-writer", daemon=True)

    def _run(self) -> None:
        while True:
            try:
                if not self._write_next():
                    break
            except BaseException:
                # After any error, waiting clients are released and new rows are written.
                log.exception("The ledger's writer failed, and goes on")
                self._rescue(self._in_flight)
        self._ended.set()
        self._store.close()

    def _write_next(self) -> bool:
        """Write what is queued. False at the end."""
        hand = self._in_flight = InFlightBatch()
        while not self._queue and not self._closing.is_set():
            self._wakes.get()
        self._fill(hand, MAX_BATCH)
        if not hand.batch:
            return not self._closing.is_set()
        left = self._commit(hand.rows)
        if self._take(hand):
            self._let_go(hand, left)
        self._hanging = False
        return True

    def _fill(self, hand: InFlightBatch, most: int) -> None:
        """Take rows from the queue. At any time each row is in the queue, in `hand`, or in both."""
        hand.since = time.monotonic()
        with self._queue_lock:
            while self._queue and len(hand.batch) < most:
                hand.batch.append(self._queue[0])
                self._queue.popleft()

    def _commit(self, rows: Sequence[CallRow]) -> list[CallRow]:
        """Write rows. Returns those that must be spooled."""
        if self._away.is_set():
            return list(rows)
        try:
            self._tell(self._store.record(rows))
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows must not be lost
            if is_rows_fault(error):
                return self._record_apart(rows)
            self._cannot_write(error)
            return list(rows)
        return []

    def _record_apart(self, rows: Sequence[CallRow]) -> list[CallRow]:
        """Find the rows that cannot be written, by halves, and set them aside. Returns those that must be spooled.

        A row is only set aside if the database accepts others.
        """
        todo = [rows]
        while todo:
            part = todo.pop()
            try:
                self._tell(self._store.record(part, maybe_written=True))
            except Exception as error:  # noqa: BLE001 - see `_commit`
                if is_rows_fault(error) and len(part) > 1:
                    middle = len(part) // 2
                    todo += [part[middle:], part[:middle]]
                    continue
                database_error = self._whose_else(error)
                if database_error is not None:
                    self._cannot_write(database_error)
                    return [row for others in (part, *todo) for row in others]
                self._reject(part[0], error)
        return []

    def _whose_else(self, error: Exception) -> Exception | None:
        """The error of the database if it accepts no other row either. None if the row is to blame."""
        if not is_rows_fault(error):
            return error
        try:
            self._store.check()
        except Exception as database_error:  # noqa: BLE001 - it is handed on
            return database_error
        return None

    def _reject(self, row: CallRow, error: Exception) -> None:
        if row.id in self._rejected:  # Its spool file is being replayed again.
            return
        self._rejected.add(row.id)
        log.error("The database refuses call %s, it is in rejected.jsonl now: %s", row.id, _first_line(error))
        try:
            self._spool.reject(row)
        except Exception as disk_error:  # noqa: BLE001 - its own fault must not keep others waiting
            log.error("rejected.jsonl cannot be written, the call is lost: %r: %s", row, disk_error)
        self._notify(self._on_rejected, [row])

    def _tell(self, recorded: Recorded) -> None:
        try:
            self._on_commit(recorded)
        except Exception:
            log.exception("Calls were written, but what they changed could not be told")

    def _notify(self, listener: Listener, rows: Sequence[CallRow]) -> None:
        try:
            listener(rows)
        except Exception:
            log.exception("Calls are outside of the ledger, but that could not be told")

    def _cannot_write(self, error: BaseException) -> None:
        self._away.set()
        self._pending.set()
        self._health.fails(reason(error))

    # -- when it does not answer ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Release clients that wait for a hanging commit (a connection broke silently, say) or for a dead thread."""
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                self._look()
            except BaseException:
                log.exception("The ledger's writer could not be looked after")

    def _look(self) -> None:
        hand = self._in_flight
        if hand is not None and time.monotonic() - hand.since > HANGS_SECONDS:
            self._cannot_write(TimeoutError("the database does not answer"))
            self._rescue(hand, hanging=True)
        self._let_go_again()
        if self._hanging:
            self._drain()
        if not self._thread.is_alive() and not self._ended.is_set():
            log.error("The ledger's writer died, another one goes on")
            self._rescue(self._in_flight)
            self._hanging = False
            self._thread = self._new_thread()
            self._thread.start()
        if not self._replayer.is_alive() and not self._stopped.is_set():
            self._replayer = self._new_replayer()
            self._replayer.start()

    def _rescue(self, hand: InFlightBatch | None, *, hanging: bool = False) -> None:
        """Spool a batch. If its commit succeeds after all, the ids of its rows prevent that they are counted twice."""
        if hand is not None and hand.batch and self._take(hand, hanging=hanging):
            self._let_go(hand, hand.rows)

    def _take(self, hand: InFlightBatch, *, hanging: bool = False) -> bool:
        """Whether the caller has to release the clients of a batch: the writer and the watcher may both try."""
        with self._in_flight_lock:
            mine = self._in_flight is hand
            if mine:
                self._letting_go.append(hand)
                self._in_flight, self._hanging = None, hanging
            return mine

    def _let_go(self, hand: InFlightBatch, left: Sequence[CallRow]) -> None:
        """Spool the rows that are `left`, and release the clients."""
        try:
            self._keep(left)
            hand.is_written = True
            _release(hand.batch)
        except BaseException:
            hand.failed = True
            raise
        self._letting_go.remove(hand)

    def _let_go_again(self) -> None:
        for hand in [hand for hand in self._letting_go if hand.failed]:
            hand.failed = False
            self._let_go(hand, [] if hand.is_written else hand.rows)

    # -- what waits outside of the database -----------------------------------------------------------------------

    def _keep(self, rows: Sequence[CallRow]) -> None:
        """Spool rows or, if that fails as well, keep them in memory."""
        if not rows:
            return
        try:
            self._spool.append(rows)
        except Exception as error:  # noqa: BLE001 - the calls go on whatever it is
            log.error("The spool file cannot be written either, %d calls wait in memory: %s", len(rows), error)
            with self._unspooled_lock:
                self._unspooled.extend(rows)
        self._pending.set()
        self._notify(self._on_spooled, rows)

    def _take_unspooled(self) -> list[CallRow]:
        with self._unspooled_lock:
            rows, self._unspooled = self._unspooled, []
        return rows

    def _drain(self) -> None:
        """Spool what is queued, because the writer's thread cannot write it."""
        hand = InFlightBatch()
        self._fill(hand, len(self._queue))
        if hand.batch:
            self._letting_go.append(hand)
            self._let_go(hand, hand.rows)

    def _new_replayer(self) -> threading.Thread:
        return threading.Thread(target=self._replay, name="usage-replay", daemon=True)

    def _replay(self) -> None:
        pause = 0.0 if not self._opened.is_set() else RETRY_SECONDS
        while not self._stopped.wait(pause):
            try:
                done = self._replay_once()
            except BaseException:
                log.exception("The spool could not be replayed")
                done = False
            self._opened.set()
            pause = RETRY_SECONDS if done else min(max(pause, RETRY_SECONDS) * 1.5, LONGEST_RETRY_SECONDS)
            self._pending.wait()
        self._store.close()

    def _replay_once(self) -> bool:
        """Write everything from the spool to the database, where new rows go directly again. True if all is done."""
        try:
            self._store.migrate()  # The tables may have been dropped.
            self._store.check()
        except Exception as error:  # noqa: BLE001 - it is tried again, for as long as it takes
            self._cannot_write(error)
            return False
        # New rows go to the database from now on, so that the spool does not grow while it is emptied.
        self._pending.clear()
        self._away.clear()
        self._health.works()
        unspooled = self._take_unspooled()
        try:
            if unspooled:
                self._replay_rows(unspooled)
                unspooled = []
            count = self._spool.replay(self._replay_rows)
            self._rejected.clear()
            if count:
                log.info("Replayed %d calls from the spool file", count)
        except Exception as error:  # noqa: BLE001 - it is tried again, for as long as it takes
            if not isinstance(error, _StillAway):
                log.warning("The spool cannot be replayed yet: %s", _first_line(error))
            self._keep(unspooled)
            self._pending.set()
            return False
        return True

    def _replay_rows(self, rows: Sequence[CallRow]) -> None:
        """Write rows, or set them aside. Raises `_StillAway`."""
        try:
            self._tell(self._store.record(rows, maybe_written=True))
        except Exception as error:
            if not is_rows_fault(error):
                self._cannot_write(error)
                raise _StillAway from error
            if self._record_apart(rows):
                raise _StillAway from error


class _StillAway(Exception):
    """The database accepts no rows. This has already been reported."""


def _release(batch: Sequence[Entry]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, waiter in batch:
        if isinstance(waiter, asyncio.Future):
            loops.setdefault(waiter.get_loop(), []).append(waiter)
        elif waiter is not None and not waiter.done() and waiter.set_running_or_notify_cancel():
            waiter.set_result(None)
    for loop, futures in loops.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures)
        except RuntimeError:  # The loop has been closed, so that nobody waits any more.
            log.debug("The event loop ended before its calls were durable")


def _resolve(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
