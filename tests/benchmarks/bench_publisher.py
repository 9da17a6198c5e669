"""What it costs to tell thousands of open pages what is counted.

    tests/run --bench publisher
    tests/run --bench publisher --sockets 500 --workers 1 --seconds 20

Some workers in one process, each with its publisher and its python-socketio server, over one ledger in a SQLite file.
They tell each other what they count as they would through Redis. A page is an engine.io socket that takes packets and
sends them nowhere, so what a websocket costs is left out. For the host's models and user groups there is a stand-in,
whose questions are counted: Open WebUI needs milliseconds for each.

CPU time is that of the whole process, without the thread that writes calls. Prints a table in Markdown; asserts
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import socketio
from sqlalchemy import insert

from openwebui_usage.host.changes import Changes
from openwebui_usage.host.models import ModelAccess
from openwebui_usage.host.sockets import Publisher
from openwebui_usage.ledger import CallInfo, CallRow, Recorded, Store
from openwebui_usage.ledger.definitions import budget_values, raise_revision
from openwebui_usage.ledger.schema import usage_budget, usage_group
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.tokens import TokenUsage

DEPARTMENTS = 50
SETTLING = 3.0
"""Seconds before something is measured."""
PROBE = "user-0"
"""Whose page tells how long it took."""
_writing = threading.Lock()


class HostModels:
    """A company of departments: each may use models of its own beside the five of all, and is a user group."""

    def __init__(self, models: int) -> None:
        self._models = models
        self.asked = 0

    async def user_groups_of(self, user_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        """Open WebUI answers for 200 users at once."""
        wanted = list(user_ids)
        self.asked += -(-len(wanted) // 200)
        return {user_id: frozenset([f"department-{department_of(user_id)}"]) for user_id in wanted}

    async def access(self) -> ModelAccess:
        """Nobody is named."""
        self.asked += 1
        return ModelAccess((), frozenset())

    async def visible_now(self, user_id: str, role: str) -> list[Any]:
        """The models of the user's department."""
        self.asked += 1
        own = department_of(user_id)
        numbers = [number for number in range(self._models) if number % DEPARTMENTS == own or number < 5]
        return [SimpleNamespace(id=f"model-{number}", base=None) for number in numbers]


def department_of(user_id: str) -> int:
    return int(user_id.removeprefix("user-")) % DEPARTMENTS


class Page:
    """An engine.io socket with nobody behind it."""

    connected, closed = True, False

    def __init__(self) -> None:
        self.packets = 0
        self.told_first = asyncio.Event()
        self.told_of_call = asyncio.Event()
        self.told_at = 0.0

    async def send(self, packet: Any) -> None:
        """Take a packet."""
        self.packets += 1
        self.told_first.set()
        if not self.told_of_call.is_set() and '"own_calls":true' in packet.data:
            self.told_at = time.monotonic()
            self.told_of_call.set()


class Bus:
    """Redis, as far as workers tell each other."""

    def __init__(self) -> None:
        self.ends: list[Channel] = []


class Channel:
    """One worker's end of it."""

    is_open = True

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._unsent = Changes()
        self._sending: asyncio.Task[None] | None = None
        bus.ends.append(self)

    def start(self, heard: Any, missed: Any) -> None:
        """Listen."""
        self._heard = heard
        missed()

    async def stop(self) -> None:
        """End."""

    def tell(self, changes: Changes) -> None:
        """As `WorkerChannel` does: at once, or with what is told in the next 50 ms."""
        self._unsent.add(changes)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._unsent:
            changes, self._unsent = self._unsent, Changes()
            text = changes.to_json()
            for end in self._bus.ends:
                if end is not self:
                    await end._heard(Changes.from_json(text))
            await asyncio.sleep(0.05)


class Worker:
    """A publisher and a server with pages of some users."""

    def __init__(self, folder: Path, models: HostModels, bus: Bus | None) -> None:
        self.store = Store(file_engine(folder / "ledger.db"))
        self.server = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)
        self.host = ModuleType("open_webui.socket.main")
        vars(self.host).update(sio=self.server, SESSION_POOL={}, WEBSOCKET_MANAGER="", emit_to_users=print)
        self.pages: dict[str, Page] = {}
        definitions = self.store.definitions()
        channel = None if bus is None else Channel(bus)
        self.publisher = Publisher(self.store, models, lambda: definitions, lambda: channel)  # type: ignore[arg-type, return-value]

    async def open_page(self, user_id: str) -> None:
        """One more, of a user."""
        self.pages[user_id] = self.server.eio.sockets[f"eio-{user_id}"] = Page()
        sid = await self.server.manager.connect(f"eio-{user_id}", "/")
        self.host.SESSION_POOL[sid] = {"id": user_id, "role": "user"}
        await self.server.enter_room(sid, f"user:{user_id}")

    def record(self, call: CallRow) -> Recorded:
        """Write a call. A SQLite file takes one writer, and lets the others wait for some time only."""
        with _writing:
            return self.store.record([call])

    @property
    def packets(self) -> int:
        """How many its pages were sent."""
        return sum(page.packets for page in self.pages.values())

    async def start(self) -> None:
        """Publish. A publisher finds the host's module where it would import it from."""
        package = ModuleType("open_webui.socket")
        vars(package)["main"] = self.host
        sys.modules |= {
            "open_webui": ModuleType("open_webui"),
            "open_webui.socket": package,
            "open_webui.socket.main": self.host,
        }
        self.publisher.start()
        await asyncio.sleep(0.2)


