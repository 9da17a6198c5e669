"""Admission: what happens while the ledger is away, and what a call is expected to use."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from openwebui_usage.admission import gate as gate_module
from openwebui_usage.admission.counters import SHARE, MemoryCounters
from openwebui_usage.admission.gate import (
    FIRST_GUESS,
    LONGEST_USUAL,
    MOST_CHOICES,
    MOST_OUTPUT,
    Gate,
    LedgerAway,
)
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.usual_answers import UsualAnswers
from openwebui_usage.ledger import CallInfo, Store
from openwebui_usage.ledger.recording import Key, Recorded
from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.wires import Wire
from tests.support.recorder import call_row, engine_like_open_webui
from tests.support.tables import give_tables

BODY = {"messages": [{"role": "user", "content": "Hello there"}]}
WHO = Subject("ann")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")
    give_tables(engine)
    return Store(engine)


def gate_on(store: Store, *, fail_closed: bool = False) -> Gate:
    async def load(keys: list[Key]) -> dict[Key, Sums]:
        return await asyncio.to_thread(store.totals, list(keys))

    return Gate(store, MemoryCounters(load), fail_closed=fail_closed)  # type: ignore[arg-type]


async def admitted(gate: Gate, call_id: str, model: str = "gpt-4o") -> bool:
    return await gate.admit(call_id, asking(model)) is None


def asking(
    *model_ids: str, body: dict[str, Any] = BODY, goes: dict[str, Any] | None = None, **others: Any
) -> CallRequest:
    info = CallInfo(model_ids[0], model_ids[-1], **{"user_id": WHO.user_id, **(goes or {})})
    return CallRequest(info, body, **others)


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
            assert await gate.check(asking("gpt-4o").info) is None
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
        gate.settled(store.record([call_row(id="a", started_at=1.0, usage=usage)]))
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


class TestWhatACallWillUse:
    """Held until it ends. What a caller says of it is taken no further than it can be true."""

    PROMPT = 4 + 2
    HUGE = 10**400

    @pytest.mark.parametrize(
        ("wire", "says", "output"),
        [
            ("chat", {}, FIRST_GUESS),
            ("chat", {"max_tokens": 7}, 7),
            ("chat", {"max_completion_tokens": 7}, 7),
            ("responses", {"max_output_tokens": 7}, 7),
            ("anthropic", {"max_tokens": 7}, 7),
            ("ollama", {"options": {"num_predict": 7}}, 7),
            # What this provider does not heed.
            ("chat", {"max_output_tokens": 7, "options": {"num_predict": 7}}, FIRST_GUESS),
            ("responses", {"max_tokens": 7}, FIRST_GUESS),
            ("ollama", {"max_tokens": 7, "num_predict": 7, "options": {"max_tokens": 7}}, FIRST_GUESS),
            ("chat", {"max_tokens": 1, "max_completion_tokens": 900}, 900),
            ("chat", {"max_tokens": 7, "n": 3}, 21),
            ("chat", {"max_tokens": 7, "best_of": 3}, 21),
            ("chat", {"max_tokens": 7, "n": HUGE}, 7 * MOST_CHOICES),
            ("chat", {"max_tokens": HUGE}, MOST_OUTPUT),
            ("chat", {"max_tokens": 0}, FIRST_GUESS),
            ("chat", {"max_tokens": -HUGE, "n": -5}, FIRST_GUESS),
            ("chat", {"max_tokens": "7", "n": "3"}, FIRST_GUESS),
            ("chat", {"max_tokens": True, "n": True}, FIRST_GUESS),
            ("chat", {"max_tokens": [7], "options": "none"}, FIRST_GUESS),
            ("ollama", {"options": {"num_predict": -1}}, FIRST_GUESS),
        ],
    )
    def test_is_the_prompt_and_the_most_that_it_may_write(
        self, store: Store, wire: Wire, says: dict[str, object], output: int
    ) -> None:
        store.create_group("all", ["*"], 10**15, "documented")

        async def play() -> None:
            gate = gate_on(store)
            await gate.refresh()
            (reservation,) = await gate._reservations(asking("gpt-4o", body={**BODY, **says}, wire=wire))
            assert reservation.amount - output == pytest.approx(self.PROMPT, abs=3)

        asyncio.run(play())

    @pytest.mark.parametrize("says", [{}, {"max_tokens": 900}])
    def test_is_the_input_alone_where_nothing_is_written(self, store: Store, says: dict[str, object]) -> None:
        """An embedding, whatever its model wrote elsewhere."""
        store.create_group("all", ["*"], 100, "documented")

        async def play() -> None:
            gate = gate_on(store)
            await gate.refresh()
            body = {"model": "embed", "input": "x" * 200, **says}
            for call_id in ("a", "b"):
                assert await gate.admit(call_id, asking("embed", body=body, generates=False)) is None
            (reservation,) = await gate._reservations(asking("embed", body=body, generates=False))
            assert 0 < reservation.amount <= 100

        asyncio.run(play())

    def test_is_what_its_model_usually_writes(self, store: Store) -> None:
        store.create_group("all", ["*"], 10**9, "documented")

        async def play() -> None:
            gate = gate_on(store)
            await gate.refresh()
            for number in range(30):
                usage = TokenUsage(input=5, completion=2000, reasoning=1500, output=2000)
                row = call_row("mine", id=str(number), started_at=1.0, called_model="o1", usage=usage)
                gate.settled(store.record([row]))
            (reservation,) = await gate._reservations(asking("another", "o1"))
            assert reservation.amount == pytest.approx(2000 + 1500, abs=20)
            (reservation,) = await gate._reservations(asking("never-seen"))
            assert reservation.amount == pytest.approx(FIRST_GUESS, abs=20)

        asyncio.run(play())


def test_a_pipes_inner_call_uses_what_the_pipe_had_reserved(store: Store) -> None:
    store.create_budget(Budget("", "one", 1, unit="requests"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await gate.admit("pipe", asking("pipe")) is None
        assert await gate.admit("inner", asking("gpt-4o"), "pipe") is None
        assert not await admitted(gate, "stranger")

    asyncio.run(play())


def test_a_call_is_counted_in_the_period_in_which_it_began(store: Store) -> None:
    budget = store.create_budget(Budget("", "daily", 1, unit="requests", period="day"))
    yesterday = time.time() - 86_400

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        row = call_row(id="late", started_at=yesterday, usage=TokenUsage(input=5))
        done = store.record([row])
        assert [change.counter.period.key for change in done.changes] == [
            period_at("day", "UTC", datetime.fromtimestamp(yesterday, UTC)).key
        ]
        gate.settled(done)
        assert await admitted(gate, "today"), budget

    asyncio.run(play())


def test_holds_stay_while_their_rows_wait_in_the_spool(store: Store) -> None:
    store.create_budget(Budget("", "one", 1, unit="requests"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await admitted(gate, "a")
        # Its row is durable in the spool, and the database knows nothing of it: nothing was settled.
        await gate.refresh()
        assert not await admitted(gate, "b")

    asyncio.run(play())


def test_an_unpriced_model_can_be_limited_in_requests_and_tokens_only(store: Store) -> None:
    store.create_budget(Budget("", "money", 5, unit="usd"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        (reservation,) = await gate._reservations(asking("nobody-knows-this"))
        assert reservation.amount == 0
        (reservation,) = await gate._reservations(asking("gpt-4o", body={**BODY, "max_tokens": 1000}))
        assert reservation.amount == pytest.approx(1000 * 10_000, rel=0.01), "a million tokens of gpt-4o cost $10"

    asyncio.run(play())


def test_a_price_that_only_the_provider_tells_is_learned(store: Store) -> None:
    store.create_budget(Budget("", "money", NANO, unit="usd"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        usage = TokenUsage(input=5, completion=20, output=20)
        row = call_row("auto", started_at=1.0, usage=usage, raw_usage={"cost": 0.25})
        gate.settled(store.record([row]))
        answers = [await admitted(gate, str(number), "auto") for number in range(10)]
        assert answers.count(True) == 3, "a quarter of a dollar is used, and each will use as much"

    asyncio.run(play())


@pytest.mark.parametrize(
    ("model_ids", "url", "is_free_connection", "is_admitted"),
    [
        (("gpt-4o",), None, False, False),
        (("gpt-4o",), None, True, True),
        (("vendor/some-model:free",), "https://openrouter.ai/api/v1", False, True),
        (("vendor/some-model:free",), "https://api.groq.com/openai/v1", False, False),
        (("helper:free", "gpt-4o"), None, False, False),
        (("llama-mine", "gpt-4o"), None, False, False),
        (("mine", "llama3.2:latest"), None, False, True),
    ],
)
def test_what_costs_nothing_stays_possible_when_the_money_is_spent(
    store: Store, model_ids: tuple[str, ...], url: str | None, is_free_connection: bool, is_admitted: bool
) -> None:
    store.create_budget(Budget("", "money", 0, unit="usd"))
    store.put_price(Price("llama*"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        goes: dict[str, Any] = {"provider_url": url, "is_free_connection": is_free_connection}
        assert (await gate.admit("a", asking(*model_ids, goes=goes)) is None) is is_admitted
        assert (await gate.check(asking(*model_ids, goes=goes).info) is None) is is_admitted

    asyncio.run(play())


def test_what_a_chats_own_tasks_used_does_not_refuse_its_answer(store: Store) -> None:
    store.create_group("all", ["gpt-4o"], 100, "documented")
    store.create_budget(Budget("", "other", 2, unit="requests", models=("o1",)))
    title = call_row(usage=TokenUsage(input=150))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        gate.settled(store.record([title]))
        assert not await admitted(gate, "somebody else's")
        assert await gate.admit("answer", asking("gpt-4o", own_tasks=(title,))) is None
        (reservation,) = await gate._reservations(asking("o1", own_tasks=(title,)))
        assert reservation.limit == 2, "only of what counted them"

    asyncio.run(play())


def test_a_fault_of_ours_costs_no_call(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create_group("all", ["*"], 10, "documented")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        monkeypatch.setattr("openwebui_usage.rules.estimate.prompt_tokens", lambda body: 1 / 0)
        assert await admitted(gate, "a")

    asyncio.run(play())


def test_a_new_worker_expects_what_the_ledger_knows_of_a_model(store: Store) -> None:
    store.create_group("few", ["o1"], 12_000, "documented")
    usage = TokenUsage(input=5, completion=4_000, output=4_000)
    store.record([call_row("o1", usage=usage) for _ in range(2)])
    store.record([call_row("o1", usage=TokenUsage(input=5), outcome="error")])

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        # 8,010 are used: one more of 4,000 fits, and what it holds leaves no room for others.
        assert [await admitted(gate, call_id, "o1") for call_id in "abc"] == [True, False, False]

    asyncio.run(play())


def done_rows(model: str, user_id: str | None, outputs: list[int]) -> Recorded:
    return Recorded(
        [call_row(model, usage=TokenUsage(input=5, output=tokens), user_id=user_id) for tokens in outputs], []
    )


@pytest.mark.parametrize("short_answers", [0, 12, 500])
@pytest.mark.parametrize("limit", [4_000, 100, 1])
def test_short_answers_make_no_room_for_many_long_ones(store: Store, short_answers: int, limit: int) -> None:
    store.create_group("all", ["*"], limit, "documented")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        gate.settled(done_rows("gpt-4o", WHO.user_id, [5] * short_answers))
        answers = [await admitted(gate, str(number)) for number in range(200)]
        assert 1 <= answers.count(True) <= SHARE

    asyncio.run(play())


def test_many_run_at_once_while_much_is_left(store: Store) -> None:
    store.create_group("all", ["*"], 200 * LONGEST_USUAL, "documented")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert all([await admitted(gate, str(number)) for number in range(200 - SHARE)])

    asyncio.run(play())


def test_nobody_lowers_what_others_reserve_and_long_answers_are_remembered(store: Store) -> None:
    store.create_group("all", ["*"], 10**12, "documented")

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()

        async def expected(user_id: str) -> int:
            (reservation,) = await gate._reservations(asking("o1", goes={"user_id": user_id}))
            return reservation.amount

        gate.settled(done_rows("o1", "bob", [20_000] * 3))
        gate.settled(done_rows("o1", "eve", [5] * 10_000))
        assert await expected("bob") >= 20_000
        assert await expected("ann") >= 20_000
        assert await expected("eve") >= 20_000, "the same model may write as much for everybody"
        gate.settled(done_rows("o1", "bob", [5] * 12))
        assert await expected("bob") >= 20_000

    asyncio.run(play())


def test_what_is_learned_takes_no_more_memory_than_it_may() -> None:
    usual = UsualAnswers()
    for number in range(1_100):
        usual.learn(done_rows(f"model {number}", "ann", [7]).rows)
    assert usual.long_answer("model 0", "ann") is None
    for number in range(200):
        usual.learn(done_rows("model 1099", f"user {number}", [9] * 60).rows)
    assert len(usual._models) == 1_000
    assert len(usual._models["model 1099"]) == 50
    assert usual.long_answer("model 1099", None) == TokenUsage(output=9)
