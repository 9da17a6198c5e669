"""Pages are told of what changed: from what a commit says of it, and not by reading everything again."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from openwebui_usage.host import sockets
from openwebui_usage.host.sockets import Publisher, _Sessions
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.known_totals import KnownTotals
from openwebui_usage.ledger.own_limits import OwnLimit
from openwebui_usage.ledger.recording import Key, Recorded
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.groups import Sums
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.tables import give_tables

ADA = {"id": "ada", "role": "admin"}
BOB = {"id": "bob", "role": "user"}
EACH = Budget("", "each", 1000, scope=Scope("each_user"))


class WatchedStore(Store):
    """Says what was read of it."""

    reads: list[str]

    def totals(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        wanted = list(keys)
        self.reads.append(f"{len(wanted)} totals")
        return super().totals(wanted)

    def newest_call(self) -> str:
        self.reads.append("newest call")
        return super().newest_call()


class Models:
    """Everybody may use everything."""

    async def user_groups(self, user_id: str) -> tuple[str, ...]:
        return ()

    async def visible_to(self, user: Any) -> list[Any]:
        return [SimpleNamespace(id="gpt-4o", base=None)]


class Sockets(ModuleType):
    """The host's module of the same name: who is connected, and what they are told."""

    def __init__(self) -> None:
        super().__init__("open_webui.socket.main")
        self.SESSION_POOL: Any = {}
        self.WEBSOCKET_MANAGER = ""
        self.sio = self
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def emit(self, event: str, data: dict[str, Any], room: str) -> None:
        assert event == "usage"
        self.told.append((room.removeprefix("user:"), data))

    async def emit_to_users(self) -> None:
        """Hosts that have rooms for users have this."""

    def connect(self, *sessions: dict[str, str]) -> None:
        self.SESSION_POOL.clear()
        self.SESSION_POOL.update({session["id"]: session for session in sessions})

    def calls(self, user: str, group: str = "G") -> list[int]:
        """How many calls a user was told that a group has counted, one after the other."""
        found = [told["groups"] for told_user, told in self.told if told_user == user]
        return [groups[group]["usage"]["calls"] for groups in found if groups.get(group)]

    def budgets(self, user: str) -> list[dict[str, int]]:
        found = [told.get("budgets") for told_user, told in self.told if told_user == user]
        return [{budget["name"]: budget["used"] for budget in budgets} for budgets in found if budgets]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Sockets:
    module, package = Sockets(), ModuleType("open_webui.socket")
    package.main = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "open_webui", ModuleType("open_webui"))
    monkeypatch.setitem(sys.modules, "open_webui.socket", package)
    monkeypatch.setitem(sys.modules, "open_webui.socket.main", module)
    monkeypatch.setattr(sockets, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(sockets, "SHORTEST_INTERVAL", 0.01)
    return module


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    store = WatchedStore(engine)
    store.reads = []
    give_tables(engine)
    yield store
    store.close()
    engine.dispose()


@asynccontextmanager
async def publishing(store: WatchedStore) -> AsyncIterator[Publisher]:
    """A publisher, to which what the store knows of definitions is known a moment later."""
    publisher = Publisher(store, Models(), store.definitions)  # type: ignore[arg-type]
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


async def until(is_so: Callable[[], bool], what: str) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"not seen: {what}")


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


async def some_rounds() -> None:
    await asyncio.sleep(0.3)


async def connected(host: Sockets, store: WatchedStore, *sessions: dict[str, str]) -> None:
    """Let some users come, and be told of what there is."""
    host.connect(*sessions)
    await until(lambda: "newest call" in store.reads, "somebody is connected")
    await some_rounds()
    host.told.clear()
    store.reads.clear()