def define(store: Store, groups: int, budgets: int) -> None:
    """Groups of one model each. A tenth of the budgets is shared by a department, each of two counts each user, all
    others are for single users.
    """
    store.create_group("group 0", ["model-0"], 10**12, "documented", period="month")
    shared = {"limit": 10**12, "counting": "documented", "period": "month", "timezone": "UTC"}
    others = {"action": "block", "soft_limits": [80], "reset_at": None}
    rows = [
        {**shared, **others, "id": f"g{n}", "name": f"group {n}", "models": [f"model-{n}"], "created_at": float(n)}
        for n in range(1, groups)
    ]
    scopes = [Scope("each_user"), Scope("each_user")]
    scopes += [Scope("group", f"department-{n % DEPARTMENTS}") for n in range(budgets // 10)]
    scopes += [Scope("user", f"user-{n}") for n in range(budgets - len(scopes))]
    defined = [Budget(f"b{n}", f"budget {n}", 10**12, scope=scope) for n, scope in enumerate(scopes)]
    with store._engine.begin() as connection:
        connection.execute(insert(usage_group), rows)
        connection.execute(insert(usage_budget), [{**budget_values(item), "created_at": 0.0} for item in defined])
        raise_revision(connection)


class Caller:
    """Commits calls at a rate, in a thread of its own, one at each worker in turn."""

    def __init__(self, workers: list[Worker], users: int, groups: int, rate: float) -> None:
        self._workers, self._users, self._models, self._rate = workers, users, groups, rate
        self._random = random.Random(1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_over = threading.Event()
        self.cpu = 0.0
        self.calls = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            if self._is_over.wait(max(0.0, began + number / self._rate - time.monotonic())):
                return
            worker = self._workers[number % len(self._workers)]
            before = time.thread_time()
            user = f"user-{self._random.randrange(self._users)}"
            model = self._random.randrange(department_of(user), self._models, DEPARTMENTS)
            recorded = worker.record(a_call(f"model-{model}", user))
            self.cpu += time.thread_time() - before
            worker.publisher.counted(recorded)
            self.calls += 1


def a_call(model: str, user: str) -> CallRow:
    groups = (f"department-{department_of(user)}",)
    info = CallInfo(model, model, user_id=user, user_groups=groups, user_role="user")
    return CallRow(info, started_at=time.time(), usage=TokenUsage(input=100, completion=50, output=50))


async def delay(caller: Worker, page: Page) -> float:
    """How long after the commit of a call the caller's page is told of it, in ms."""
    page.told_of_call.clear()
    recorded = await asyncio.to_thread(caller.record, a_call("model-0", PROBE))
    committed = time.monotonic()
    caller.publisher.counted(recorded)
    await asyncio.wait_for(page.told_of_call.wait(), 60)
    return (page.told_at - committed) * 1000


class Window:
    """What is used and sent within some time."""

    def __init__(self, workers: list[Worker], models: HostModels, caller: Caller) -> None:
        self._workers, self._models, self._caller = workers, models, caller
        self._began, self._before = time.monotonic(), self._now()

    def _now(self) -> tuple[float, ...]:
        return (
            time.process_time() - self._caller.cpu,
            sum(worker.packets for worker in self._workers),
            self._models.asked,
            self._caller.calls,
        )

    def rows(self, when: str) -> list[tuple[str, str]]:
        """A line of the table for each."""
        took, count = time.monotonic() - self._began, len(self._workers)
        cpu, packets, asked, calls = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return [
            (f"CPU time of a worker, {when}", f"{cpu / took / count:.2%} of a core"),
            (f"sockets that a worker tells something, {when}", f"{packets / took / count:.0f} per second"),
            (f"questions of a worker to the host, {when}", f"{asked / took / count:.1f} per second"),
            (f"calls, {when}", f"{calls / took:.0f} per second"),
        ]


async def main(options: argparse.Namespace) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        models = HostModels(options.groups)
        first = Store(file_engine(Path(folder) / "ledger.db"))
        first.migrate()
        define(first, options.groups, options.budgets)
        bus = Bus() if options.workers > 1 else None
        workers = [Worker(Path(folder), models, bus) for _ in range(options.workers)]
        for number in range(options.sockets):
            await workers[number % len(workers)].open_page(f"user-{number}")
        caller = Caller(workers, options.sockets, options.groups, options.rate)
        began, cpu = time.monotonic(), time.process_time()
        for worker in workers:
            await worker.start()
        for page in [page for worker in workers for page in worker.pages.values()]:
            await page.told_first.wait()  # At first everybody is told of their budgets.
        used = (time.process_time() - cpu) / len(workers)
        rows = [("until everybody is known", f"{time.monotonic() - began:.1f} s, {used:.1f} s of CPU time a worker")]
        await asyncio.sleep(SETTLING)
        window = Window(workers, models, caller)
        await asyncio.sleep(options.seconds)
        rows += window.rows("nothing happens")[:3]
        caller.start()
        await asyncio.sleep(SETTLING)
        window = Window(workers, models, caller)
        delays, until = [], time.monotonic() + options.seconds
        while time.monotonic() < until:  # The call is made at another worker than the page's.
            delays.append(await delay(workers[-1], workers[0].pages[PROBE]))
            await asyncio.sleep(random.random() * 0.5)
        rows += window.rows("calls are made")
        caller.stop()
        delays.sort()
        rows.append(("from the commit to the page, median", f"{statistics.median(delays):.0f} ms"))
        rows.append((f"from the commit to the page, p99 of {len(delays)}", f"{delays[len(delays) * 99 // 100]:.0f} ms"))
        what = (
            f"{options.sockets} sockets, {options.workers} workers, {options.groups} groups, {options.budgets} budgets"
        )
        print(f"| {what} | |\n|---|---|")
        for row in rows:
            print(f"| {row[0]} | {row[1]} |")
        for worker in workers:
            await worker.publisher.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--budgets", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50, help="calls per second")
    parser.add_argument("--seconds", type=float, default=30)
    asyncio.run(main(parser.parse_args()))
