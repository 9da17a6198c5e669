"""What it costs to tell thousands of open pages what is counted.

    tests/run --bench publisher
    tests/run --bench publisher --sockets 500 --workers 1 --seconds 20

Some workers in one process, each with its publisher and its python-socketio server, over one ledger in a SQLite file. A
second is four looks of each publisher, one after the other without a pause, and the calls between them: so the CPU time
of a second is the same however busy the machine is, and nothing is said of the clock. Each call is told to the other
workers as text, as through Redis, whose client is left out. A page is an engine.io socket that takes packets and sends
them nowhere, so what a websocket costs is left out, too. For the host's models and user groups there is a stand-in,
whose questions are counted: Open WebUI needs milliseconds for each.

Prints a table in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import socketio
from socketio.packet import Packet
from sqlalchemy import insert

from openwebui_usage.host.changes import Changes
from openwebui_usage.host.local_sockets import LocalSockets
from openwebui_usage.host.models import ModelAccess
from openwebui_usage.host.sockets import WHOLE_INTERVAL, Publisher
from openwebui_usage.ledger import CallInfo, CallRow, Recorded, Store
from openwebui_usage.ledger.definitions import budget_values, raise_revision
from openwebui_usage.ledger.schema import usage_budget, usage_group
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.tokens import TokenUsage

DEPARTMENTS = 50
LOOKS = 4
"""In a second, at most."""


class HostModels:
    """A company of departments: each may use models of its own beside the five of all, and is a user group."""

    def __init__(self, models: int) -> None:
        self._models = models
        self.ids_at_hand: frozenset[str] = frozenset()
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
        self.told_at: float | None = 0.0
        """When it was told of a call of its user, in CPU time."""

    async def send(self, packet: Any) -> None:
        """Take a packet."""
        self.packets += 1
        if self.told_at is None and '"own_calls":true' in packet.data:
            self.told_at = time.process_time()


class TextPacket(Packet):
    """Is not searched for bytes, as in Open WebUI since 0.11; before, that takes as long as all else together."""

    uses_binary_events = False


class Worker:
    """A publisher and a server with pages of some users."""

    def __init__(self, store: Store, models: HostModels) -> None:
        self._store = store
        self._server = socketio.AsyncServer(async_mode="asgi", monitor_clients=False, serializer=TextPacket)
        self._sessions: dict[str, dict[str, str]] = {}
        self._sockets = LocalSockets(SimpleNamespace(sio=self, SESSION_POOL=self._sessions, emit_to_users=None))
        definitions = store.definitions()
        self._publisher = Publisher(store, models, lambda: definitions)  # type: ignore[arg-type]
        self.manager = self._server.manager
        self.pages: dict[str, Page] = {}
        self.emits = 0

    async def emit(self, *args: Any, **kwargs: Any) -> None:
        """The server's, counted."""
        self.emits += 1
        await self._server.emit(*args, **kwargs)

    async def open_page(self, user_id: str) -> None:
        """One more, of a user."""
        self.pages[user_id] = self._server.eio.sockets[f"eio-{user_id}"] = Page()
        sid = await self.manager.connect(f"eio-{user_id}", "/")
        self._sessions[sid] = {"id": user_id, "role": "user"}
        await self._server.enter_room(sid, f"user:{user_id}")

    def count(self, calls: Recorded) -> str:
        """Note that calls were written here. Returns what the other workers are told."""
        changes = Changes.by_commit(calls)
        self._publisher._note_own(changes)
        return changes.to_json()

    async def hear(self, text: str) -> None:
        """Note what another worker tells."""
        await self._publisher._hear(Changes.from_json(text))

    async def look(self, *, is_whole: bool = False) -> None:
        """Tell what there is to tell; `is_whole`: as every quarter of a minute."""
        self._publisher._whole_at = 0.0 if is_whole else float("inf")
        self._publisher._audiences._known_until = 0.0 if is_whole else float("inf")
        await self._publisher._look(self._sockets)

    @property
    def packets(self) -> int:
        """How many its pages were sent."""
        return sum(page.packets for page in self.pages.values())


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


def a_call(user: int, model: int) -> CallRow:
    groups = (f"department-{user % DEPARTMENTS}",)
    info = CallInfo(f"model-{model}", f"model-{model}", user_id=f"user-{user}", user_groups=groups, user_role="user")
    return CallRow(info, started_at=time.time(), usage=TokenUsage(input=100, completion=50, output=50))