def test_pages_are_told_what_the_commit_said(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented", period="month")
    store.create_group("other", ["o3"], None, "documented")
    store.create_budget(EACH)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA, BOB)
            for number in (1, 2):
                publisher.counted(store.record([a_call(user_id="bob")]))
                await until(lambda: host.calls("bob")[-1:] == [number], f"call {number}")  # noqa: B023
            await some_rounds()

    run(scenario)
    assert set(store.reads) == {"newest call"}  # No total was read.
    assert host.calls("ada") == host.calls("bob") == [1, 2]
    assert host.budgets("bob") == [{"each": 114}, {"each": 228}]
    assert host.budgets("ada") == []
    assert not any("other" in told["groups"] for _, told in host.told)
    group = host.told[-1][1]["groups"]["G"]
    assert (group["all_time"]["total"], group["usage"]["total"]) == (228, 228)


def test_who_called_is_told_so_whether_or_not_a_group_counts_it(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA, BOB)
            publisher.counted(store.record([a_call("o3", user_id="bob")]))
            await until(lambda: bool(host.told), "a call that no group counts")
            await some_rounds()
            assert host.told == [("bob", {"groups": {}, "own_calls": True})]
            host.told.clear()
            publisher.counted(store.record([a_call(user_id="bob")]))
            await until(lambda: host.calls("ada") == [1], "a call that a group counts")
            await some_rounds()

    run(scenario)
    assert {user: told.get("own_calls") for user, told in host.told} == {"ada": None, "bob": True}


def test_credit_of_a_budget_is_told_as_the_page_tells_it(host: Sockets, store: WatchedStore) -> None:
    store.create_budget(EACH)
    store.add_credit(Credit("", EACH.name, 50, user_id="ada"))

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA, BOB)
            for user_id in ("ada", "bob"):
                publisher.counted(store.record([a_call(user_id=user_id)]))
                await until(lambda: bool(host.budgets(user_id)), f"{user_id}'s call")  # noqa: B023

    run(scenario)
    limits = {
        user_id: {budget["limit"] for who, told in host.told if who == user_id for budget in told.get("budgets") or ()}
        for user_id in ("ada", "bob")
    }
    assert EACH.limit is not None
    assert limits == {"ada": {EACH.limit + 50}, "bob": {EACH.limit}}


def test_a_limit_of_ones_own_is_told_to_whoever_set_it_alone(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    store.own_limits.put("ada", OwnLimit(200, "tokens", "month", "UTC", "Enough for me"))

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA, BOB)
            publisher.counted(store.record([a_call(user_id="ada")]))
            await until(lambda: bool(host.budgets("ada")), "what is used of it")
            store.own_limits.put("ada", None)
            await until(lambda: host.told[-1] == ("ada", {"groups": {}, "budgets": []}), "that it is gone")

    run(scenario)
    assert host.budgets("ada") == [{"Enough for me": 114}]
    assert host.budgets("bob") == []


def test_nothing_is_read_while_nobody_is_connected_and_no_totals_while_nothing_changes(
    host: Sockets, store: WatchedStore
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")

    async def scenario() -> None:
        async with publishing(store) as publisher:
            publisher.counted(store.record([a_call()]))
            publisher.changed(["G"])
            await some_rounds()
            assert store.reads == []
            await connected(host, store, ADA)
            await some_rounds()
            assert set(store.reads) == {"newest call"}
            host.connect()
            await some_rounds()
            store.reads.clear()
            publisher.counted(store.record([a_call()]))
            await some_rounds()
            assert store.reads == []

    run(scenario)
    assert host.told == []


def test_who_comes_back_is_told_what_happened_meanwhile(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA)
            host.connect()
            await some_rounds()
            publisher.counted(store.record([a_call()]))
            await some_rounds()
            host.connect(ADA)
            await until(lambda: host.calls("ada") == [1], "the call that nobody saw")

    run(scenario)


def test_a_definition_that_changes_is_told_with_sums_that_are_read_anew(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA, BOB)
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("bob") == [1], "the call")
            store.reset_group("G")
            publisher.changed(["G"])
            await until(lambda: host.calls("bob") == [1, 0], "the reset")
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("bob") == [1, 0, 1], "the next call")
            store.delete_group("G")  # By another process: nobody here is told.
            await until(lambda: host.told[-1][1]["groups"] == {"G": None}, "it is gone")

    run(scenario)
    assert [read for read in store.reads if read != "newest call"] == ["1 totals"]


