"""The runtime: what it begins it ends, and one part's fault is not another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger import CallInfo, Recorded, Store
from openwebui_usage.runtime import NotRunning, Runtime
from openwebui_usage.settings import Settings
from tests.support.process import wait_until

ANSWER = {"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def runtime(store: Store, tmp_path: Path) -> Runtime:
    return Runtime(store, tmp_path / "spool", Settings(webhook_url="http://127.0.0.1:1/hook"))


async def call(runtime: Runtime) -> None:
    opened = await runtime.meter.open(CallRequest(CallInfo("gpt-4o", "gpt-4o"), {}))
    await opened.answered(ANSWER)


def test_what_it_began_it_ends(runtime: Runtime, store: Store) -> None:
    async def scenario() -> None:
        before = set(threading.enumerate())
        tasks = asyncio.all_tasks()
        async with runtime:
            runtime.every(0.01, lambda: asyncio.sleep(60), "slow")
            await asyncio.sleep(0.05)
            await call(runtime)
        assert asyncio.all_tasks() == tasks
        left = {thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("usage-")}
        assert left <= {"usage-encoding"}, "only the tokenizer may still be loading"

    asyncio.run(scenario())
    assert [row.usage.input for row in store.latest(10)] == [7]


def test_outside_of_it_nothing_is_metered(runtime: Runtime) -> None:
    async def scenario() -> None:
        for _ in range(2):
            assert not runtime.is_running
            with pytest.raises(NotRunning):
                _ = runtime.meter
            with pytest.raises(NotRunning):
                _ = runtime.gate
            if not runtime.health()["tasks"]:
                async with runtime:
                    assert runtime.is_running
                    health = runtime.health()
                    assert health.pop("ledger")["state"] == "ok"
                    assert health.pop("reports") == {"folded_until": None, "converted": None}
                    assert health == {"running": True, "tasks": {"gate": None, "refusals": None, "upkeep": None}}

    asyncio.run(scenario())


def test_every_commit_is_told_to_everybody_whatever_one_of_them_does(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    def fails(recorded: Recorded) -> None:
        raise RuntimeError("not today")

    runtime.subscribe(fails)
    runtime.subscribe(lambda recorded: told.append(len(recorded.rows)))

    async def scenario() -> None:
        async with runtime:
            await call(runtime)
            await call(runtime)

    asyncio.run(scenario())
    assert sum(told) == 2
    assert "could not be told" in caplog.text


def test_a_task_that_fails_is_tried_again_and_named(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        rounds = asyncio.Semaphore(0)
        failing = True

        async def work() -> None:
            rounds.release()
            if failing:
                raise ValueError("not yet")

        runtime.every(0.01, work, "work")
        async with runtime:
            for _ in range(3):
                await rounds.acquire()
            assert runtime.health()["tasks"]["work"] == "ValueError: not yet"
            failing = False
            for _ in range(3):
                await rounds.acquire()
            assert runtime.health()["tasks"]["work"] is None

    asyncio.run(scenario())
    assert caplog.text.count("The periodic task work failed") == 1, "once, however often it fails"


def test_a_ledger_that_goes_away_is_told_of_where_nobody_calls(
    runtime: Runtime, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("", {}, OSError("the server is away"))

    def said(words: str) -> bool:
        return any(words in record.getMessage() for record in caplog.records)

    async def until(words: str) -> None:
        await asyncio.to_thread(wait_until, lambda: said(words), timeout=20, what=words)

    async def scenario() -> None:
        async with runtime:
            is_open = lambda: runtime.ledger_health()["state"] == "ok"  # noqa: E731
            await asyncio.to_thread(wait_until, is_open, timeout=20, what="the ledger is open")
            caplog.clear()  # On a busy machine that may take longer than a second.
            with monkeypatch.context() as patch:
                for name in ("definitions", "check", "migrate"):
                    patch.setattr(store, name, fail)
                await until("The ledger cannot be written, calls go to the spool file")
                assert (await asyncio.to_thread(runtime.ledger_health))["state"] == "spooling"
            await until("The ledger can be written again")

    asyncio.run(scenario())


def test_a_start_that_fails_leaves_nothing_running(store: Store, tmp_path: Path) -> None:
    def no_counters(_: object) -> object:
        raise RuntimeError("no Redis")

    runtime = Runtime(store, tmp_path / "spool", Settings(), no_counters)  # type: ignore[arg-type]

    async def scenario() -> None:
        before = set(threading.enumerate())
        with pytest.raises(RuntimeError, match="no Redis"):
            await runtime.__aenter__()
        assert not runtime.is_running
        left = {thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("usage-")}
        assert left <= {"usage-encoding"}

    asyncio.run(scenario())
