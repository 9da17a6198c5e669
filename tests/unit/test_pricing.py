"""What a call costs, and who says so."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import ClassVar

import pytest
from genai_prices.data import providers
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules import public_prices
from openwebui_usage.rules.billed_kinds import BilledKinds
from openwebui_usage.rules.money import NANO, nano_dollars
from openwebui_usage.rules.pricing import MILLION, MOST_NANO, Cost, Price, PriceBook, by_specificity, is_absurd
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_fields import MAX_TOKENS

USAGE = TokenUsage(input=1000, cached_input=100, completion=500, reasoning=100, output=500)


class TestTheOrder:
    book = PriceBook([Price("mine*", input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.5"))])

    def test_the_admins_price_comes_first(self) -> None:
        cost = self.book.cost(["gpt-4o", "mine-1"], USAGE, {"cost": 9.0})
        assert cost == Cost(1_950_000, "admin", (900_000, 50_000, 0, 1_000_000))

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
        assert dear.cost(["dear"], most) == Cost(MOST_NANO, "admin", (MOST_NANO // 2, 0, 0, MOST_NANO // 2))

    @pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "much", None])
    def test_nonsense_of_a_provider_is_no_price(self, cost: object) -> None:
        assert self.book.cost(["nobody-knows-this"], USAGE, {"cost": cost}) is None


@pytest.mark.parametrize("model", ["openai/gpt-4o", "azure.gpt-4o"])
def test_a_connections_prefix_hides_no_price(model: str) -> None:
    assert PriceBook().cost([model], USAGE) == PriceBook().cost(["gpt-4o"], USAGE)


def test_exact_ids_come_before_globs_and_longer_patterns_before_shorter() -> None:
    patterns = ["*", "gpt-*", "gpt-4o", "gpt-4*"]
    assert [price.pattern for price in by_specificity(map(Price, patterns))] == ["gpt-4o", "gpt-4*", "gpt-*", "*"]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.decimals(0, 10_000, places=6), st.decimals(0, 10_000, places=6))
def test_a_cost_is_exact_to_the_nano_dollar(input: int, output: int, rate_in: Decimal, rate_out: Decimal) -> None:  # noqa: A002
    price = Price("*", input=rate_in, output=rate_out)
    exact = (input * rate_in + output * rate_out) * 1000
    assert abs(nano_dollars(price.cost(TokenUsage(input=input, output=output)).dollars) - exact) <= Decimal("0.5")


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
        assert self.price.cost(usage).dollars == Decimal(dollars)

    def test_that_has_none_costs_what_input_does(self) -> None:
        usage = TokenUsage(input=300, cached_input=100, cache_write=100)
        assert Price("*", input=Decimal(10)).cost(usage) == (*3 * [Decimal("0.001")], 0, 0)

    @pytest.mark.parametrize("name", ["input", "output", "cached_input", "cache_write", "request"])
    @pytest.mark.parametrize("value", ["-0.000001", "NaN", "Infinity", "-Infinity"])
    def test_is_never_below_nothing(self, name: str, value: str) -> None:
        with pytest.raises(ValueError, match=f"^{name}: "):
            Price("*", **{name: Decimal(value)})


DEAR = TokenUsage(input=MILLION, completion=MILLION, output=MILLION)
OPENAI, AZURE = "https://api.openai.com/v1", "https://mine.openai.azure.com/openai/v1"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"
OPENROUTER, GROQ = "https://openrouter.ai/api/v1", "https://api.groq.com/openai/v1"
OWN = "http://gpu-1.lan:8000/v1"


def price_of(model: str, url: str | None = None, at: float | None = None) -> Decimal | None:
    """US dollars for a million tokens of each direction, through rates and through the package: the same."""
    at = time.time() if at is None else at
    small = TokenUsage(input=1000, completion=1000, output=1000)
    rated, exact = public_prices.public_cost(model, small, at, url), public_prices.public_cost(model, DEAR, at, url)
    assert (rated is None) is (exact is None)
    return None if rated is None else rated.dollars * 1000


def listed(provider: str, model: str) -> Decimal:
    """What the public list says of a model of its own."""
    return public_prices.calculate(model, provider, TokenUsage(input=1000, output=1000), time.time()) * 1000


@pytest.mark.parametrize(
    ("model", "url", "provider", "name"),
    [
        # The base URL says who is paid.
        ("gpt-4o", OPENAI, "openai", "gpt-4o"),
        ("gpt-4o", "https://eu.api.openai.com/v1", "openai", "gpt-4o"),
        ("gpt-4o", AZURE, "azure", "gpt-4o"),
        ("azure.gpt-4o", AZURE, "azure", "gpt-4o"),
        ("gpt-35-turbo", AZURE, "azure", "gpt-35-turbo"),
        ("openai/gpt-oss-120b", GROQ, "groq", "openai/gpt-oss-120b"),
        ("groq.openai/gpt-oss-120b", GROQ, "groq", "openai/gpt-oss-120b"),
        ("gpt-oss-120b", "https://api.cerebras.ai/v1", "cerebras", "gpt-oss-120b"),
        ("openai/gpt-4o", OPENROUTER, "openrouter", "openai/gpt-4o"),
        ("anthropic/claude-3.7-sonnet:thinking", OPENROUTER, "openrouter", "anthropic/claude-3.7-sonnet:thinking"),
        ("google/gemini-2.5-pro:nitro", OPENROUTER, "openrouter", "google/gemini-2.5-pro"),
        ("or.openai/gpt-4o:online", OPENROUTER, "openrouter", "openai/gpt-4o"),
        (
            "models/gemini-2.5-flash",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "google",
            "gemini-2.5-flash",
        ),
        (
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "https://api.together.xyz/v1",
            "together",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ),
        (
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "https://api.together.ai/v1",
            "together",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        ),
        ("sonar-pro", "https://api.perplexity.ai", "perplexity", "sonar-pro"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", BEDROCK, "aws", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        (
            "claude-sonnet-4-5@20250929",
            "https://us-east5-aiplatform.googleapis.com/v1",
            "google",
            "claude-sonnet-4-5@20250929",
        ),
        # The id says it, where no URL does.
        ("gpt-4o", None, "openai", "gpt-4o"),
        ("gpt-4o", OWN, "openai", "gpt-4o"),
        ("openai/gpt-4o", None, "openai", "gpt-4o"),
        ("azure.gpt-4o", None, "azure", "gpt-4o"),
        ("openrouter.anthropic/claude-3.7-sonnet:thinking", None, "openrouter", "anthropic/claude-3.7-sonnet:thinking"),
        ("litellm.openai/gpt-4o", OWN, "openai", "gpt-4o"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", None, "aws", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, "aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            OWN,
            "aws",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("eu.amazon.nova-pro-v1:0", None, "aws", "amazon.nova-pro-v1:0"),
        ("meta.llama3-1-70b-instruct-v1:0", None, "aws", "meta.llama3-1-70b-instruct-v1:0"),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", None, "aws", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("aws.us.deepseek.r1-v1:0", None, "aws", "us.deepseek.r1-v1:0"),
        ("openai.gpt-oss-120b-1:0", None, "aws", "openai.gpt-oss-120b-1:0"),
        ("ft:gpt-4o-2024-08-06:org::id", None, "openai", "ft:gpt-4o-2024-08-06:org::id"),
        ("ft:gpt-4o-mini-2024-07-18:acme:mine:id", OPENAI, "openai", "ft:gpt-4o-mini-2024-07-18:acme:mine:id"),
        ("openai.ft:gpt-4o-2024-08-06:org::id", OWN, "openai", "ft:gpt-4o-2024-08-06:org::id"),
        # A pipe called after a maker is no Bedrock.
        ("anthropic.claude-sonnet-4-5-20250929", None, "anthropic", "claude-sonnet-4-5-20250929"),
    ],
)
def test_the_provider_is_known_by_its_url_or_else_by_the_id(
    model: str, url: str | None, provider: str, name: str
) -> None:
    assert price_of(model, url) == listed(provider, name) > 0


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("llama3.2:latest", None),
        ("gpt-oss:20b", OWN),
        ("deepseek-r1:8b-llama-distill-q4_K_M", "http://localhost:11434"),
        ("hf.co/deepseek-ai/deepseek-chat:Q4_K_M", None),
        ("ollama.hf.co/deepseek-ai/deepseek-chat:Q4_K_M", None),
        ("my-deployment", AZURE),
        ("gpt-4o", GROQ),
        ("", None),
        ("/", OWN),
        ("." * 400, None),
        ("gpt-4o" * 100, None),
        ("x" * 2_000_000, OPENAI),
    ],
)
def test_what_the_list_does_not_have_is_not_priced_as_something_else(model: str, url: str | None) -> None:
    assert price_of(model, url) is None


def test_a_broken_url_hides_no_price() -> None:
    assert price_of("gpt-4o", "https://[broken") == price_of("gpt-4o")


class TestBilledKinds:
    """Each has the price that the public list has for it."""

    AT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()

    def dollars(self, model: str, url: str, usage: TokenUsage, raw: dict[str, object]) -> Decimal:
        cost = PriceBook().cost([model], usage, raw, self.AT, url)
        assert cost is not None
        assert cost.source == "genai-prices"
        return Decimal(cost.nano) / NANO

    def test_sound_costs_more_than_text(self) -> None:
        usage = TokenUsage(input=1000, completion=1000, output=1000)
        raw: dict[str, object] = {
            "prompt_tokens_details": {"audio_tokens": 600},
            "completion_tokens_details": {"audio_tokens": 700},
        }
        assert self.dollars("gpt-audio", OPENAI, usage, {}) == Decimal("0.0125")
        dollars = (400 * Decimal("2.5") + 600 * 32 + 300 * 10 + 700 * 64) / MILLION
        assert self.dollars("gpt-audio", OPENAI, usage, raw) == dollars

    def test_cached_sound_has_a_price_of_its_own(self) -> None:
        usage = TokenUsage(input=1000, cached_input=500)
        details = {"audio_tokens": 600, "cached_tokens": 500, "cached_tokens_details": {"audio_tokens": 300}}
        dollars = (200 * 4 + 300 * 32 + 500 * Decimal("0.4")) / MILLION
        assert self.dollars("gpt-realtime", OPENAI, usage, {"input_token_details": details}) == dollars

    def test_sound_is_known_by_geminis_modalities(self) -> None:
        usage = TokenUsage(input=1000)
        raw = {
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 400}, {"modality": "AUDIO", "tokenCount": 600}]
        }
        url = "https://generativelanguage.googleapis.com/v1beta/openai"
        assert self.dollars("gemini-2.5-flash", url, usage, raw) == Decimal("0.4") * Decimal("0.0003") + Decimal(
            "0.6"
        ) * Decimal("0.001")

    @pytest.mark.parametrize(
        "raw",
        [
            {"cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600}},
            {"claude_cache_creation_1_h_tokens": 600},
            {"cacheDetails": [{"ttl": "1h", "inputTokens": 600}, {"ttl": "5m", "inputTokens": 400}]},
        ],
    )
    def test_what_is_kept_for_an_hour_costs_more_to_write(self, raw: dict[str, object]) -> None:
        usage = TokenUsage(input=1000, cache_write=1000)
        url = "https://api.anthropic.com/v1"
        assert self.dollars("claude-sonnet-4-5", url, usage, {}) == Decimal("0.00375")
        assert self.dollars("claude-sonnet-4-5", url, usage, raw) == Decimal("0.4") * Decimal("0.00375") + Decimal(
            "0.6"
        ) * Decimal("0.006")

    def test_searches_cost_what_the_list_says(self) -> None:
        raw = {"server_tool_use": {"web_search_requests": 3}}
        url = "https://api.anthropic.com/v1"
        assert self.dollars("claude-sonnet-4-5", url, TokenUsage(input=1000), raw) == Decimal("0.003") + 3 * Decimal(
            "0.01"
        )

    @pytest.mark.parametrize(
        ("model", "url", "raw"),
        [
            ("o3", OPENAI, {"service_tier": "flex"}),
            ("gpt-5", OPENAI, {"service_tier": "priority"}),
            ("claude-opus-5-5", "https://api.anthropic.com/v1", {"speed": "fast"}),
        ],
    )
    def test_a_tier_has_its_own_price(self, model: str, url: str, raw: dict[str, object]) -> None:
        usage = TokenUsage(input=1000, completion=1000, output=1000)
        provider = public_prices.provider_of(url)
        context = tuple((str(key), str(value)) for key, value in raw.items())
        exact = public_prices.calculate(model, provider, usage, self.AT, context=context)
        assert self.dollars(model, url, usage, raw) == exact
        assert exact != public_prices.calculate(model, provider, usage, self.AT)

    @pytest.mark.parametrize("tier", ["default", "auto", "standard", "on_demand", "", None, 5, ["flex"]])
    def test_the_usual_tier_has_the_usual_price(self, tier: object) -> None:
        usage = TokenUsage(input=1000)
        assert self.dollars("gpt-5", OPENAI, usage, {"service_tier": tier}) == self.dollars("gpt-5", OPENAI, usage, {})

    @given(
        st.integers(0, 30_000),
        st.integers(0, 30_000),
        st.integers(0, 30_000),
        st.integers(0, 30_000),
        st.builds(BilledKinds, **dict.fromkeys(BilledKinds.__slots__, st.integers(0, 40_000))),
    )
    def test_parts_larger_than_their_whole_make_no_nonsense(
        self, plain: int, cached: int, written: int, output: int, kinds: BilledKinds
    ) -> None:
        usage = TokenUsage(plain + cached + written, cached, written, output, 0, output)
        searched = replace(kinds, searches=min(kinds.searches, 10))
        for model, provider in (
            ("claude-sonnet-4-5", "anthropic"),
            ("gpt-audio", "openai"),
            ("gpt-realtime", "openai"),
        ):
            exact = public_prices.calculate(model, provider, usage, self.AT, searched)
            rated = public_prices.rate(model, provider, self.AT).cost(usage, searched).dollars
            if usage.input <= public_prices.SMALL_PROMPT:
                assert float(rated) == pytest.approx(float(exact), rel=1e-9, abs=1e-12)
            assert exact >= 0


class TestAnAbsurdCost:
    ABSURD: ClassVar = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 999_999}
    TWO = TokenUsage(input=1, completion=1, output=1)

    def test_is_not_believed_and_the_next_who_knows_is_asked(self) -> None:
        known, unknown = (
            PriceBook().cost(["gpt-4o"], self.TWO, self.ABSURD),
            PriceBook().cost(["x"], self.TWO, self.ABSURD),
        )
        assert known == Cost(12_500, "not-believed:genai-prices", (2_500, 0, 0, 10_000), version("genai-prices"))
        assert unknown is None
        assert is_absurd(self.ABSURD, self.TWO)
        guess = PriceBook(fallback_price=Price("*", input=Decimal(1)))
        assert guess.cost(["x"], self.TWO, self.ABSURD) == Cost(1000, "not-believed:otherwise", (1000, 0, 0, 0))
        assert PriceBook([Price("x", input=Decimal(2))]).cost(["x"], self.TWO, self.ABSURD) == Cost(
            2000, "admin", (2000, 0, 0, 0)
        )

    def test_of_a_model_that_is_free_by_its_name_leaves_it_free(self) -> None:
        assert PriceBook().cost(["a/b:free"], self.TWO, self.ABSURD) == Cost(0, "not-believed:free", (0, 0, 0, 0))

    @given(st.integers(0, MAX_TOKENS), st.floats(0, 1e14))
    def test_never_makes_a_sum_overflow(self, tokens: int, cost: float) -> None:
        found = PriceBook().cost(["x"], TokenUsage(input=tokens), {"cost": cost})
        assert found is None or 0 <= found.nano <= 10_000 * NANO


class TestNames:
    """A glob is about what is called; an exact id about what it names."""

    book = PriceBook(
        by_specificity([Price("llama*"), Price("helper", input=Decimal(1)), Price("gpt-4o", input=Decimal(7))])
    )

    @pytest.mark.parametrize(
        ("model_ids", "input_price"),
        [
            (["llama-mine", "gpt-4o"], 7),
            (["llama*", "gpt-4o"], 7),
            (["llama-mine", "llama3.2:latest"], 0),
            (["helper", "gpt-4o"], 1),
            (["helper", "llama3.2:latest"], 1),
            (["gpt-4o"], 7),
        ],
    )
    def test_no_name_makes_a_model_cheaper_than_what_it_calls(self, model_ids: list[str], input_price: int) -> None:
        price = self.book.price(model_ids)
        assert price is not None
        assert price.input == input_price
        assert self.book.is_free(model_ids) is (input_price == 0)
        assert self.book.cost(model_ids, TokenUsage(input=MILLION)) == Cost(
            input_price * NANO, "admin", (input_price * NANO, 0, 0, 0)
        )

    def test_a_free_name_on_a_model_that_the_list_knows_costs_what_that_does(self) -> None:
        book = PriceBook([Price("llama*")])
        assert book.cost(["llama-mine", "gpt-4o"], USAGE) == PriceBook().cost(["gpt-4o"], USAGE)
        assert not book.is_free(["llama-mine", "gpt-4o"])

    def test_a_workspace_models_name_is_no_free_variant(self) -> None:
        assert not PriceBook().is_free(["mine/helper:free", "gpt-4o"])


class TestAFreeConnection:
    book = PriceBook(by_specificity([Price("*", input=Decimal(3)), Price("mine", input=Decimal(2))]))

    def test_costs_nothing_whatever_model_it_serves(self) -> None:
        for model in ("gpt-oss:20b", "deepseek-chat", "nobody-knows-this"):
            assert PriceBook().cost([model], USAGE, {"cost": 5}, is_free_connection=True) == Cost(
                0, "connection", (0, 0, 0, 0)
            )
            assert PriceBook().is_free([model], OWN, is_free_connection=True)
        assert not PriceBook().is_free(["deepseek-chat"], OWN)

    def test_yields_to_a_price_of_that_very_model(self) -> None:
        assert self.book.cost(["mine"], TokenUsage(input=MILLION), is_free_connection=True) == Cost(
            2 * NANO, "admin", (2 * NANO, 0, 0, 0)
        )
        assert self.book.cost(["other"], TokenUsage(input=MILLION), is_free_connection=True) == Cost(
            0, "connection", (0, 0, 0, 0)
        )
        assert self.book.cost(["other"], TokenUsage(input=MILLION)) == Cost(3 * NANO, "admin", (3 * NANO, 0, 0, 0))


class TestAFreeModel:
    @pytest.mark.parametrize(
        ("model", "url", "is_free"),
        [
            ("deepseek/deepseek-chat:free", OPENROUTER, True),
            ("nobody/knows-this:free", OPENROUTER, True),
            ("nobody/knows-this:free", None, True),
            ("openrouter.nobody/knows-this:free", None, True),
            ("openai/gpt-4o:free", GROQ, False),
            ("ft:gpt-4o-2024-08-06:org:x:free", OPENAI, False),
            ("mine:free", OPENROUTER, False),
        ],
    )
    def test_is_one_of_openrouters_that_says_so(self, model: str, url: str | None, is_free: bool) -> None:
        assert PriceBook().is_free([model], url) is is_free

    def test_costs_what_the_provider_says_where_it_says_more(self) -> None:
        assert PriceBook().cost(["a/b:free"], USAGE, {"cost": 0.01}) == Cost(10_000_000, "provider")
        assert PriceBook().cost(["a/b:free"], USAGE) == Cost(0, "free", (0, 0, 0, 0))

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
        assert cost.nano == nano_dollars(public_prices.calculate("deepseek-chat", None, usage, moment.timestamp())), (
            moment
        )
        different.add(cost.nano)
    assert len(different) == 2


def test_large_prompts_cost_what_the_package_says() -> None:
    """Some providers take more for each token of a long prompt."""
    long, now = TokenUsage(input=300_000, completion=10, output=10), time.time()
    cost = PriceBook().cost(["gemini-2.5-pro"], long, at=now)
    short = PriceBook().cost(["gemini-2.5-pro"], TokenUsage(input=30_000, completion=1, output=1))
    assert cost is not None
    assert short is not None
    assert cost.nano == nano_dollars(public_prices.calculate("gemini-2.5-pro", None, long, now))
    assert cost.nano > 10 * short.nano


def test_rates_give_what_the_package_gives_for_every_model_it_knows() -> None:
    dice, now, compared, long = random.Random(1), time.time(), 0, 0
    quarter = now // public_prices.QUARTER * public_prices.QUARTER
    for provider in providers:
        for model in provider.models:
            try:
                sizes = public_prices.long_prompts(model.id, provider.id, quarter)
            except (LookupError, ValueError):
                continue
            around = [size + more for size in sizes for more in (0, 1, dice.randint(2, 10**6))]
            for prompt in (dice.randint(0, public_prices.SMALL_PROMPT), *around):
                cached = dice.randint(0, prompt)
                usage = TokenUsage(prompt, cached, dice.randint(0, prompt - cached), output=dice.randint(0, 9000))
                try:
                    exact = public_prices.calculate(model.id, provider.id, usage, now)
                except (LookupError, ValueError):
                    continue
                over = max((size for size in sizes if size < prompt), default=0)
                rate = public_prices.rate(model.id, provider.id, quarter, (), over)
                assert float(rate.cost(usage).dollars) == pytest.approx(float(exact), rel=1e-9, abs=1e-12), model.id
                compared += 1
                long += over > 0
    assert compared > 1000
    assert long > 100
