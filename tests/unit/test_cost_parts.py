"""What of a cost is paid for which tokens: known wherever a list of prices made the cost, and never off by a nano."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.cost_parts import CostParts
from openwebui_usage.rules.money import NANO, nano_dollars
from openwebui_usage.rules.pricing import MOST_NANO, Cost, Price, PriceBook
from openwebui_usage.rules.tokens import TokenUsage

AT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
OPENAI, ANTHROPIC = "https://api.openai.com/v1", "https://api.anthropic.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"

amounts = st.decimals(0, 10_000, places=14)
prices = st.decimals(0, 1_000, places=8)
counts = st.integers(0, 10**7)


def cost_of(model: str, usage: TokenUsage, raw: dict[str, object] | None = None, url: str | None = None) -> Cost:
    cost = PriceBook().cost([model], usage, raw, AT, url)
    assert cost is not None
    return cost


@given(st.builds(CostParts, amounts, amounts, amounts, amounts, amounts))
def test_parts_add_up_to_the_rounded_cost(parts: CostParts) -> None:
    nano, by_type = parts.in_nano(MOST_NANO)
    assert nano == nano_dollars(parts.dollars)
    beside = nano - sum(by_type)
    for exact, rounded in zip(parts, (*by_type, beside), strict=True):
        assert abs(exact * NANO - rounded) < 1
        assert exact or not rounded, "what costs nothing stays nothing"


@given(st.lists(st.integers(0, 10**30), min_size=5, max_size=5), st.integers(0, 40))
def test_parts_add_up_whatever_a_decimal_cannot_hold(digits: list[int], places: int) -> None:
    parts = CostParts(*(Decimal(value).scaleb(-places) for value in digits))
    nano, by_type = parts.in_nano(MOST_NANO)
    assert nano == min(MOST_NANO, nano_dollars(parts.dollars))
    assert all(part >= 0 for part in by_type)
    assert sum(by_type) <= nano if parts.beside else sum(by_type) == nano


@given(st.builds(CostParts, amounts, amounts, amounts, amounts, st.just(Decimal(0))), st.integers(1, 10**9))
def test_a_cost_that_is_cut_down_keeps_its_proportions(parts: CostParts, most: int) -> None:
    nano, by_type = parts.in_nano(most)
    assert sum(by_type) == nano <= most
    if parts.dollars * NANO > most + 1:
        share = most / parts.dollars
        assert all(abs(exact * share - part) <= 1 for exact, part in zip(parts[:4], by_type, strict=True))


@given(counts, counts, counts, counts, prices, prices, st.none() | prices, st.none() | prices, prices)
def test_an_admins_price_gives_parts_that_add_up(
    plain: int,
    cached: int,
    written: int,
    output: int,
    rate: Decimal,
    out_rate: Decimal,
    cached_rate: Decimal | None,
    written_rate: Decimal | None,
    request: Decimal,
) -> None:
    usage = TokenUsage(plain + cached + written, cached, written, output, 0, output)
    for asked in (Decimal(0), request):
        cost = PriceBook([Price("*", rate, out_rate, cached_rate, written_rate, asked)]).cost(["x"], usage)
        assert cost is not None
        assert cost.parts is not None
        assert cost.version is None
        assert abs(cost.nano - sum(cost.parts) - asked * NANO) < 1
        assert asked or cost.nano == sum(cost.parts)


@given(counts, counts, counts, counts, st.sampled_from(["gpt-4o", "gemini-2.5-pro", "claude-sonnet-4-5", "o3-mini"]))
def test_public_prices_give_parts_that_add_up(plain: int, cached: int, written: int, output: int, model: str) -> None:
    usage = TokenUsage(plain + cached + written, cached, written, output, 0, output)
    cost = cost_of(model, usage)
    assert cost.parts is not None
    assert sum(cost.parts) == cost.nano
    for count, part in zip((plain, cached, written, output), cost.parts, strict=True):
        assert (part > 0) is (count > 0)
    assert (cost.source, cost.version) == ("genai-prices", version("genai-prices"))


def test_each_type_has_its_own_price() -> None:
    usage = TokenUsage(input=6000, cached_input=2000, cache_write=1000, completion=400, output=400)
    dollars = ("0.009", "0.0006", "0.00375", "0.006")
    assert cost_of("claude-sonnet-4-5", usage, url=ANTHROPIC).parts == tuple(
        int(Decimal(part) * NANO) for part in dollars
    )


def test_a_long_prompt_has_the_prices_of_long_prompts() -> None:
    short = cost_of("gemini-2.5-pro", TokenUsage(200_000, 50_000, output=1000), url=GOOGLE)
    long = cost_of("gemini-2.5-pro", TokenUsage(400_000, 100_000, output=2000), url=GOOGLE)
    assert short.parts == (187_500_000, 6_250_000, 0, 10_000_000)
    assert long.parts == (2 * 2 * 187_500_000, 2 * 2 * 6_250_000, 0, 2 * 15_000_000)


@pytest.mark.parametrize(
    ("model", "url", "usage", "raw", "parts"),
    [
        (
            "gpt-audio",
            OPENAI,
            TokenUsage(input=1000, completion=1000, output=1000),
            {"prompt_tokens_details": {"audio_tokens": 600}, "completion_tokens_details": {"audio_tokens": 700}},
            (400 * 2_500 + 600 * 32_000, 0, 0, 300 * 10_000 + 700 * 64_000),
        ),
        (
            "gpt-realtime",
            OPENAI,
            TokenUsage(input=1000, cached_input=500),
            {
                "input_token_details": {
                    "audio_tokens": 600,
                    "cached_tokens": 500,
                    "cached_tokens_details": {"audio_tokens": 300},
                }
            },
            (200 * 4_000 + 300 * 32_000, 500 * 400, 0, 0),
        ),
        (
            "claude-sonnet-4-5",
            ANTHROPIC,
            TokenUsage(input=1000, cache_write=1000),
            {"cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600}},
            (0, 0, 400 * 3_750 + 600 * 6_000, 0),
        ),
    ],
    ids=["sound", "cached sound", "kept for an hour"],
)
def test_what_is_billed_apart_is_in_the_part_of_its_tokens(
    model: str, url: str, usage: TokenUsage, raw: dict[str, object], parts: tuple[int, ...]
) -> None:
    cost = cost_of(model, usage, raw, url)
    assert cost.parts == parts
    assert cost.nano == sum(parts)


def test_searches_and_requests_are_in_no_part() -> None:
    searched = cost_of(
        "claude-sonnet-4-5", TokenUsage(input=1000), {"server_tool_use": {"web_search_requests": 3}}, ANTHROPIC
    )
    assert searched.parts == (3_000_000, 0, 0, 0)
    assert searched.nano == 33_000_000
    price = Price("*", input=Decimal(1), request=Decimal("0.01"))
    assert PriceBook([price]).cost(["x"], TokenUsage(input=5)) == Cost(10_005_000, "admin", (5_000, 0, 0, 0))


def test_of_a_sum_that_a_provider_says_nobody_knows_the_parts() -> None:
    cost = cost_of("gpt-4o", TokenUsage(input=1000, output=10), {"cost": 0.5})
    assert cost == Cost(500_000_000, "provider", None, None)


def test_what_costs_nothing_has_parts_that_cost_nothing() -> None:
    usage = TokenUsage(input=1000, cached_input=10, output=10)
    for cost in (PriceBook().cost(["x"], usage, is_free_connection=True), PriceBook().cost(["a/b:free"], usage)):
        assert cost is not None
        assert (cost.nano, cost.parts, cost.version) == (0, (0, 0, 0, 0), None)
