"""What meters the calls of one process: store, writer, gate, meter, webhook and periodic tasks, begun and ended as one.

Open WebUI's plugin and the stand-alone token client differ in where the ledger is and who asks, and in nothing here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from openwebui_usage.admission.counters import LiveCounters, Load, MemoryCounters
from openwebui_usage.admission.gate import REFRESH_SECONDS, Gate
from openwebui_usage.ledger import CallRow, Recorded, Store, Writer, upkeep
from openwebui_usage.ledger.recording import Key
from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.meter import Meter
from openwebui_usage.rules.groups import Sums
from openwebui_usage.settings import Settings
from openwebui_usage.webhook import Notifier

log = logging.getLogger(__name__)

Subscriber = Callable[[Recorded], None]


_GATE_TIMEOUT = 2.0
REFUSALS_SECONDS = 1.0
"""Between two times that refusals are written: a crash takes no more of them than these."""
_REFUSALS_TIMEOUT = 2.0
"""Seconds that the end waits for the last refusals: they are no usage, and a database that hangs keeps nobody."""


class NotRunning(Exception):
    """The runtime has not begun yet, or has ended."""


@dataclass(slots=True)
class _Periodic:
    name: str
    seconds: float
    work: Callable[[], Awaitable[None]]
    error: str | None = None
    """What its last round failed with."""


class Runtime:
    """An async context manager. Inside it calls are admitted by `gate`, metered by `meter` and written to `store`."""

    def __init__(
        self,
        store: Store,
        spool: Path,
        settings: Settings,
        counters: Callable[[Load], LiveCounters] = MemoryCounters,
    ) -> None:
        """Touches nothing yet. `spool` is the folder for rows while the database is away; `counters` makes the live
        counters, on the event loop, from a function that reads totals.
        """
        self.store = store
        self._fail_closed = settings.fail_closed
        self._make_counters = counters
        self._writer = Writer(
            store, Spool(spool), self._committed, on_spooled=self._spooled, on_rejected=self._rejected
        )
        secret = settings.webhook_secret
        self._webhook = Notifier(store, settings.webhook_url, secret.get_secret_value() if secret else None)
        self._refusals = PendingRefusals()
        self._upkeep = store.upkeep(Retention(settings.keep_calls, settings.keep_raw_usage))
        self._gate: Gate | None = None
        self._meter: Meter | None = None
        self._subscribers: list[Subscriber] = []
        self._periodic: list[_Periodic] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._running = contextlib.AsyncExitStack()

    @property
    def fail_closed(self) -> bool:
        """Whether a call that cannot be checked is refused."""
        return self._fail_closed

    @property
    def webhook(self) -> Notifier:
        """What posts to the admin's webhook, where there is one."""
        return self._webhook

    @property
    def is_running(self) -> bool:
        """Whether calls are metered."""
        return self._meter is not None

    @property
    def gate(self) -> Gate:
        """Raises `NotRunning`."""
        if self._gate is None:
            raise NotRunning
        return self._gate

    @property
    def meter(self) -> Meter:
        """Raises `NotRunning`."""
        if self._meter is None:
            raise NotRunning
        return self._meter

    def subscribe(self, on_commit: Subscriber) -> None:
        """Have every commit told to `on_commit`, on the writer's thread. What it raises reaches nobody else."""
        self._subscribers.append(on_commit)

    def every(self, seconds: float, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Do some work over and over, with `seconds` between two rounds, from now or the start until the end.

        A round that fails is told once in the log, and does not keep the next one away.
        """
        periodic = _Periodic(name, seconds, work)
        self._periodic.append(periodic)
        if self.is_running:
            self._begin(periodic)

    def health(self) -> dict[str, Any]:
        """How it fares: `running`, for each periodic task what its last round failed with, or null, the `ledger`, see
        `LedgerHealth.status`, and its `reports`, see `Upkeep.status`; null where the database does not answer. Reads
        the spool's files and the database: call it off the event loop.
        """
        try:
            reports = self.reports_health()
        except SQLAlchemyError:
            reports = None
        return {
            "running": self.is_running,
            "ledger": self.ledger_health(),
            "reports": reports,
            "tasks": self.tasks_health(),
        }

    def tasks_health(self) -> dict[str, str | None]:
        """What each periodic task's last round failed with, or null."""
        return {periodic.name: periodic.error for periodic in self._periodic}

    def reports_health(self) -> dict[str, Any]:
        """How far the sums for reports are, as in `health`. Reads the database: call it off the event loop."""
        return self._upkeep.status()

    def ledger_health(self) -> dict[str, object]:
        """Whether rows reach the database, as in `health`."""
        return self._writer.health()

    async def __aenter__(self) -> Self:
        """Make or upgrade the tables where the database answers, and begin."""
        async with contextlib.AsyncExitStack() as stack:
            self._webhook.start()
            stack.push_async_callback(asyncio.to_thread, self._webhook.stop)
            # Ends before the webhook does: what its last commit has to tell is still posted.
            stack.push_async_callback(asyncio.to_thread, self._writer.stop)
            await asyncio.to_thread(self._writer.start)
            gate = self._gate = Gate(
                self.store, self._make_counters(self._totals), fail_closed=self._fail_closed, refusals=self._refusals
            )
            stack.push_async_callback(self._write_last_refusals)
            with contextlib.suppress(TimeoutError):  # A database that hangs keeps nobody from starting.
                await asyncio.wait_for(gate.refresh(), _GATE_TIMEOUT)
            self.every(REFRESH_SECONDS, self._refresh, "gate")
            self.every(REFUSALS_SECONDS, self._write_refusals, "refusals")
            self._upkeep.start()
            stack.push_async_callback(asyncio.to_thread, self._upkeep.stop)
            self.every(upkeep.SECONDS, self._keep_up, "upkeep")
            stack.push_async_callback(self._end_tasks)
            for periodic in self._periodic:
                self._begin(periodic)
            self._meter = Meter(self._writer, gate)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Meter nothing more, then end everything, last begun first."""
        self._meter = None
        await self._running.aclose()
        self._gate = None

    async def _refresh(self) -> None:
        """Have the gate look at the ledger. Where nobody calls, this tells that it is away."""
        gate = self.gate
        await gate.refresh()
        if gate.misses_ledger:
            self._writer.try_ledger()

    async def _keep_up(self) -> None:
        await asyncio.to_thread(self._upkeep.round)

    def _begin(self, periodic: _Periodic) -> None:
        self._tasks.append(asyncio.create_task(_repeat(periodic), name=f"usage-{periodic.name}"))

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write_refusals(self) -> None:
        """Write the refusals that wait, off the event loop; where that fails, they wait for the next time."""
        if self._refusals:
            await asyncio.to_thread(self._add_refusals)

    async def _write_last_refusals(self) -> None:
        try:
            await asyncio.wait_for(asyncio.to_thread(self._add_refusals), _REFUSALS_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - whatever the database says
            log.warning("The last refusals could not be written: %s", str(error).partition("\n")[0])

    def _add_refusals(self) -> None:
        self._refusals.write(self.store.add_refusals)

    def _committed(self, recorded: Recorded) -> None:
        """Rows are durable: the gate knows what they used, then everybody else. On the writer's thread."""
        if self._gate is not None:
            self._gate.settled(recorded)
        if recorded.notices:
            self._webhook.wake()
        for subscriber in self._subscribers:
            try:
                subscriber(recorded)
            except Exception:
                log.exception("Calls were written, but what they changed could not be told")

    def _spooled(self, rows: Sequence[CallRow]) -> None:
        if self._gate is not None:
            self._gate.spooled(rows)

    def _rejected(self, rows: Sequence[CallRow]) -> None:
        if self._gate is not None:
            self._gate.rejected(rows)

    async def _totals(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        return await asyncio.to_thread(self.store.totals, list(keys))


async def _repeat(periodic: _Periodic) -> None:
    while True:
        await asyncio.sleep(periodic.seconds)
        try:
            await periodic.work()
        except Exception as error:
            if periodic.error is None:
                log.exception("The periodic task %s failed; it is tried again", periodic.name)
            periodic.error = f"{type(error).__name__}: {error}"
        else:
            periodic.error = None
