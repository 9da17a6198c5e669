"""Budgets of a minute in the gate and the ledger."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from openwebui_usage.admission import redis_link
from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.admission.counters import LiveCounters, MemoryCounters, Reservation
from openwebui_usage.admission.gate import Gate, LedgerAway
from openwebui_usage.admission.rates import MemoryRates, Take
from openwebui_usage.admission.redis_counters import RedisCounters
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.recording import Key
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_total
from openwebui_usage.rules.budget_index import BudgetIndex
from openwebui_usage.rules.budgets import Budget, Counter, Scope, Subject, retry_after
from openwebui_usage.rules.groups import Group, Sums
from openwebui_usage.rules.periods import ALL_TIME
from openwebui_usage.rules.rates import workers_of
from openwebui_usage.rules.refusal_texts import refusal_message
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row, engine_like_open_webui
from tests.unit.test_gate import asking, gate_on


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    return store


def test_each_user_has_so_many_requests_a_minute_of_each_model(store: Store) -> None:
    store.create_budget(Budget("", "rpm", 2, unit="requests", period="minute", scope=Scope("each_user")))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()

        async def call(call_id: str, model: str = "gpt-4o", user: str = "ann") -> bool:
            return await gate.admit(call_id, asking(model, goes={"user_id": user})) is None

        assert [await call(call_id) for call_id in "abc"] == [True, True, False]
        assert await call("d", model="o3"), "another model"
        assert await call("e", user="bob"), "another user"
        gate.release("b")
        assert await call("f"), "it was not made after all"
        refusal = await gate.admit("g", asking("gpt-4o"))
        assert refusal is not None
        now = datetime.now(UTC)
        seconds = retry_after(refusal, now)
        assert seconds is not None
        assert 50 < seconds <= 61
        text = refusal_message(refusal, now)
        assert text == f'Too fast for the usage limit "rpm": 2 of 2 requests a minute. Try again in {seconds} s.'

    asyncio.run(play())


def test_tokens_of_a_minute_are_set_right_when_a_call_ends(store: Store) -> None:
    store.create_budget(Budget("", "tpm", 1000, period="minute", scope=Scope("each_user")))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        long = asking("gpt-4o", body={"messages": [], "max_tokens": 2000})
        assert await gate.admit("a", long) is None, "the last call may cross the limit"
        assert await gate.admit("b", long) is not None
        usage = TokenUsage(input=10, completion=90, output=90)
        gate.settled(store.record([call_row("gpt-4o", id="a", user_id="ann", usage=usage)]))
        assert await gate.admit("b", long) is None

    asyncio.run(play())


def test_the_ledger_has_no_totals_of_a_minute_and_yet_everybody_sees_theirs(store: Store) -> None:
    store.create_budget(Budget("", "rpm", 5, unit="requests", period="minute", scope=Scope("each_user")))
    store.record([call_row("gpt-4o", user_id="ann"), call_row("gpt-4o", user_id="ann"), call_row("o3", user_id="ann")])
    with store._engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(usage_total)).scalar() == 0
    found = budget_statuses(store, [Subject("ann"), Subject("bob")], datetime.now(UTC))
    assert {who.user_id: [sums.calls for _, sums in of_who] for who, of_who in found.items()} == {
        "ann": [2],
        "bob": [0],
    }
    [(counter, _)] = found[Subject("ann")]
    assert counter.period.key == "minute"


@pytest.mark.parametrize(
    ("environment", "workers"),
    [({}, 1), ({"UVICORN_WORKERS": "4"}, 4), ({"WEB_CONCURRENCY": "2"}, 2), ({"UVICORN_WORKERS": "many"}, 1)],
)
def test_without_redis_each_worker_holds_its_part(environment: dict[str, str], workers: int) -> None:
    assert workers_of(environment) == workers


def test_the_rate_of_one_user_shows_nobody_elses_calls(store: Store) -> None:
    scopes = (Scope("user", "bob"), Scope("group", "staff"), Scope("role", "user"), Scope("everyone"))
    for number, scope in enumerate(scopes):
        store.create_budget(Budget("", f"rate {number}", 5, unit="requests", period="minute", scope=scope))
    store.record([call_row("gpt-4o", user_id="ann") for _ in range(3)] + [call_row("gpt-4o", user_id="bob")])
    bob = Subject("bob", frozenset({"staff"}), "user")
    found = budget_statuses(store, [bob], datetime.now(UTC))
    assert [sums.calls for _, sums in found[bob]] == [1, 1, 1, 4]


def test_at_its_limit_a_rate_tells_when_there_is_room_again(store: Store) -> None:
    each = Scope("each_user")
    store.create_budget(Budget("", "requests", 2, unit="requests", period="minute", scope=each))
    store.create_budget(Budget("", "tokens", 100, period="minute", scope=each))
    store.create_budget(Budget("", "none", 0, period="minute", scope=each))
    now = datetime.now(UTC)
    for seconds, tokens in ((50, 30), (40, 30), (30, 60)):
        id_ = f"{id_at(now.timestamp() - seconds)}{'0' * 16}"
        store.record([call_row("gpt-4o", user_id="ann", id=id_, usage=TokenUsage(input=tokens))])
    found = budget_statuses(store, [Subject("ann"), Subject("bob")], now)
    ends = {counter.budget.name: counter.period.ends_at for counter, _ in found[Subject("ann")]}
    soon = {name: None if end is None else round((end - now).total_seconds()) for name, end in ends.items()}
    assert soon == {"requests": 20, "tokens": 10, "none": None}
    assert {counter.period.ends_at for counter, _ in found[Subject("bob")]} == {None}


class HangingRedis:
    """Never answers, until it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.hangs = True

    async def eval(self, *_: object) -> list[int]:
        self.asked += 1
        await self._answer()
        return [1]

    async def ping(self) -> bool:
        await self._answer()
        return True

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


