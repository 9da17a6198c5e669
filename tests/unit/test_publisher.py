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

from openwebui_usage.host import audiences, local_sockets, sockets
from openwebui_usage.host.changes import Changes
from openwebui_usage.host.local_sockets import LocalSockets
from openwebui_usage.host.models import ModelAccess
from openwebui_usage.host.sockets import Publisher
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
    """What the host knows of models and user groups. Everybody may use `everybodys`, and what is theirs besides."""

    def __init__(self) -> None:
        self.everybodys = ["gpt-4o"]
        self.theirs: dict[str, list[str]] = {}
        """Models by user."""
        self.user_groups: dict[str, frozenset[str]] = {}
        self.of_groups: dict[str, list[str]] = {}
        """Models by user group."""
        self.asked: list[str] = []
        self.ids_at_hand: frozenset[str] = frozenset()

    async def access(self) -> ModelAccess:
        self.asked.append("access")
        return ModelAccess((str((self.everybodys, self.theirs, self.of_groups)),), frozenset(self.theirs))

    async def user_groups_of(self, user_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        return {user_id: self.user_groups.get(user_id, frozenset()) for user_id in user_ids}

    async def visible_now(self, user_id: str, role: str) -> list[Any]:
        self.asked.append(user_id)
        of_groups = [model for group in self.user_groups.get(user_id, ()) for model in self.of_groups.get(group, ())]
        models = {*self.everybodys, *self.theirs.get(user_id, ()), *of_groups}
        return [SimpleNamespace(id=model, base=None) for model in sorted(models)]


class Sockets(ModuleType):
    """The host's module of the same name: who is connected to this worker, and what they are told."""

    def __init__(self) -> None:
        super().__init__("open_webui.socket.main")
        self.SESSION_POOL: Any = {}
        self.sio = self.manager = self
        self.rooms: dict[str, dict[Any, dict[str, str]]] = {"/": {}}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.emits: list[list[str]] = []
        """The rooms of each emit."""

    async def emit(self, event: str, data: dict[str, Any], room: list[str], ignore_queue: bool) -> None:
        assert event == "usage"
        assert room, "an emit to no room is one to everybody"
        assert ignore_queue, "every worker tells its own sockets"
        self.emits.append(room)
        for each in room:
            self.told.append((each.removeprefix("user:"), data))

    async def emit_to_users(self) -> None:
        """Hosts that have rooms for users have this."""

    def connect(self, *sessions: dict[str, str]) -> None:
        """From now on these have a socket here, and nobody else."""
        self.rooms["/"] = {f"user:{session['id']}": {f"sid of {session['id']}": ""} for session in sessions}
        if isinstance(self.SESSION_POOL, dict):
            self.SESSION_POOL.clear()
            self.SESSION_POOL.update({f"sid of {session['id']}": session for session in sessions})

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
def models() -> Models:
    return Models()


@pytest.fixture
def other_store(tmp_path: Path, store: WatchedStore) -> Iterator[WatchedStore]:
    """Another worker's, over the same ledger."""
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    other = WatchedStore(engine)
    other.reads = []
    yield other
    other.close()
    engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    store = WatchedStore(engine)
    store.reads = []
    give_tables(engine)
    yield store
    store.close()
    engine.dispose()


class Bus:
    """What Redis does for workers: each message of one reaches all the others that listen."""

    def __init__(self) -> None:
        self.ends: list[Channel] = []
        self.is_away = False
        self.messages = 0


class Channel:
    """One worker's end of it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        bus.ends.append(self)
        self.heard: list[Changes] = []

    @property
    def is_open(self) -> bool:
        return not self._bus.is_away

    def start(self, heard: Callable[[Changes], Awaitable[None]], missed: Callable[[], None]) -> None:
        self._heard = heard
        self.missed = missed
        missed()

    async def stop(self) -> None:
        self._bus.ends.remove(self)

    def tell(self, changes: Changes) -> None:
        text = changes.to_json()
        if not self._bus.is_away:
            self._bus.messages += 1
            for end in self._bus.ends:
                if end is not self:
                    asyncio.get_running_loop().create_task(end._heard(Changes.from_json(text)))


@asynccontextmanager
async def publishing(store: Store, models: Models | None = None, bus: Bus | None = None) -> AsyncIterator[Publisher]:
    """A publisher, to which what the store knows of definitions is known a moment later."""
    channel = None if bus is None else Channel(bus)
    publisher = Publisher(store, models or Models(), store.definitions, lambda: channel)  # type: ignore[arg-type, return-value]
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


async def connected(publisher: Publisher, host: Sockets, store: WatchedStore, *sessions: dict[str, str]) -> None:
    """Let some users come, and be told of what there is."""
    host.connect(*sessions)
    users = {session["id"] for session in sessions}
    await until(lambda: publisher._told_budgets.keys() == users, "they were told of what there is")
    host.told.clear()
    host.emits.clear()
    store.reads.clear()


def test_pages_are_told_what_the_commit_said(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented", period="month")
    store.create_group("other", ["o3"], None, "documented")
    store.create_budget(EACH)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(publisher, host, store, ADA, BOB)
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
            await connected(publisher, host, store, ADA, BOB)
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
            await connected(publisher, host, store, ADA, BOB)
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


def test_a_budget_of_a_minute_is_told_beside_the_others_and_when_it_is_free_again(
    host: Sockets, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_budget(Budget("", "pace", 3, unit="requests", period="minute", scope=Scope("each_user")))
    monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.05)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(publisher, host, store, ADA, BOB)
            publisher.counted(store.record([a_call(user_id="bob")]))
            await until(lambda: host.budgets("bob") == [{"pace": 1}], "a call that nothing else counts")
            store.create_budget(EACH)
            await until(lambda: host.budgets("bob")[-1] == {"each": 110 + 4, "pace": 1}, "another budget")
            monkeypatch.setattr("openwebui_usage.ledger.rates.SECONDS", 0.01)
            await until(lambda: host.budgets("bob")[-1] == {"each": 114, "pace": 0}, "the minute is over")

    run(scenario)
    assert all(told["pace"] == 0 for told in host.budgets("ada"))


def test_a_limit_of_ones_own_is_told_to_whoever_set_it_alone(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    store.own_limits.put("ada", OwnLimit(200, "tokens", "month", "UTC", "Enough for me"))

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(publisher, host, store, ADA, BOB)
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
            await connected(publisher, host, store, ADA)
            await until(lambda: bool(store.reads), "another look")
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
            await connected(publisher, host, store, ADA)
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
            await connected(publisher, host, store, ADA, BOB)
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
    monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.1)

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(publisher, host, store, ADA)
            other.record([soon])
            await until(lambda: host.calls("ada") == [1], "the call of the other worker")
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("ada") == [1, 2], "an own call")
            await some_rounds()
            other.record([late])
            await until(lambda: host.calls("ada") == [1, 2, 3], "the call that began before the others")

    try:
        run(scenario)
    finally:
        other.close()
        engine.dispose()


def test_where_users_have_no_room_each_socket_is_told(host: Sockets) -> None:
    host.SESSION_POOL = {"a tab": ADA, "another tab": ADA, "of a stranger": {"id": "eve", "role": "pending"}}
    host.rooms["/"] = {None: {"a tab": "", "another tab": "", "of a stranger": "", "of nobody": ""}}
    local = LocalSockets(SimpleNamespace(sio=host, SESSION_POOL=host.SESSION_POOL))

    async def scenario() -> None:
        assert await local.users() == {"ada": "admin"}
        await local.tell(["ada", "eve"], {"groups": {}})
        await local.tell(["eve"], {"groups": {}})

    asyncio.run(scenario())
    assert [sid for sid, _ in host.told] == ["a tab", "another tab"]


def test_the_newest_socket_of_a_user_tells_the_role(host: Sockets) -> None:
    host.rooms["/"] = {"user:ada": {"before": "", "now": ""}, "user:bob": {"bob's": ""}, "chat:ada": {"before": ""}}
    host.SESSION_POOL = {"before": ADA, "now": {"id": "ada", "role": "user"}, "bob's": {"id": "eve", "role": "user"}}
    assert asyncio.run(LocalSockets(host).users()) == {"ada": "user"}


def test_those_who_are_told_the_same_are_told_at_once(host: Sockets, store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    store.create_budget(EACH)
    crowd = [{"id": f"user {number}", "role": "user"} for number in range(250)]

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await connected(publisher, host, store, *crowd)
            publisher.counted(store.record([a_call(user_id="user 7")]))
            await until(lambda: len(host.told) == 250, "all are told")
            await some_rounds()

    run(scenario)
    assert sorted(user for user, _ in host.told) == sorted(each["id"] for each in crowd)
    assert sorted(map(len, host.emits)) == [1, 49, 100, 100], "the caller, whose budget changed, and all others"
    assert [user for user, told in host.told if "budgets" in told] == ["user 7"]


class SharedPool:
    """The host's dictionary of sessions, in Redis, behind a client that blocks."""

    def __init__(self, sessions: list[dict[str, str]], seconds: float = 0) -> None:
        self.sessions, self.seconds = {f"sid of {session['id']}": session for session in sessions}, seconds
        self.asked_in: list[str] = []

    def get(self, sid: str) -> dict[str, str] | None:
        self.asked_in.append(threading.current_thread().name)
        time.sleep(self.seconds)
        return self.sessions.get(sid)

    def items(self) -> list[tuple[str, dict[str, str]]]:
        self.asked_in.append(threading.current_thread().name)
        time.sleep(self.seconds)
        return list(self.sessions.items())


def test_a_redis_that_is_slow_never_keeps_the_event_loop(host: Sockets, store: WatchedStore) -> None:
    host.connect(ADA)
    host.SESSION_POOL = pool = SharedPool([ADA])
    is_released = threading.Event()

    def hang(sid: str) -> dict[str, str] | None:
        pool.asked_in.append(threading.current_thread().name)
        is_released.wait(20)
        return ADA

    pool.get = hang  # type: ignore[method-assign]

    async def scenario() -> None:
        async with publishing(store):
            await until(lambda: bool(pool.asked_in), "Redis is asked")
            await some_rounds()  # The event loop goes on meanwhile.
            is_released.set()
            await until(lambda: bool(store.reads), "somebody is connected")

    run(scenario)
    assert set(pool.asked_in) == {"usage-sessions"}


def test_sessions_are_asked_for_once(host: Sockets, store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    host.connect(ADA, BOB)
    host.SESSION_POOL = pool = SharedPool([ADA, BOB])
    store.create_group("G", ["gpt-4o"], None, "documented")

    async def scenario() -> None:
        async with publishing(store) as publisher:
            await until(lambda: bool(store.reads), "somebody is connected")
            pool.asked_in.clear()
            for number in (1, 2, 3):
                publisher.counted(store.record([a_call()]))
                await until(lambda: host.calls("bob")[-1:] == [number], f"call {number}")  # noqa: B023
            assert pool.asked_in == []
            crowd = [{"id": f"user {number}", "role": "user"} for number in range(local_sockets._ONE_BY_ONE + 1)]
            pool.sessions |= {f"sid of {session['id']}": session for session in crowd}
            host.connect(ADA, BOB, *crowd)
            host.told.clear()
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("user 5") == [4], "who has just come is told")
            assert len(pool.asked_in) == 1

    run(scenario)


def test_each_worker_tells_its_own_sockets_what_any_of_them_counts(
    host: Sockets, store: WatchedStore, other_store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    store.create_budget(EACH)
    bus, other_host = Bus(), Sockets()

    async def scenario() -> None:
        async with publishing(store, bus=bus) as publisher:
            await connected(publisher, host, store, ADA)
            monkeypatch.setattr(sys.modules["open_webui.socket"], "main", other_host)
            async with publishing(other_store, bus=bus) as other:
                await connected(other, other_host, other_store, BOB)
                host.told.clear()
                store.reads.clear()
                publisher.counted(store.record([a_call(user_id="bob")]))
                await until(lambda: bool(host.calls("ada") and other_host.calls("bob")), "the first call")
                other.counted(other_store.record([a_call(user_id="ada")]))
                await until(lambda: host.calls("ada")[-1:] == [2], "the second call")
                await some_rounds()

    run(scenario)
    assert {user for user, _ in host.told} == {"ada"}
    assert {user for user, _ in other_host.told} == {"bob"}
    assert host.calls("ada") == other_host.calls("bob") == [1, 2], "each change once"
    assert other_host.budgets("bob") == [{"each": 114}]
    assert host.budgets("ada") == [{"each": 114}]
    assert [told.get("own_calls") for _, told in other_host.told] == [True, None]
    assert store.reads == other_store.reads == [], "what is heard need not be read"


def test_what_a_worker_missed_is_read(
    host: Sockets, store: WatchedStore, other_store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    bus = Bus()

    async def scenario() -> None:
        async with publishing(store, bus=bus) as publisher:
            await connected(publisher, host, store, ADA)
            other_store.record([a_call()])  # And is killed before it can tell.
            await some_rounds()
            assert host.told == []
            bus.ends[0].missed()
            await until(lambda: host.calls("ada") == [1], "the link was broken, and is mended")
            other_store.record([a_call()])
            monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.05)
            bus.ends[0].missed()
            await until(lambda: host.calls("ada") == [1, 2], "it is broken again")
            other_store.record([a_call()])
            await until(lambda: host.calls("ada") == [1, 2, 3], "nobody noticed that it was")
            bus.is_away = True
            other_store.record([a_call()])
            await until(lambda: host.calls("ada") == [1, 2, 3, 4], "without it, the ledger is looked at")

    run(scenario)


def test_without_a_way_to_other_workers_pages_are_told_all_the_same(
    host: Sockets, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")

    def fail() -> None:
        raise ConnectionError("no such Redis")

    async def scenario() -> None:
        publisher = Publisher(store, Models(), store.definitions, fail)  # type: ignore[arg-type]
        publisher.start()
        try:
            await connected(publisher, host, store, ADA)
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("ada") == [1], "the call")
        finally:
            await publisher.stop()

    run(scenario)
    assert [record.message for record in caplog.records] == [
        "Pages show a second later what other workers count, Redis does not tell: no such Redis"
    ]


def test_new_periods_and_definitions_of_other_processes_are_told(
    host: Sockets, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented", period="day")
    store.create_budget(Budget("", "daily", 1000, scope=Scope("each_user"), period="day"))
    monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.05)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=1)

    async def scenario() -> None:
        async with publishing(store, bus=Bus()) as publisher:
            await connected(publisher, host, store, ADA)
            publisher.counted(store.record([a_call(user_id="ada")]))
            await until(lambda: host.calls("ada") == [1], "the call")
            await some_rounds()
            monkeypatch.setattr(sockets, "datetime", Tomorrow)
            await until(lambda: host.calls("ada") == [1, 0], "the new day")
            store.update_group("G", {"limit": 500})  # By the command line: no worker is told.
            await until(lambda: host.told[-1][1]["groups"].get("G", {}).get("limit") == 500, "the new limit")

    run(scenario)
    assert host.budgets("ada") == [{"daily": 114}, {"daily": 0}]


class TestRevocation:
    """Whoever may no longer see a group is not told of it any more."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audiences, "SHORTEST_TRUST", 0.05)
        monkeypatch.setattr(audiences, "LONGEST_TRUST", 0.05)

    def told_after(
        self, host: Sockets, store: WatchedStore, models: Models, change: Callable[[], None], *before: str
    ) -> set[str]:
        """Who is told of a call after `change`; before it all in `before` are."""
        store.create_group("secret", ["o3"], None, "documented")
        store.create_group("G", ["gpt-4o"], None, "documented")

        async def scenario() -> set[str]:
            async with publishing(store, models) as publisher:
                await connected(publisher, host, store, ADA, BOB, {"id": "eve", "role": "user"})
                publisher.counted(store.record([a_call("o3", user_id="ada")]))
                await until(lambda: {user for user, _ in host.told} >= set(before), "before")
                change()
                await asyncio.sleep(0.1)
                host.told.clear()
                publisher.counted(store.record([a_call("o3", user_id="ada"), a_call("gpt-4o", user_id="ada")]))
                await until(lambda: bool(host.calls("bob")), "everybody is told of the other group")
                await some_rounds()
                return {user for user, told in host.told if told["groups"].get("secret")}

        return asyncio.run(asyncio.wait_for(scenario(), 30))

    def test_of_a_model(self, host: Sockets, store: WatchedStore, models: Models) -> None:
        models.everybodys = ["gpt-4o", "o3"]
        assert self.told_after(host, store, models, lambda: models.everybodys.remove("o3"), "ada", "bob") == {"ada"}

    def test_of_a_user_who_is_named(self, host: Sockets, store: WatchedStore, models: Models) -> None:
        models.theirs = {"bob": ["o3"]}
        assert self.told_after(host, store, models, models.theirs.clear, "ada", "bob") == {"ada"}
        assert not any(user == "eve" and told["groups"].get("secret") for user, told in host.told)

    def test_of_a_member(self, host: Sockets, store: WatchedStore, models: Models) -> None:
        models.of_groups = {"staff": ["o3"]}
        models.user_groups = {"bob": frozenset({"staff"}), "eve": frozenset({"staff"})}
        assert self.told_after(host, store, models, lambda: models.user_groups.pop("bob"), "bob", "eve") == {  # type: ignore[arg-type, return-value]
            "ada",
            "eve",
        }

    def test_of_an_admin(self, host: Sockets, store: WatchedStore, models: Models) -> None:
        def demote() -> None:
            host.connect({"id": "ada", "role": "user"}, BOB)

        assert self.told_after(host, store, models, demote, "ada") == set()

    def test_of_a_group_that_holds_other_models(self, host: Sockets, store: WatchedStore, models: Models) -> None:
        models.everybodys = ["gpt-4o", "o3"]

        def change() -> None:
            store.update_group("secret", {"models": ["o3", "gpt-4o"]})
            models.everybodys.remove("o3")

        told = self.told_after(host, store, models, change, "ada", "bob")
        assert told == {"ada", "bob", "eve"}
        models_of_secret = {
            user: told["groups"]["secret"]["models"] for user, told in host.told if told["groups"].get("secret")
        }
        assert models_of_secret == {"ada": ["o3", "gpt-4o"], "bob": ["gpt-4o"], "eve": ["gpt-4o"]}


def test_who_begins_or_ceases_to_see_a_group_is_told_so(
    host: Sockets, store: WatchedStore, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "WHOLE_INTERVAL", 0.05)
    store.create_group("secret", ["o3*"], None, "documented")
    store.create_group("G", ["gpt-4o"], None, "documented")
    models.theirs = {"bob": []}

    async def scenario() -> None:
        async with publishing(store, models) as publisher:
            await connected(publisher, host, store, ADA, BOB, {"id": "eve", "role": "user"})
            publisher.counted(store.record([a_call("o3", user_id="ada")]))
            await until(lambda: host.calls("ada", "secret") == [1], "the admin is told")
            await some_rounds()
            for own in (["o3"], ["o3", "o3-mini"], []):
                models.theirs = {"bob": own}
                host.told.clear()
                await until(lambda: bool(host.told), f"{own} may be used")
                await some_rounds()
                [(user, told)] = host.told
                assert user == "bob"
                assert told["groups"].keys() == {"secret"}
                group = told["groups"]["secret"]
                assert (group and (group["models"], group["usage"]["calls"])) == ((own, 1) if own else None)

    run(scenario)


def test_models_that_the_host_finds_after_its_start_are_seen_at_once(
    host: Sockets, store: WatchedStore, models: Models
) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented")
    models.everybodys = []

    async def scenario() -> None:
        async with publishing(store, models) as publisher:
            await connected(publisher, host, store, ADA, BOB)
            models.everybodys, models.ids_at_hand = ["gpt-4o"], frozenset({"gpt-4o"})
            publisher.counted(store.record([a_call()]))
            await until(lambda: host.calls("bob") == [1], "the first call")

    run(scenario)


def test_the_host_is_asked_once_for_all_who_may_use_the_same(
    host: Sockets, store: WatchedStore, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "SHORTEST_TRUST", 0.02)
    monkeypatch.setattr(audiences, "LONGEST_TRUST", 0.02)
    store.create_group("G", ["gpt-4o"], None, "documented")
    models.theirs = {"user 3": ["o3"]}
    models.user_groups = {"user 4": frozenset({"staff"}), "user 5": frozenset({"staff"})}
    crowd = [{"id": f"user {number}", "role": "user"} for number in range(50)]

    async def scenario() -> None:
        async with publishing(store, models) as publisher:
            await connected(publisher, host, store, ADA, *crowd)
            for number in (1, 2, 3):
                publisher.counted(store.record([a_call()]))
                await until(lambda: host.calls("user 0")[-1:] == [number], f"call {number}")  # noqa: B023
                await asyncio.sleep(0.05)

    run(scenario)
    users = [asked for asked in models.asked if asked != "access"]
    assert len(users) == 3, "a plain user, one who is named, and one of the user group"
    assert models.asked.count("access") > 1


def test_changes_are_the_same_after_a_journey(store: WatchedStore) -> None:
    store.create_group("G", ["gpt-4o"], None, "documented", period="month")
    changes = Changes.by_commit(store.record([a_call(user_id="bob"), a_call("o3", user_id="eve")]))
    changes.add(Changes.by_admin(["G", "another"]))
    assert changes.users == {"bob", "eve"}
    assert len(changes.totals) == 2
    assert Changes.from_json(changes.to_json()) == changes


def test_what_was_counted_before_a_reset_is_no_total_after_it() -> None:
    key = ("g", "total")
    changes = Changes(totals={key: Sums(calls=9), ("h", "total"): Sums(calls=1)}, revision=1)
    changes.add(Changes(totals={key: Sums(calls=1)}, revision=2))
    changes.add(Changes(totals={key: Sums(calls=10)}, revision=1))
    assert changes.totals == {key: Sums(calls=1)}
    for calls in (3, 2):
        changes.add(Changes(totals={key: Sums(calls=calls)}, revision=2))
    assert changes.totals == {key: Sums(calls=3)}


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
