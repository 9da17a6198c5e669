"""What budgets do at their limits: rules, and what the gate makes of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from openwebui_usage.admission.steering import NOTHING
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.database import migrate
from openwebui_usage.rules.actions import lowers_effort, may_refuse, seconds_to_wait
from openwebui_usage.rules.budgets import Budget, Counter, Refusal, Scope, retry_after
from openwebui_usage.rules.estimate import prompt_tokens
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import ALL_TIME, Period, period_at
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.refusal_texts import refusal_message
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row, engine_like_open_webui
from tests.unit.test_budgets import NOW
from tests.unit.test_gate import BODY, admitted, asking, gate_on


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    return store


def budget(limit: int | None = 100, **others: Any) -> Budget:
    return Budget("b", "b", limit, **others)


@pytest.mark.parametrize(
    ("action", "model", "refuses"),
    [
        ("block", "gpt-5", True),
        ("warn", "gpt-5", False),
        ("slow", "gpt-5", False),
        ("effort", "gpt-5", False),
        ("fallback", "gpt-5", True),
        ("fallback", "small", False),
    ],
)
def test_a_budget_refuses_no_call_of_the_model_that_it_falls_back_on(action: Any, model: str, refuses: bool) -> None:
    assert may_refuse(budget(action=action, fallback_model="small"), (model, "base")) is refuses


@pytest.mark.parametrize(("used", "seconds"), [(0, 0), (99, 0), (100, 1), (125, 15.5), (150, 30), (1000, 30)])
def test_each_call_waits_longer_up_to_the_longest_wait(used: int, seconds: float) -> None:
    assert seconds_to_wait(budget(action="slow"), used) == pytest.approx(seconds)


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(1, 300))
def test_no_wait_is_longer_than_the_admin_says(limit: int, used: int, longest: int) -> None:
    seconds = seconds_to_wait(budget(limit, action="slow", slow_up_to=longest), used)
    assert 0 <= seconds <= longest
    assert (seconds > 0) is (used >= limit)


@pytest.mark.parametrize(("used", "lower"), [(69, False), (70, True), (100, True)])
def test_models_think_less_from_a_share_of_the_limit_on(used: int, lower: bool) -> None:
    assert lowers_effort(budget(effort_from=70), used) is lower
    assert not lowers_effort(budget(None, effort_from=70), used)
    assert not lowers_effort(budget(), used)


class TestAPromptThatDoesNotFit:
    refusal = Refusal(Counter(budget(1000, period="month"), "b", period_at("month", "UTC", NOW)), 900, 0, 250)

    def test_is_told_what_it_needs_and_what_is_left(self) -> None:
        assert refusal_message(self.refusal, NOW) == (
            'Your message needs about 250 tokens, and 100 of the usage limit "b" are left. '
            "Send less, or begin a new chat. Resets 1 December."
        )

    def test_may_be_tried_again_when_it_fits(self) -> None:
        seconds = retry_after(self.refusal, NOW)
        assert seconds is not None
        assert seconds > 60
        never = Refusal(self.refusal.counter, 900, 0, 1001)
        assert retry_after(never, NOW) is None
        in_a_moment = Refusal(self.refusal.counter, 700, 100, 250)
        assert retry_after(in_a_moment, NOW) == 5, "others have reserved it, and may not need it"


def use(store: Store, tokens: int, model: str = "gpt-5") -> None:
    store.record([call_row(model, user_id="ann", usage=TokenUsage(input=tokens))])


def test_the_gate_says_how_long_a_call_waits_and_who_thinks_less(store: Store) -> None:
    store.create_budget(Budget("", "slow", 100, action="slow", slow_up_to=10))
    store.create_budget(Budget("", "effort", 200, action="effort", effort_from=50))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        request = asking("gpt-5")
        assert await gate.steer(request.info) == NOTHING
        use(store, 125)
        await gate.changed()
        found = await gate.steer(request.info)
        assert found.low_effort
        assert found.wait is not None
        assert found.wait.seconds == pytest.approx(5.5)
        assert (found.wait.counter.budget.name, found.wait.used) == ("slow", 125)
        use(store, 1000)
        await gate.changed()
        assert await admitted(gate, "a", "gpt-5"), "neither refuses anything"

    asyncio.run(play())


def test_a_strict_budget_takes_only_prompts_that_fit(store: Store) -> None:
    prompt = prompt_tokens(BODY)
    store.create_budget(Budget("", "strict", prompt + 10, strict=True))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert await admitted(gate, "a"), "its answer may cross the limit"
        gate.release("a")
        use(store, 11)
        await gate.changed()
        refusal = await gate.admit("b", asking("gpt-4o"))
        assert refusal is not None
        assert refusal.is_of_prompt
        assert (refusal.must_fit, refusal.used) == (prompt, 11)
        store.update_budget("strict", {"strict": False})
        await gate.changed()
        assert await admitted(gate, "c"), "as ever, the last call may cross the limit"

    asyncio.run(play())


def test_an_answer_is_capped_to_what_is_left_after_the_prompt(store: Store) -> None:
    prompt = prompt_tokens(BODY)
    store.create_budget(Budget("", "capped", 1000, cap_output=True))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        request = asking("gpt-4o")
        assert await gate.admit("a", request) is None
        assert await gate.most_output("a", request) == 1000 - prompt
        use(store, 600)
        await gate.changed()
        assert await gate.most_output("a", request) == 400 - prompt
        two = asking("gpt-4o", body={**BODY, "n": 2})
        assert await gate.most_output("a", two) == (400 - prompt) // 2
        use(store, 400 - prompt)
        await gate.changed()
        assert await gate.most_output("a", request) == 1, "never less"
        store.update_budget("capped", {"action": "warn"})
        await gate.changed()
        assert await gate.most_output("a", request) is None, "what refuses nothing caps nothing"

    asyncio.run(play())


def test_a_prompt_that_does_not_fit_is_refused_where_answers_are_capped(store: Store) -> None:
    store.create_budget(Budget("", "capped", 1000, cap_output=True))

    async def play() -> None:
        gate = gate_on(store)
        use(store, 995)
        await gate.refresh()
        refusal = await gate.admit("a", asking("gpt-4o"))
        assert refusal is not None, "an answer of a single token is no answer"
        assert refusal.is_of_prompt

    asyncio.run(play())


def test_what_leaves_no_way_out_is_told_before_what_falls_back(store: Store) -> None:
    store.create_budget(Budget("", "falls back", 1, action="fallback", fallback_model="small"))
    store.create_budget(Budget("", "wall", 1))
    store.create_budget(Budget("", "falls back, too", 1, action="fallback", fallback_model="small"))

    async def play() -> None:
        gate = gate_on(store)
        use(store, 5)
        await gate.refresh()
        refusal = await gate.admit("a", asking("gpt-4o"))
        assert refusal is not None
        assert refusal.counter.budget.name == "wall"

    asyncio.run(play())


def test_who_is_cancelled_while_being_admitted_takes_nothing(store: Store) -> None:
    store.create_budget(Budget("", "rate", 1, unit="requests", period="minute", scope=Scope("each_user")))
    store.create_budget(Budget("", "one", 1, unit="requests"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        reserve = gate._live.reserve

        async def cancelled(*given: Any) -> Any:
            await reserve(*given)
            raise asyncio.CancelledError

        gate._live.reserve = cancelled  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await gate.admit("a", asking("gpt-4o"))
        gate._live.reserve = reserve  # type: ignore[method-assign]
        assert await admitted(gate, "b")

    asyncio.run(play())


def test_a_prompt_that_never_fits_is_told_so() -> None:
    now = datetime.now(UTC)
    for period in ("minute", "day"):
        kind = Period(period, now, now + timedelta(seconds=30))
        refusal = Refusal(Counter(Budget("b", "B", 1000, period=period, strict=True), "b", kind), 1200, 0, 2000)
        assert retry_after(refusal, now) is None
        text = refusal_message(refusal, now)
        assert text.startswith('Your message needs about 2,000 tokens, and 0 of the usage limit "B" are left.')
        assert "None" not in text
        assert "Resets" not in text


def test_two_answers_are_not_capped_to_the_same_remainder(store: Store) -> None:
    prompt = prompt_tokens(BODY)
    store.create_budget(Budget("", "capped", 4000, cap_output=True))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        asked = {call_id: asking("gpt-4o") for call_id in "abc"}
        for call_id, request in asked.items():
            assert await gate.admit(call_id, request) is None
        most = [await gate.most_output(call_id, request) for call_id, request in asked.items()]
        assert all(one is not None and one + prompt <= 2000 for one in most), most

    asyncio.run(play())


def test_an_answer_is_capped_by_what_its_tokens_cost(store: Store) -> None:
    store.put_price(Price("gpt-4o", Decimal(0), Decimal(10)))
    store.create_budget(Budget("", "dollars", 2 * NANO // 1000, unit="usd", cap_output=True))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        request = asking("gpt-4o")
        assert await gate.admit("a", request) is None
        assert await gate.most_output("a", request) == 200, "a fifth of a cent, at ten dollars a million"

    asyncio.run(play())


def test_a_budget_that_falls_back_is_no_reason_to_refuse_a_chat_early(store: Store) -> None:
    store.create_budget(Budget("", "falls back", 0, action="fallback", fallback_model="small"))

    async def play() -> None:
        gate = gate_on(store)
        await gate.refresh()
        assert gate.is_limiting
        assert await gate.check(asking("gpt-5").info) is None
        refusal = await gate.admit("a", asking("gpt-5"))
        assert refusal is not None
        assert refusal.counter.budget.fallback_model == "small"
        assert await gate.admit("b", asking("small")) is None

    asyncio.run(play())


def test_budgets_of_an_older_version_mean_what_they_meant(tmp_path: Path) -> None:
    store = Store(engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db"))
    store.migrate()
    before = store.create_budget(Budget("", "old", 7, action="warn"))
    fallen = store.create_budget(Budget("", "new", 7, action="fallback", fallback_model="small", carry_over=12))
    assert store.budgets() == [before, fallen]
    with store._engine.begin() as connection:
        columns = "fallback_model, slow_up_to, effort_from, strict, cap_output, carry_over"
        row = connection.execute(text(f"SELECT {columns} FROM usage_budget WHERE name = 'old'")).one()
    assert tuple(row) == (None, 30, None, 0, 0, "none")
    migrate(store._engine, None)
    assert store.budgets() == [before, fallen]


def test_a_counter_without_a_limit_neither_waits_nor_caps() -> None:
    counter = Counter(budget(None, action="slow"), "b", ALL_TIME)
    assert seconds_to_wait(counter.budget, 10**9) == 0
