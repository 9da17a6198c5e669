"""Public prices by provider and model, from the data that is shipped with genai-prices. Nothing is downloaded.

The provider is identified by the base URL of the connection if that is known, else by the model id: connections and
pipes put prefixes in front of ids (`openai/gpt-4o`, `azure.gpt-4o`, `openrouter.anthropic/claude-…`), and Bedrock and
OpenAI's fine-tuned models have ids of their own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from openwebui_usage.rules.billed_kinds import NONE, BilledKinds
from openwebui_usage.rules.cost_parts import CostParts
from openwebui_usage.rules.tokens import TokenUsage

log = logging.getLogger(__name__)

Context = tuple[tuple[str, str], ...]
"""Properties of a request that change its price, as genai-prices names them: ``("service_tier", "flex")``."""

MILLION = 1_000_000
SMALL_PROMPT = 30_000
"""No provider applies long-context rates to prompts of up to this many tokens."""
QUARTER = 900
"""Seconds of a quarter of an hour."""
_LONGEST_ID = 500
_UNIT = 1000

_HOSTS = {
    "api.openai.com": "openai",
    "api.x.ai": "x-ai",
    "api.anthropic.com": "anthropic",
    "api.together.ai": "together",
    "openrouter.ai": "openrouter",
}
"""Hosts with regional names (``eu.api.openai.com``) that genai-prices does not know."""
_BEDROCK_HOST = re.compile(r"bedrock[a-z-]*\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")
_SAME_PRICES = frozenset(("aws", "azure", "google"))
"""Clouds that sell models at their makers' prices: models missing from a cloud's list are looked up at the maker."""
_BEDROCK_ID = re.compile(
    r"(?:^|[./])(?:arn:aws[a-z-]*:bedrock:|bedrock/|(?:us|us-gov|eu|apac|jp|au|ca|sa|me|af|global)\.[a-z0-9]+\.[a-z])"
    r"|^(?:[a-z_-]+[./])*[a-z0-9]+\.[a-z][\w.-]*-v?\d+:\d+(?::\w+)?$",
    re.IGNORECASE,
)
_FINE_TUNED = re.compile(r"(?:^|[./])(ft:.+)$", re.IGNORECASE)
_VARIANT = re.compile(r":(?:free|nitro|floor|thinking|online|beta|extended|exacto)$", re.IGNORECASE)
"""OpenRouter's suffixes for how a request is routed."""
_PULLED = re.compile(r"(?:^|\.)(?:hf\.co|huggingface\.co|modelscope\.cn)/", re.IGNORECASE)
"""Models that Ollama downloaded from these hosts run on your own machine."""


def public_cost(
    model_id: str,
    usage: TokenUsage,
    at: float,
    provider_url: str | None = None,
    kinds: BilledKinds = NONE,
    context: Context = (),
) -> CostParts | None:
    """The cost of a call. None if the list lacks the model. `at`: seconds since the epoch."""
    if len(model_id) > _LONGEST_ID:
        return None
    found = _known_name(model_id, provider_url)
    if found is None:
        return None
    try:
        quarter = at // QUARTER * QUARTER
        over = 0
        if usage.input > SMALL_PROMPT:
            over = max((size for size in long_prompts(*found, quarter, context) if size < usage.input), default=0)
        return rate(*found, quarter, context, over).cost(usage, kinds)
    except (LookupError, ValueError) as error:
        log.debug("No public price for %s: %s", model_id, error)
        return None


