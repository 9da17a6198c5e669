"""Several workers on one ledger without Redis: together they keep a limit, and far from it they need not tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from openwebui_usage.admission import ledger_counters
from openwebui_usage.admission.counters import Reservation
from openwebui_usage.admission.ledger_counters import LedgerCounters
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.recording import Change
from openwebui_usage.ledger.reservations import Reservations, Wish
from openwebui_usage.ledger.schema import usage_reservation, usage_total
from openwebui_usage.rules.budgets import Budget, Counter
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import ALL_TIME
from tests.support.recorder import engine_like_open_webui
from tests.support.tables import give_tables

LIMIT, EACH, CALLS = 1000, 20, 200
BUDGET = Counter(Budget("one", "one", LIMIT), "one", ALL_TIME)
HUGE = Counter(Budget("huge", "huge", 10**9), "huge", ALL_TIME)


def wants(amount: int = EACH, counter: Counter = BUDGET) -> list[Reservation]:
    return [Reservation(counter, counter.budget.limit or 0, amount)]


@pytest.fixture
def new_engine(tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    engines: list[Engine] = []

    def new() -> Engine:
        engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui-usage.db")
        if not engines:
            give_tables(engine)
        engines.append(engine)
        return engine

    yield new
    for engine in engines:
        engine.dispose()


def worker(engine: Engine) -> LedgerCounters:
    store = Store(engine)

    async def load(keys: object) -> dict[tuple[str, str], Sums]:
        return await asyncio.to_thread(store.totals, keys)  # type: ignore[arg-type]

    return LedgerCounters(load, Reservations(engine))


@pytest.fixture(autouse=True)
def waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(ledger_counters, "DATABASE_TIMEOUT", 100.0)


async def workers(new_engine: Callable[[], Engine], count: int) -> list[LedgerCounters]:
    """All know of one another."""
    found = [worker(new_engine()) for _ in range(count)]
    for _ in range(2):
        for each in found:
            await each.refresh()
    return found


def reserved(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.sum(usage_reservation.c.amount))).scalar() or 0)


def use(engine: Engine, tokens: int) -> Change:
    """Write what was used, as the commit of some worker does."""
    sums = {column.name: 0 for column in usage_total.c if not column.primary_key}
    with engine.begin() as connection:
        connection.execute(
            usage_total.insert(), {"subject": BUDGET.subject, "period": BUDGET.period.key, **sums, "input": tokens}
        )
    return Change(BUDGET, Sums(), Sums(input=tokens))


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Somebody writes and does not end."""
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.rollback()


@pytest.mark.parametrize("count", [2, 4, 8])
def test_together_they_spend_no_more_than_a_tenth_too_much(
    new_engine: Callable[[], Engine], count: int, record_property: Callable[[str, object], None]
) -> None:
    async def play() -> None:
        all_workers = await workers(new_engine, count)
        answers = await asyncio.gather(
            *(all_workers[number % count].reserve(f"call {number}", wants()) for number in range(CALLS))
        )
        admitted = answers.count(None)
        record_property("admitted", admitted)
        print(f"{count} workers: {admitted} of {CALLS} calls admitted, {admitted * EACH} of {LIMIT} tokens")
        assert LIMIT <= admitted * EACH <= LIMIT * 1.1
        refused = next(answer for answer in answers if answer is not None)
        assert refused.counter == BUDGET
        assert refused.used + refused.reserved >= LIMIT * 0.9

    asyncio.run(play())