def test_without_redis_what_other_workers_count_is_found(
    host: Sockets, store: WatchedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    other = Store(engine)
    late, soon = a_call(), a_call()

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(host, store, ADA)
            other.record([soon])
            await until(lambda: host.calls("ada") == [1], "the call of the other worker")
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("ada") == [1, 2], "an own call")
            await some_rounds()
            monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.1)
            other.record([late])
            publisher.changed([])
            await until(lambda: host.calls("ada") == [1, 2, 3], "the call that began before the others")

    try:
        run(scenario)
    finally:
        other.close()
        engine.dispose()


def test_where_users_have_no_room_each_socket_is_told(host: Sockets, store: WatchedStore) -> None:
    host.SESSION_POOL = {"a tab": ADA, "another tab": ADA, "of a stranger": {"id": "eve", "role": "pending"}}
    sessions = _Sessions(SimpleNamespace(**{**vars(host), "sio": host}))

    async def scenario() -> None:
        assert await sessions.users() == {"ada": "admin"}
        await sessions.emit("ada", {"groups": {}})
        await sessions.emit("eve", {"groups": {}})

    asyncio.run(scenario())
    assert [sid for sid, _ in host.told] == ["a tab", "another tab"]


class SlowPool:
    """The host's dictionary in Redis, which answers late."""

    def __init__(self, sessions: list[dict[str, str]], seconds: float) -> None:
        self.sessions, self.seconds = sessions, seconds
        self.asked_in: set[str] = set()

    def items(self) -> list[tuple[str, dict[str, str]]]:
        self.asked_in.add(threading.current_thread().name)
        time.sleep(self.seconds)
        return [(session["id"], session) for session in self.sessions]


def test_a_redis_that_is_slow_never_keeps_the_event_loop(host: Sockets, store: WatchedStore) -> None:
    host.WEBSOCKET_MANAGER = "redis"
    host.SESSION_POOL = pool = SlowPool([ADA], 0.5)
    longest = 0.0

    async def scenario() -> None:
        nonlocal longest
        async with publishing(store):
            end = time.monotonic() + 1.5
            while (now := time.monotonic()) < end:
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - now)

    run(scenario)
    assert pool.asked_in == {"usage-sessions"}
    assert longest < 0.4


def test_with_redis_only_what_changed_is_read_and_it_is_never_older_than_what_others_told(
    host: Sockets, store: WatchedStore, tmp_path: Path
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    store.create_group("other", ["gpt-*"], None, "documented")
    host.WEBSOCKET_MANAGER = "redis"
    host.SESSION_POOL = SlowPool([ADA], 0)
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    other = Store(engine)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await until(lambda: "2 totals" in store.reads, "somebody is connected")
            await some_rounds()
            host.told.clear()
            store.reads.clear()
            other.record([a_call("gpt-5")])  # Of "other": the other worker tells of it.
            await some_rounds()
            assert host.told == []
            assert store.reads == []
            mine = store.record([a_call("gpt-4o")])
            other.record([a_call("gpt-4o")])
            publisher.counted(mine)
            await until(lambda: host.calls("ada") == [2], "the newest sum")
            await some_rounds()
            assert (host.calls("ada"), host.calls("ada", "other")) == ([2], [3])

    try:
        run(scenario)
    finally:
        other.close()
        engine.dispose()
    assert store.reads == ["2 totals"] * 2


def test_with_redis_an_older_sum_that_came_last_is_put_right(
    host: Sockets, store: WatchedStore, tmp_path: Path
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    host.WEBSOCKET_MANAGER = "redis"
    host.SESSION_POOL = SlowPool([ADA], 0)
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    other = Store(engine)
    emit = host.emit

    async def late(event: str, data: dict[str, Any], room: str) -> None:
        host.emit = emit  # type: ignore[method-assign]
        other.record([a_call()])  # And the other worker has told of it, before this arrives.
        await emit(event, data, room)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await until(lambda: "1 totals" in store.reads, "somebody is connected")
            await some_rounds()
            host.told.clear()
            host.emit = late  # type: ignore[method-assign]
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("ada") == [1, 2], "the newest sum")
            await some_rounds()
            assert host.calls("ada") == [1, 2]

    try:
        run(scenario)
    finally:
        other.close()
        engine.dispose()


def test_with_redis_new_periods_and_definitions_of_other_processes_are_told(
    host: Sockets, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented", period="day")
    host.WEBSOCKET_MANAGER = "redis"
    host.SESSION_POOL = SlowPool([ADA], 0)
    monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.05)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=1)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await until(lambda: bool(store.reads), "somebody is connected")
            await some_rounds()
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("ada") == [1], "the call")
            await some_rounds()
            monkeypatch.setattr(sockets, "datetime", Tomorrow)
            await until(lambda: host.calls("ada") == [1, 0], "the new day")
            store.update_group("G", {"limit": 500})  # By the command line: no worker is told.
            await until(lambda: host.told[-1][1]["groups"].get("G", {}).get("limit") == 500, "the new limit")
            await some_rounds()
            assert len(host.calls("ada")) <= 4  # And once more, for whoever told an older sum.

    run(scenario)