class Company:
    """Its workers, and people who call models of their departments."""

    def __init__(self, store: Store, models: HostModels, options: argparse.Namespace) -> None:
        self._store = store
        self._models = models
        self._options = options
        self._random = random.Random(1)
        self.workers = [Worker(store, models) for _ in range(options.workers)]
        self.rows: list[tuple[str, ...]] = []

    async def open_pages(self) -> None:
        """One for each user, at one worker after the other."""
        for number in range(self._options.sockets):
            await self.workers[number % len(self.workers)].open_page(f"user-{number}")

    def write_call(self, user: int | None = None) -> tuple[Worker, Recorded]:
        """One of somebody, at any worker."""
        user = self._random.randrange(self._options.sockets) if user is None else user
        model = self._random.randrange(user % DEPARTMENTS, self._options.groups, DEPARTMENTS)
        return self._random.choice(self.workers), self._store.record([a_call(user, model)])

    async def tell(self, worker: Worker, calls: Recorded) -> None:
        """All workers know of calls that were written at one of them."""
        text = worker.count(calls)
        for other in self.workers:
            if other is not worker:
                await other.hear(text)

    async def measure(self, what: str, count: int, seconds: float, *, calls: float = 0, is_whole: bool = False) -> None:
        """A look of each publisher, that many times, each of which stands for some seconds. Before it so many calls are
        written, which is not measured, and told.
        """
        used, before = 0.0, self._sent()
        for number in range(count):
            written = [self.write_call() for _ in range(round((number + 1) * calls) - round(number * calls))]
            began = time.process_time()
            for worker, recorded in written:
                await self.tell(worker, recorded)
            for worker in self.workers:
                await worker.look(is_whole=is_whole)
            used += time.process_time() - began
        workers = len(self.workers)
        emits, packets, asked = (now - then for now, then in zip(self._sent(), before, strict=True))
        self.rows.append(
            (
                what,
                f"{used / count / workers * 1000:.1f} ms",
                f"{used / count / workers / seconds:.2%}" if seconds else "",
                f"{packets / count / workers:.0f}",
                f"{emits / count / workers:.0f}",
                f"{asked / count / workers:.1f}",
            )
        )

    def _sent(self) -> tuple[int, int, int]:
        emits = sum(worker.emits for worker in self.workers)
        return emits, sum(worker.packets for worker in self.workers), self._models.asked

    async def delays(self, count: int) -> list[float]:
        """What CPU time lies between a commit and the page of whoever called, in ms."""
        page, found = self.workers[0].pages["user-0"], []
        for _ in range(count):
            worker, calls = self.write_call(0)
            page.told_at = None
            began = time.process_time()
            await self.tell(worker, calls)
            await self.workers[0].look()
            assert page.told_at is not None
            found.append((page.told_at - began) * 1000)
        return sorted(found)


async def main(options: argparse.Namespace) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(file_engine(Path(folder) / "ledger.db"))
        store.migrate()
        define(store, options.groups, options.budgets)
        company = Company(store, HostModels(options.groups), options)
        await company.open_pages()
        per_look = options.rate / LOOKS
        await company.measure("the first look at everybody", 1, 0, is_whole=True)
        await company.measure("a look while nothing happens, each second", 20, 1)
        await company.measure("all is compared, every 15 seconds", 5, WHOLE_INTERVAL, is_whole=True)
        what = f"a look after {per_look:g} calls, four each second"
        await company.measure(what, round(options.seconds * LOOKS), 1 / LOOKS, calls=per_look)
        delays = await company.delays(200)
        title = (
            f"{options.sockets} sockets, {options.workers} workers, {options.groups} groups, {options.budgets} budgets"
        )
        print(f"| {title}: of one worker | CPU time | of a core | sockets told | emits | asked |")
        print("|---|---|---|---|---|---|")
        for row in company.rows:
            print(f"| {' | '.join(row)} |")
        median, p99 = statistics.median(delays), delays[len(delays) * 99 // 100]
        print(f"\nCPU time from a commit to the caller's page: {median:.1f} ms (median), {p99:.1f} ms (p99)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--budgets", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50, help="calls per second, of all workers")
    parser.add_argument("--seconds", type=float, default=15, help="of calls")
    asyncio.run(main(parser.parse_args()))
