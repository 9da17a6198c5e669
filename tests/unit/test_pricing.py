"""What a call costs, and who says so."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules import pricing
from openwebui_usage.rules.pricing import MOST_NANO, Cost, Price, PriceBook, in_order, nano_dollars
from openwebui_usage.rules.tokens import MAX_TOKENS, TokenUsage

USAGE = TokenUsage(input=1000, cached_input=100, completion=500, reasoning=100, output=500)


class TestTheOrder:
    book = PriceBook([Price("mine*", input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.5"))])

    def test_the_admins_price_comes_first(self) -> None:
        assert self.book.cost(["mine-1", "gpt-4o"], USAGE, {"cost": 9.0}) == Cost(1_950_000, "admin")

    def test_then_what_the_provider_says(self) -> None:
        assert self.book.cost(["gpt-4o"], USAGE, {"cost": 0.00123}) == Cost(1_230_000, "provider")

    def test_then_the_public_price(self) -> None:
        cost = self.book.cost(["gpt-4o"], USAGE)
        assert cost is not None
        assert cost.source == "genai-prices"
        assert cost.nano > 0

    @pytest.mark.parametrize("model", ["nobody-knows-this", "llama3.2:latest", "gpt-oss:20b", ""])
    def test_else_nobody_knows(self, model: str) -> None:
        assert self.book.cost([model], USAGE) is None
        assert not self.book.is_free([model])

    def test_what_a_workspace_model_is_called_makes_no_public_price(self) -> None:
        assert self.book.cost(["gpt-4o", "llama3.2:latest"], USAGE) is None
        assert self.book.cost(["helper", "gpt-4o"], USAGE) == self.book.cost(["gpt-4o"], USAGE)

    def test_no_call_costs_more_than_a_sum_can_hold(self) -> None:
        dear = PriceBook([Price("dear", input=Decimal(10**6), output=Decimal(10**6))])
        most = TokenUsage(input=MAX_TOKENS, output=MAX_TOKENS)
        assert dear.cost(["dear"], most) == Cost(MOST_NANO, "admin")

    @pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "much", None])
    def test_nonsense_of_a_provider_is_no_price(self, cost: object) -> None:
        assert self.book.cost(["nobody-knows-this"], USAGE, {"cost": cost}) is None


@pytest.mark.parametrize("model", ["openai/gpt-4o", "azure.gpt-4o"])
def test_a_connections_prefix_hides_no_price(model: str) -> None:
    assert PriceBook().cost([model], USAGE) == PriceBook().cost(["gpt-4o"], USAGE)


def test_exact_ids_come_before_globs_and_longer_patterns_before_shorter() -> None:
    patterns = ["*", "gpt-*", "gpt-4o", "gpt-4*"]
    assert [price.pattern for price in in_order(map(Price, patterns))] == ["gpt-4o", "gpt-4*", "gpt-*", "*"]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.decimals(0, 10_000, places=6), st.decimals(0, 10_000, places=6))
def test_a_cost_is_exact_to_the_nano_dollar(input: int, output: int, rate_in: Decimal, rate_out: Decimal) -> None:  # noqa: A002
    price = Price("*", input=rate_in, output=rate_out)
    exact = (input * rate_in + output * rate_out) * 1000
    assert abs(nano_dollars(price.cost(TokenUsage(input=input, output=output))) - exact) <= Decimal("0.5")


class TestAPart:
    price = Price(
        "*",
        input=Decimal(10),
        output=Decimal(20),
        cached_input=Decimal(1),
        cache_write=Decimal(12),
        request=Decimal("0.001"),
    )

    @pytest.mark.parametrize(
        ("usage", "dollars"),
        [
            (TokenUsage(), "0.001"),
            (TokenUsage(input=1000), "0.011"),
            (TokenUsage(input=1000, cached_input=1000), "0.002"),
            (TokenUsage(input=1000, cache_write=1000), "0.013"),
            (TokenUsage(input=1000, cached_input=400, cache_write=600), "0.0086"),
            (TokenUsage(output=1000, completion=1000, reasoning=900), "0.021"),
            # What a provider says of cached tokens may be wrong: nothing becomes negative.
            (TokenUsage(input=10, cached_input=1000), "0.002"),
        ],
    )
    def test_has_its_own_price(self, usage: TokenUsage, dollars: str) -> None:
        assert self.price.cost(usage) == Decimal(dollars)

    def test_that_has_none_costs_what_input_does(self) -> None:
        assert Price("*", input=Decimal(10)).cost(TokenUsage(input=300, cached_input=100, cache_write=100)) == Decimal(
            "0.003"
        )

    @pytest.mark.parametrize("name", ["input", "output", "cached_input", "cache_write", "request"])
    @pytest.mark.parametrize("value", ["-0.000001", "NaN", "Infinity", "-Infinity"])
    def test_is_never_below_nothing(self, name: str, value: str) -> None:
        with pytest.raises(ValueError, match=f"^{name}: "):
            Price("*", **{name: Decimal(value)})


class TestAFreeModel:
    def test_is_one_that_is_known_to_cost_nothing(self) -> None:
        book = PriceBook([Price("llama*"), Price("per-call", request=Decimal("0.01"))])
        assert [book.is_free([model]) for model in ("llama3.2:latest", "per-call", "gpt-4o", "unknown")] == [
            True,
            False,
            False,
            False,
        ]


def test_night_rates_hold_from_their_first_minute() -> None:
    """DeepSeek's night began at 16:30 UTC, in the middle of an hour."""
    usage = TokenUsage(input=1000, completion=1000, output=1000)
    different = set()
    for minute in range(0, 24 * 60, 5):
        moment = datetime(2025, 6, 1, minute // 60, minute % 60, 59, tzinfo=UTC)
        cost = PriceBook().cost(["deepseek-chat"], usage, at=moment.timestamp())
        assert cost is not None
        assert cost.nano == nano_dollars(pricing._calculate("deepseek-chat", None, usage, moment.timestamp())), moment
        different.add(cost.nano)
    assert len(different) == 2


def test_large_prompts_cost_what_the_package_says() -> None:
    """Some providers take more for each token of a long prompt."""
    long, now = TokenUsage(input=300_000, completion=10, output=10), time.time()
    cost = PriceBook().cost(["gemini-2.5-pro"], long, at=now)
    short = PriceBook().cost(["gemini-2.5-pro"], TokenUsage(input=30_000, completion=1, output=1))
    assert cost is not None
    assert short is not None
    assert cost.nano == nano_dollars(pricing._calculate("gemini-2.5-pro", None, long, now))
    assert cost.nano > 10 * short.nano


def test_rates_give_what_the_package_gives_for_every_model_it_knows() -> None:
    dice, now, compared = random.Random(1), time.time(), 0
    for provider in providers:
        for model in provider.models:
            prompt = dice.randint(0, pricing._SMALL_PROMPT)
            cached = dice.randint(0, prompt)
            usage = TokenUsage(prompt, cached, dice.randint(0, prompt - cached), output=dice.randint(0, 9000))
            try:
                exact = pricing._calculate(model.id, provider.id, usage, now)
            except (LookupError, ValueError):
                continue
            rate = pricing._rate(model.id, provider.id, now // pricing._QUARTER * pricing._QUARTER)
            assert float(rate.cost(usage)) == pytest.approx(float(exact), rel=1e-9, abs=1e-12), model.id
            compared += 1
    assert compared > 1000