def test_a_redis_that_hangs_is_waited_for_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT", 0.01)
    budget = Budget("b", "b", 100)
    reservation = Reservation(Counter(budget, "b", ALL_TIME), 100, 1)

    async def load(keys: object) -> dict[Key, Sums]:
        return {reservation.counter.key: Sums()}

    async def play() -> None:
        redis = HangingRedis()
        live: LiveCounters = RedisCounters(redis, "test", load)
        for number in range(5):
            assert (await live.rates.take(f"call {number}", [Take("a", 3, 1)]) is None) == (number < 3)
            assert await live.reserve(f"call {number}", [reservation]) is None
            await live.refresh()
        assert redis.asked == 1, "rates and counters know it from each other"
        redis.hangs = False
        await live.refresh()
        assert await live.rates.take("later", [Take("a", 3, 1)]) is None
        assert redis.asked == 2

    with caplog.at_level(logging.INFO, "openwebui_usage.admission"):
        asyncio.run(play())
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == ["Redis is away", "Redis is back"]


def test_a_call_that_must_not_be_made_unchecked_takes_nothing_of_a_rate(store: Store) -> None:
    store.create_budget(Budget("", "rpm", 1, unit="requests", period="minute", scope=Scope("each_user")))
    store.create_budget(Budget("", "all", 100))
    is_away = True

    async def load(keys: object) -> dict[Key, Sums]:
        if is_away:
            raise OSError("the ledger is away")
        return {key: Sums() for key in keys}  # type: ignore[attr-defined]

    async def play() -> None:
        nonlocal is_away
        gate = Gate(store, MemoryCounters(load), fail_closed=True)
        await gate.refresh()
        with pytest.raises(LedgerAway):
            await gate.admit("a", asking("gpt-4o"))
        is_away = False
        assert await gate.admit("b", asking("gpt-4o")) is None

    asyncio.run(play())


def test_the_part_of_a_worker_is_large_enough_for_one_call() -> None:
    async def play() -> None:
        workers = [MemoryRates(4) for _ in range(4)]
        admitted = [await rates.take(f"{n}", [Take("a", 3, 1)]) is None for rates in workers for n in range(2)]
        assert sum(admitted) == 4
        rates = MemoryRates(4)
        assert await rates.take("a", [Take("tokens", 1000, 300, must_fit=300)]) is None
        assert await rates.take("b", [Take("tokens", 1000, 300, must_fit=300)]) is not None
        assert await rates.take("c", [Take("others", 1000, 1001, must_fit=1001)]) is not None, "it fits nowhere"

    asyncio.run(play())


def test_whom_a_rate_counts_is_looked_up_once_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group("g", "G", ("gpt-*",), None)
    rate = Budget("", "", 1, unit="requests", period="minute", scope=Scope("each_user"))
    rates = (replace(rate, name="of group", group="G", group_id="g"), replace(rate, name="of o3", models=("o3",)))
    definitions, looked = Definitions((group,), rates), []
    find = BudgetIndex.of_model
    monkeypatch.setattr(BudgetIndex, "of_model", lambda *given: looked.append(1) or find(*given))
    for _ in range(5):
        assert [each.name for each in definitions.rates_for(("gpt-4o",), Subject("ann"))] == ["of group"]
        assert definitions.rates_for(("gpt-4o",), Subject()) == []
        assert [each.name for each in definitions.rates_for(("o3",), Subject("ann"))] == ["of o3"]
    assert len(looked) == 4, "among the budgets of a minute and among the others, for each of two models"
