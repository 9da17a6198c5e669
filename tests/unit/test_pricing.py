"""What a call costs, and who says so."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage import pricing
from openwebui_usage.pricing import Cost, Price, PriceBook, in_order, nano_dollars
from openwebui_usage.tokens import TokenUsage

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

    @pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "1", None])
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


def test_rates_give_what_the_package_gives_for_every_model_it_knows() -> None:
    dice, now, compared = random.Random(1), datetime.now(UTC), 0
    for provider in providers:
        for model in provider.models:
            prompt = dice.randint(0, pricing._SMALL_PROMPT)
            cached = dice.randint(0, prompt)
            usage = TokenUsage(prompt, cached, dice.randint(0, prompt - cached), output=dice.randint(0, 9000))
            try:
                exact = pricing._calculate(model.id, provider.id, usage, now)
            except (LookupError, ValueError):
                continue
            rate = pricing._rate(model.id, provider.id, now.replace(minute=0, second=0, microsecond=0))
            assert float(rate.cost(usage)) == pytest.approx(float(exact), rel=1e-9, abs=1e-12), model.id
            compared += 1
    assert compared > 1000