class TestKnownTotals:
    KEY: Key = ("g", "total")

    def recorded(self, calls: int, revision: int = 1) -> Recorded:
        return Recorded((), totals={self.KEY: Sums(calls=calls)}, revision=revision)

    def of(self, totals: KnownTotals) -> int:
        return asyncio.run(totals.of([self.KEY]))[self.KEY].calls

    def test_are_read_once(self) -> None:
        reads: list[list[Key]] = []

        def read(keys: Iterable[Key]) -> dict[Key, Sums]:
            reads.append(list(keys))
            return {key: Sums(calls=5) for key in reads[-1]}

        totals = KnownTotals(read)
        assert [self.of(totals), self.of(totals)] == [5, 5]
        totals.note(self.recorded(6))
        assert self.of(totals) == 6
        totals.forget([("another", "total")])
        assert self.of(totals) == 6
        totals.forget([self.KEY])
        assert self.of(totals) == 5
        assert reads == [[self.KEY]] * 2

    def test_a_commit_that_is_told_late_does_not_set_a_sum_back(self) -> None:
        totals = KnownTotals(lambda keys: {key: Sums() for key in keys})
        for calls in (2, 3, 1):
            totals.note(self.recorded(calls))
        assert self.of(totals) == 3

    def test_a_commit_before_a_reset_is_nothing_after_it(self) -> None:
        totals = KnownTotals(lambda keys: {key: Sums() for key in keys})
        totals.note(self.recorded(7, revision=1))
        totals.defined_by(2)
        totals.note(self.recorded(8, revision=1))
        assert self.of(totals) == 0
        totals.note(self.recorded(1, revision=2))
        assert self.of(totals) == 1

    def test_what_is_told_while_others_are_read_is_kept(self) -> None:
        def read(keys: Iterable[Key]) -> dict[Key, Sums]:
            totals.note(self.recorded(9, revision=0))
            return {key: Sums(calls=8) for key in keys}

        totals = KnownTotals(read)
        totals.defined_by(0)
        assert self.of(totals) == 9

    def test_what_was_read_before_a_reset_is_read_again(self) -> None:
        answers = [7, 0]

        def read(keys: Iterable[Key]) -> dict[Key, Sums]:
            found = answers.pop(0)
            totals.defined_by(1)
            return {key: Sums(calls=found) for key in keys}

        totals = KnownTotals(read)
        assert self.of(totals) == 0
        assert answers == []

    def test_no_more_is_kept_than_is_asked_for(self) -> None:
        reads: list[Key] = []

        def read(keys: Iterable[Key]) -> dict[Key, Sums]:
            reads.extend(keys)
            return {key: Sums() for key in reads}

        totals = KnownTotals(read)
        asyncio.run(totals.of([("a", "total"), ("b", "total")]))
        asyncio.run(totals.of([("b", "total")]))
        asyncio.run(totals.of([("a", "total")]))
        assert sorted(reads) == [("a", "total"), ("a", "total"), ("b", "total")]
