"""Admission: what happens while the ledger is away, and what a call is expected to use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from openwebui_usage import gate as gate_module
from openwebui_usage.gate import FIRST_GUESS, Gate, LedgerAway
from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger.live import MemoryCounters
from openwebui_usage.ledger.store import Key, Sums
from openwebui_usage.limits import Budget, Subject
from openwebui_usage.tokens import TokenUsage
from tests.support.recorder import engine_like_open_webui

BODY = {"messages": [{"role": "user", "content": "Hello there"}]}
WHO = Subject("ann")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    return store


def gate_on(store: Store, *, fail_closed: bool = False) -> Gate:
    async def load(keys: list[Key]) -> dict[Key, Sums]:
        return await asyncio.to_thread(store.totals, list(keys))

    return Gate(store, MemoryCounters(load), fail_closed=fail_closed)  # type: ignore[arg-type]


async def admitted(gate: Gate, lease: str, model: str = "gpt-4o") -> bool:
    return await gate.admit(lease, (model,), WHO, BODY) is None


def test_a_call_that_no_limit_counts_is_admitted(store: Store) -> None:
    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await admitted(gate, "a")

    asyncio.run(play())


def test_a_limit_of_no_tokens_admits_nothing_and_a_warning_everything(store: Store) -> None:
    store.create_group("none", ["gpt-4o"], 0, "documented")
    store.create_group("shown", ["o1"], 0, "documented", action="warn")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert not await admitted(gate, "a")
        assert await admitted(gate, "b", "o1")

    asyncio.run(play())


def test_a_check_holds_nothing(store: Store) -> None:
    store.create_budget(Budget("", "one", 1, unit="requests"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        for _ in range(3):
            assert await gate.check(("gpt-4o",), WHO) is None
        assert await admitted(gate, "a")
        assert not await admitted(gate, "b")

    asyncio.run(play())


def test_a_call_that_ended_counts_by_what_it_used(store: Store) -> None:
    store.create_group("all", ["*"], FIRST_GUESS, "documented")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await admitted(gate, "a"), "nothing is used yet"
        assert not await admitted(gate, "b"), "the first call holds what a model is expected to write"
        usage = TokenUsage(input=5, completion=5, output=5)
        gate.settled(
            store.record([CallRow(id="a", started_at=1.0, model="gpt-4o", called_model="gpt-4o", usage=usage)])
        )
        assert await admitted(gate, "b")

    asyncio.run(play())


@pytest.mark.parametrize("fail_closed", [False, True])
def test_while_the_ledger_is_away_calls_go_on_unless_the_admin_wants_none(
    store: Store, fail_closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("all", ["*"], 10, "documented")

    async def play() -> None:
        gate = gate_on(store, fail_closed=fail_closed)
        await gate.refresh()
        with store._engine.begin() as connection:
            connection.execute(text("DROP TABLE usage_total"))
        if fail_closed:
            with pytest.raises(LedgerAway):
                await admitted(gate, "a")
            monkeypatch.setattr(gate_module, "STALE_SECONDS", 0.0)
            with pytest.raises(LedgerAway):
                await admitted(gate, "b", "a model that no limit counts")
        else:
            assert await admitted(gate, "a")

    asyncio.run(play())
