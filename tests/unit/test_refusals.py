"""Refused calls: each is counted once, by whom, by what and how much was asked, and never in the way of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from openwebui_usage import runtime as runtime_module
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger import CallInfo, Store
from openwebui_usage.ledger.progress import write_progress
from openwebui_usage.ledger.refusals import Mark, PendingRefusals, RefusalCount, RefusalKey
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_combination, usage_dimension, usage_progress, usage_refusal
from openwebui_usage.meter import Refused
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.estimate import prompt_tokens
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.pricing import Price
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from tests.support.tables import give_tables

BODY = {"messages": [{"role": "user", "content": "Hello there"}], "max_tokens": 70}
ANN = CallInfo("gpt-4o", "gpt-4o", "ann", "Ann", user_groups=("staff",), user_group_names=("Staff",))


class Row(NamedTuple):
    """A row of `usage_refusal` in words."""

    user: str
    name: str
    model: str
    outcome: str
    limit_kind: str
    limit_name: str
    unit: str
    calls: int
    amount: int


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    store = Store(engine)
    give_tables(engine)
    return store


@pytest.fixture
def runtime(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setattr(runtime_module, "REFUSALS_SECONDS", 0.01)
    return Runtime(store, tmp_path / "spool", Settings())


def rows(engine: Engine) -> list[Row]:
    """By the name of the limit, then the user."""
    user, model, outcome = (usage_dimension.alias(name) for name in ("user", "model", "outcome"))
    joined = usage_refusal.join(usage_combination, usage_refusal.c.combination == usage_combination.c.id)
    for name, dimension in (("user", user), ("model", model), ("outcome", outcome)):
        joined = joined.join(dimension, usage_combination.c[name] == dimension.c.id)
    refusal = usage_refusal.c
    query = (
        select(
            user.c.key,
            user.c.name,
            model.c.key,
            outcome.c.key,
            refusal.limit_kind,
            refusal.limit_name,
            refusal.unit,
            refusal.calls,
            refusal.amount,
        )
        .select_from(joined)
        .order_by(refusal.limit_name, user.c.key, refusal.start)
    )
    with engine.connect() as connection:
        return [Row(*row) for row in connection.execute(query)]


async def is_refused(runtime: Runtime, info: CallInfo = ANN, body: Mapping[str, Any] = BODY) -> bool:
    request = CallRequest(info, body)
    try:
        await runtime.meter.open(request)
    except Refused as refused:
        runtime.gate.refused(request, refused.refusal)
        return True
    return False


def test_each_refused_call_is_counted_once_with_what_it_asked_for(
    runtime: Runtime, store: Store, engine: Engine
) -> None:
    store.create_group("GPT", ["gpt-4o"], 0, "documented")
    store.create_budget(Budget("", "no o1", 0, unit="requests", scope=Scope("user", "bob"), models=("o1",)))
    store.create_budget(Budget("", "no money", 0, unit="usd", models=("dear",)))
    store.put_price(Price("dear", Decimal(1_000_000), Decimal(2_000_000)))
    started = time.time()

    async def scenario() -> None:
        async with runtime:
            for _ in range(3):
                assert await is_refused(runtime)
            assert await is_refused(runtime, CallInfo("o1", "o1", "bob", "Bob"))
            assert await is_refused(runtime, CallInfo("dear", "dear", "cy", "Cy"))
            assert not await is_refused(runtime, CallInfo("o1", "o1", "ann", "Ann"))

    asyncio.run(scenario())
    prompt = prompt_tokens(BODY)
    assert rows(engine) == [
        Row("ann", "Ann", "gpt-4o", "refused", "group", "GPT", "tokens", 3, 3 * (prompt + 70)),
        Row("cy", "Cy", "dear", "refused", "budget", "no money", "usd", 1, (prompt + 2 * 70) * 10**9),
        Row("bob", "Bob", "o1", "refused", "budget", "no o1", "requests", 1, 1),
    ]
    with engine.connect() as connection:
        moments = connection.execute(select(usage_refusal.c.start, usage_refusal.c.first_at, usage_refusal.c.last_at))
        for start, first_at, last_at in moments:
            assert started <= first_at <= last_at <= time.time()
            assert start * 900 <= first_at < start * 900 + 1800
        groups = select(usage_dimension.c.key).where(usage_dimension.c.kind.in_(["groups", "user_groups"]))
        [group] = store.groups()
        assert set(connection.execute(groups).scalars()) == {group.group.id, "staff"}


def test_an_early_refusal_is_counted_where_it_is_answered(runtime: Runtime, store: Store, engine: Engine) -> None:
    store.create_group("GPT", ["gpt-4o"], 0, "documented")

    async def scenario() -> None:
        async with runtime:
            refusal = await runtime.gate.check(ANN)
            assert refusal is not None
            await runtime.gate.check(ANN)
            runtime.gate.refused(CallRequest(ANN, BODY), refusal)

    asyncio.run(scenario())
    [row] = rows(engine)
    assert (row.calls, row.amount, row.limit_kind) == (1, prompt_tokens(BODY) + 70, "group")


def test_they_wait_while_the_database_is_away(
    runtime: Runtime, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_group("GPT", ["gpt-4o"], 0, "documented")
    add, tries = store.add_refusals, asyncio.Semaphore(0)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def away(*_: object) -> None:
            loop.call_soon_threadsafe(tries.release)
            raise OperationalError("", None, Exception("away"))

        monkeypatch.setattr(store, "add_refusals", away)
        async with runtime:
            assert await is_refused(runtime)
            for _ in range(2):
                await tries.acquire()
            assert await is_refused(runtime), "it is in nobody's way"
            await tries.acquire()
            assert "away" in (runtime.health()["tasks"]["refusals"] or "")
            assert rows(engine) == []
            monkeypatch.setattr(store, "add_refusals", add)

    asyncio.run(scenario())
    assert [row.calls for row in rows(engine)] == [2]


def test_a_database_that_hangs_does_not_hold_up_the_end(
    runtime: Runtime, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.create_group("GPT", ["gpt-4o"], 0, "documented")
    monkeypatch.setattr(runtime_module, "_REFUSALS_TIMEOUT", 0.05)
    monkeypatch.setattr(store, "add_refusals", lambda *_: time.sleep(0.5))

    async def scenario() -> float:
        async with runtime:
            assert await is_refused(runtime)
            await asyncio.sleep(0.05)
            before = time.monotonic()
        return time.monotonic() - before

    assert asyncio.run(scenario()) < 0.4
    assert "last refusals" in caplog.text


def test_a_fault_in_counting_leaves_the_refusal_as_it_is(
    runtime: Runtime, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.create_group("GPT", ["gpt-4o"], 0, "documented")

    def broken(*_: object) -> None:
        raise RuntimeError("no counting today")

    monkeypatch.setattr(PendingRefusals, "note", broken)

    async def scenario() -> None:
        async with runtime:
            for _ in range(3):
                assert await is_refused(runtime)

    asyncio.run(scenario())
    assert caplog.text.count("Refusals are missed") == 1


def test_no_more_are_kept_than_memory_is_meant_for(caplog: pytest.LogCaptureFixture) -> None:
    pending, budget = PendingRefusals(most=3), Budget("b", "B", 0)
    for name in ("ann", "bob", "cy", "dan", "ann", "eve"):
        pending.note(CallInfo("m", "m", name), (), budget, 5)
    batches: list[Mapping[RefusalKey, RefusalCount]] = []

    def fail(counts: Mapping[RefusalKey, RefusalCount], mark: Mark) -> None:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        pending.write(fail)
    assert (pending.lost, len(pending)) == (2, 3), "what could not be written takes its room"
    pending.note(CallInfo("m", "m", "bob"), (), budget, 5)
    pending.write(lambda counts, mark: batches.append(counts))
    assert [{key.values[0]: count.calls for key, count in counts.items()} for counts in batches] == [
        {"ann": 2, "bob": 1, "cy": 1}
    ]
    assert (pending.lost, len(pending)) == (3, 0)
    assert caplog.text.count("are not counted") == 1


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_batch_counts_once_where_the_answer_to_its_commit_was_lost(
    store: Store, engine: Engine, *, is_committed: bool
) -> None:
    """Others come meanwhile, and wait until it is known."""
    pending, budget = PendingRefusals(), Budget("b", "B", 0)

    def write(counts: Mapping[RefusalKey, RefusalCount], mark: Mark) -> None:
        if is_committed:
            store.add_refusals(counts, mark)
        raise OperationalError("", None, Exception("the connection is lost"))

    pending.note(ANN, (), budget, 5)
    for _ in range(2):
        with pytest.raises(OperationalError):
            pending.write(write)
        pending.note(ANN, (), budget, 5)
    pending.write(store.add_refusals)
    assert [(row.calls, row.amount) for row in rows(engine)] == [(3, 15)]
    pending.note(ANN, (), budget, 5)
    pending.write(store.add_refusals)
    assert [(row.calls, row.amount) for row in rows(engine)] == [(4, 20)]


def test_marks_of_processes_that_have_ended_are_cleared_away(store: Store, engine: Engine) -> None:
    with engine.begin() as connection:
        write_progress(connection, "refused:old", id_at(time.time() - 40 * 86_400))
        write_progress(connection, "refused:lately", id_at(time.time() - 86_400))
    pending = PendingRefusals()
    pending.note(ANN, (), Budget("b", "B", 0), 5)
    pending.write(store.add_refusals)
    with engine.connect() as connection:
        names = connection.execute(select(usage_progress.c.name)).scalars().all()
    marks = {name for name in names if name.startswith("refused:")}
    assert "refused:lately" in marks
    assert "refused:old" not in marks
    assert len(marks) == 2


def test_two_workers_add_to_one_counter_and_a_new_unit_begins_anew(store: Store, engine: Engine) -> None:
    key = RefusalKey(5, ("ann", "m", "m", None, None, None, "refused", None, None), "budget", "b")
    stores = [store, Store(engine)]
    for number in range(4):
        stores[number % 2].add_refusals({key: RefusalCount({}, "B", "tokens", 2, 10, number, number + 0.5)})
    with engine.connect() as connection:
        [row] = connection.execute(select(usage_refusal))
    assert (row.calls, row.amount, row.first_at, row.last_at) == (8, 40, 0.0, 3.5)
    store.add_refusals({key: RefusalCount({}, "B, renamed", "usd", 1, 7, 4.0, 4.0)})
    with engine.connect() as connection:
        [row] = connection.execute(select(usage_refusal))
    assert (row.calls, row.unit, row.amount, row.limit_name) == (9, "usd", 7, "B, renamed")


def test_the_limit_is_a_group_where_it_is_a_groups_own() -> None:
    pending = PendingRefusals()
    group = Group("g", "G", ("m",), 0)
    pending.note(CallInfo("m", "m"), [group], Budget("g", "G", 0), 1)
    pending.note(CallInfo("m", "m"), [group], Budget("b", "B", 0), 1)
    found: list[tuple[str, str]] = []
    pending.write(lambda counts, mark: found.extend((key.limit_kind, key.limit_id) for key in counts))
    assert sorted(found) == [("budget", "b"), ("group", "g")]