def public_rates(model_id: str, at: float, provider_url: str | None = None) -> Rates | None:
    """What tokens cost in prompts of ordinary length. None if the list lacks the model.

    `at` is in seconds since the epoch.
    """
    found = _known_name(model_id, provider_url) if len(model_id) <= _LONGEST_ID else None
    if found is None:
        return None
    try:
        return rate(*found, at // QUARTER * QUARTER)
    except (LookupError, ValueError) as error:
        log.debug("No public price for %s: %s", model_id, error)
        return None


def is_free_variant(model_id: str, provider_url: str | None = None) -> bool:
    """Whether the id names a free variant at OpenRouter (``vendor/model:free``)."""
    return (
        model_id.endswith(":free")
        and "/" in model_id
        and len(model_id) <= _LONGEST_ID
        and provider_of(provider_url) in (None, "openrouter")
    )


def context_of(raw: Mapping[str, Any] | None) -> Context:
    """The service tier and speed that the provider reports, if they have a price of their own."""
    if not raw:
        return ()
    found = []
    tier, speed = raw.get("service_tier") or raw.get("serviceTier"), raw.get("speed")
    if isinstance(tier, str) and tier.lower() in ("flex", "priority", "fast"):
        found.append(("service_tier", tier.lower()))
    if isinstance(tier, str) and tier.lower() == "batch":
        found.append(("processing", "batch"))
    if speed == "fast":
        found.append(("speed", "fast"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per token of each kind, per request and per search."""

    input: Decimal
    output: Decimal
    cached: Decimal
    written: Decimal
    request: Decimal
    written_for_an_hour: Decimal
    audio_input: Decimal
    audio_cached: Decimal
    audio_output: Decimal
    image_input: Decimal
    image_cached: Decimal
    image_output: Decimal
    search: Decimal

    def cost(self, usage: TokenUsage, kinds: BilledKinds = NONE) -> CostParts:
        """The cost of one call."""
        plain = max(0, usage.input - usage.cached_input - usage.cache_write)
        parts = CostParts(
            input=plain * self.input,
            cached_input=usage.cached_input * self.cached,
            cache_write=usage.cache_write * self.written,
            output=usage.output * self.output,
            beside=self.request,
        )
        return parts if kinds is NONE else self._with_kinds(parts, kinds.within(usage))

    def _with_kinds(self, parts: CostParts, kinds: BilledKinds) -> CostParts:
        """The same, corrected by what tokens of `kinds` cost more or less than other tokens of the same part."""
        return CostParts(
            input=parts.input
            + (kinds.audio_input - kinds.audio_cached) * (self.audio_input - self.input)
            + (kinds.image_input - kinds.image_cached) * (self.image_input - self.input),
            cached_input=parts.cached_input
            + kinds.audio_cached * (self.audio_cached - self.cached)
            + kinds.image_cached * (self.image_cached - self.cached),
            cache_write=parts.cache_write + kinds.written_for_an_hour * (self.written_for_an_hour - self.written),
            output=parts.output
            + kinds.audio_output * (self.audio_output - self.output)
            + kinds.image_output * (self.image_output - self.output),
            beside=parts.beside + kinds.searches * self.search,
        )


@lru_cache(maxsize=10_000)
def rate(name: str, provider: str | None, quarter: float, context: Context = (), over: int = 0) -> Rates:
    """A model's public price as rates, by which a call is calculated fifty times faster than by the package.

    They apply to prompts of more than `over` tokens, up to the next size in `long_prompts`, and to the quarter of an
    hour that begins at `quarter`, because a few providers have night rates.
    """
    unit = over + 1 if over else _UNIT
    base = calculate(name, provider, TokenUsage(), quarter, context=context)
    prompt = calculate(name, provider, TokenUsage(input=unit), quarter, context=context)

    def of(usage: TokenUsage, kinds: BilledKinds = NONE) -> Decimal:
        return (calculate(name, provider, usage, quarter, kinds, context) - base) / unit

    def beside(output: int = 0, **kinds: int) -> Decimal:
        """The price of what is not input, which depends on the length of the prompt."""
        usage = TokenUsage(input=unit, output=output)
        return (calculate(name, provider, usage, quarter, BilledKinds(**kinds), context) - prompt) / unit

    sent, read = TokenUsage(input=unit), TokenUsage(input=unit, cached_input=unit)
    written = TokenUsage(input=unit, cache_write=unit)
    return Rates(
        input=of(sent),
        output=beside(unit),
        cached=of(read),
        written=of(written),
        request=base,
        written_for_an_hour=of(written, BilledKinds(written_for_an_hour=unit)),
        audio_input=of(sent, BilledKinds(audio_input=unit)),
        audio_cached=of(read, BilledKinds(audio_input=unit, audio_cached=unit)),
        audio_output=beside(unit, audio_output=unit),
        image_input=of(sent, BilledKinds(image_input=unit)),
        image_cached=of(read, BilledKinds(image_input=unit, image_cached=unit)),
        image_output=beside(unit, image_output=unit),
        search=beside(searches=unit),
    )


@lru_cache(maxsize=10_000)
def long_prompts(name: str, provider: str | None, quarter: float, context: Context = ()) -> tuple[int, ...]:
    """Sizes in tokens above which all tokens have another price. Raises LookupError for an unknown model."""
    from genai_prices.types import TieredPrices

    prices = vars(_calculation(name, provider, {}, quarter, context).model_price).values()
    return tuple({tier.start for price in prices if isinstance(price, TieredPrices) for tier in price.tiers})


@lru_cache(maxsize=1)
def version() -> str:
    """Version of the price list."""
    return metadata.version("genai-prices")


def calculate(
    name: str,
    provider: str | None,
    usage: TokenUsage,
    at: float,
    kinds: BilledKinds = NONE,
    context: Context = (),
) -> Decimal:
    """The price in US dollars. Raises LookupError for an unknown model."""
    counts: dict[str, int] = {
        "input_tokens": usage.input,
        "cache_read_tokens": usage.cached_input,
        "cache_write_tokens": usage.cache_write,
        "output_tokens": usage.output,
    }
    if kinds is not NONE:
        kinds = kinds.within(usage)
        counts |= {
            "cache_write_1h_tokens": kinds.written_for_an_hour,
            "input_audio_tokens": kinds.audio_input,
            "cache_audio_read_tokens": kinds.audio_cached,
            "output_audio_tokens": kinds.audio_output,
            "input_image_tokens": kinds.image_input,
            "cache_image_read_tokens": kinds.image_cached,
            "output_image_tokens": kinds.image_output,
            "web_searches": kinds.searches,
        }
    try:
        price: Decimal = _calculation(name, provider, counts, at, context).total_price
    except ValueError:
        if kinds is NONE:
            raise
        # The list has prices for sound and for cached tokens, but none for cached sound.
        return calculate(name, provider, usage, at, context=context)
    if price < 0:
        raise ValueError(f"negative price for {name}")
    return price


def _calculation(name: str, provider: str | None, counts: Mapping[str, int], at: float, context: Context) -> Any:
    import genai_prices

    return genai_prices.calc_price(
        genai_prices.Usage(**counts),
        name,
        provider_id=provider,
        genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        price_context=dict(context) or None,
    )


@lru_cache(maxsize=10_000)
def _known_name(model_id: str, provider_url: str | None) -> tuple[str, str | None] | None:
    """The name of a model in genai-prices, and its provider there if that is known. None if it is not listed."""
    try:
        import genai_prices
    except ImportError:
        return None
    probe = genai_prices.Usage(input_tokens=1, output_tokens=1)
    for name, provider in _candidates(model_id, provider_of(provider_url)):
        try:
            genai_prices.calc_price(probe, name, provider_id=provider)
        except (LookupError, ValueError):
            continue
        return name, provider
    return None


def _candidates(model_id: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    """Possible names and providers of a model, the likeliest first."""
    if provider is not None:
        for name in _names(model_id):
            yield name, provider
        if provider not in _SAME_PRICES:
            return
    fine_tuned = _FINE_TUNED.search(model_id)
    if fine_tuned:
        yield fine_tuned[1], "openai"
        return
    if _BEDROCK_ID.search(model_id):
        for name in _names(model_id):
            yield name, "aws"
    # Tags of Ollama: such a model runs on your own machines and has no public price.
    elif _PULLED.search(model_id) or (":" in model_id and "/" not in model_id):
        return
    name = model_id
    while name:
        yield name, None
        head, _, name = _split(name)
        for tail in dict.fromkeys((name, _VARIANT.sub("", name)) if name else ()):
            yield tail, head.lower()
            yield tail, None


def _names(model_id: str) -> Iterator[str]:
    """An id, what remains after each of its prefixes is cut off, and all of these without OpenRouter's suffix."""
    name = model_id
    while name:
        yield name
        if _VARIANT.search(name):
            yield _VARIANT.sub("", name)
        name = _split(name)[2]


def _split(name: str) -> tuple[str, str, str]:
    """The first prefix, its separator, and the rest. The dots of ``gpt-4.1`` and ``gemini-2.5-pro`` end no prefix."""
    slash, dot = name.find("/"), name.find(".")
    if dot > 0 and (slash < 0 or dot < slash) and not any(char.isdigit() for char in name[:dot]):
        return name[:dot], ".", name[dot + 1 :]
    return (name[:slash], "/", name[slash + 1 :]) if slash >= 0 else ("", "", "")


@lru_cache(maxsize=1000)
def provider_of(url: str | None) -> str | None:
    """The provider of a base URL, as genai-prices names it. None if it knows none."""
    if not url:
        return None
    try:
        from genai_prices.data_snapshot import get_snapshot

        host = (urlsplit(url).hostname or "").lower()
    except (ImportError, ValueError):
        return None
    if _BEDROCK_HOST.fullmatch(host):
        return "aws"
    for known, provider in _HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return provider
    try:
        return get_snapshot().find_provider(None, None, url).id
    except LookupError:
        return None