def test_alone_a_worker_does_not_ask(new_engine: Callable[[], Engine]) -> None:
    async def play() -> None:
        engine = new_engine()
        alone = worker(engine)
        await alone.refresh()
        with locked(engine):
            for number in range(LIMIT // EACH):
                assert await alone.reserve(f"call {number}", wants()) is None
            assert await alone.reserve("more", wants()) is not None
        assert reserved(engine) == 0

    asyncio.run(play())


def test_far_from_a_limit_nothing_is_told(new_engine: Callable[[], Engine]) -> None:
    async def play() -> None:
        one, two = await workers(new_engine, 2)
        engine = new_engine()
        with locked(engine):
            for number in range(CALLS):
                assert await one.reserve(f"one {number}", wants(EACH, HUGE)) is None
                assert await two.reserve(f"two {number}", wants(EACH, HUGE)) is None
        assert reserved(engine) == 0

    asyncio.run(play())


async def told(engine: Engine, amount: int) -> None:
    for _ in range(200):
        if await asyncio.to_thread(reserved, engine) == amount:
            return
        await asyncio.sleep(0.02)
    assert reserved(engine) == amount


def test_what_one_gives_back_another_may_use(new_engine: Callable[[], Engine]) -> None:
    async def play() -> None:
        one, two = await workers(new_engine, 2)
        engine = new_engine()
        assert await one.reserve("a", wants(LIMIT)) is None
        await two.refresh()
        assert await two.reserve("b", wants()) is not None
        assert await two.ask(wants()) is None, "the refused call left nothing behind"
        one.release(["a"])
        await told(engine, 0)
        assert await two.reserve("b", wants(LIMIT)) is None
        two.release(["b"], [await asyncio.to_thread(use, engine, LIMIT - EACH)])
        await told(engine, 0)
        await one.refresh()
        assert await one.reserve("c", wants(EACH + 1)) is None, "the last call may cross the limit"
        assert await one.reserve("d", wants(1)) is not None

    asyncio.run(play())


def test_what_a_worker_reserved_that_died_ends(new_engine: Callable[[], Engine]) -> None:
    async def play() -> None:
        one, _ = await workers(new_engine, 2)
        engine = new_engine()
        dead = Reservations(engine)
        assert await asyncio.to_thread(dead.reserve, {}, [[Wish(BUDGET, LIMIT, LIMIT)]]) == [None]
        await one.refresh()
        refused = await one.reserve("a", wants())
        assert refused is not None
        assert (refused.used, refused.reserved) == (0, LIMIT)
        with engine.begin() as connection:
            connection.execute(update(usage_reservation).values(until=1.0))
        assert await one.reserve("a", wants(LIMIT)) is None
        assert await asyncio.to_thread(dead.reserve, {}, [[Wish(BUDGET, LIMIT, 1)]]) != [None]

    asyncio.run(play())


def test_a_database_that_is_locked_holds_no_call_for_long(
    new_engine: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger_counters, "DATABASE_TIMEOUT", 0.05)
    caplog.set_level(logging.INFO)

    def said(words: str) -> int:
        return sum(words in record.getMessage() for record in caplog.records)

    async def play() -> None:
        one, two = await workers(new_engine, 2)
        engine = new_engine()
        assert await one.reserve("known", wants(0)) is None
        with locked(engine):
            answers = await asyncio.gather(*(one.reserve(f"call {number}", wants()) for number in range(CALLS)))
            assert answers.count(None) == LIMIT // EACH, "as if it were alone"
            assert said("this one counts alone") == 1
        monkeypatch.setattr(ledger_counters, "DATABASE_TIMEOUT", 100.0)
        await told(engine, LIMIT)
        for each in (one, two):
            await each.refresh()
        assert said("The database tells again") == 1
        assert await two.reserve("a", wants()) is not None

    asyncio.run(play())


def test_who_has_left_is_not_counted(new_engine: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Reservations(new_engine()), Reservations(new_engine())
    one.appear()
    assert (one.others().count, two.others().count) == (0, 1)
    two.appear()
    assert (one.others().count, two.others().count) == (1, 1)
    monkeypatch.setattr("openwebui_usage.ledger.reservations.WORKER_SECONDS", -1.0)
    two.appear()
    assert one.others().count == 0


def test_what_is_released_after_the_end_keeps_nobody_from_anything(new_engine: Callable[[], Engine]) -> None:
    """The writer's last commit may come when the event loop has closed."""

    async def play() -> LedgerCounters:
        one, _ = await workers(new_engine, 2)
        assert await one.reserve("late", wants(LIMIT)) is None
        return one

    asyncio.run(play()).release(["late"])
