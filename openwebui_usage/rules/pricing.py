"""What a call costs, in whole nano-dollars, fixed when it is made.

The first of these that knows decides: the admin's own prices, the cost that the provider itself reported, the public
prices in genai-prices (offline, as shipped with that package). Where none does, a call is unpriced: that is shown as
such, and never as 0. (The token client, all of whose limits are in money, has a price for that case.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Literal

from openwebui_usage.rules.budgets import NANO
from openwebui_usage.rules.groups import matches
from openwebui_usage.rules.tokens import TokenUsage, reported_cost

log = logging.getLogger(__name__)

Source = Literal["admin", "provider", "genai-prices", "otherwise"]
MILLION = 1_000_000
MOST_NANO = MILLION * NANO
"""A million dollars: no call costs more, whatever its price says, or a few of them would not fit into a sum."""
_MOST_REMEMBERED = 10_000
_SMALL_PROMPT = 30_000
"""Tokens up to which no provider takes more for a token of a longer prompt."""
_QUARTER = 900
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Price:
    """An admin's price for the models that fit a glob: US dollars per million tokens, and per request.

    None takes the next best: cached input and cache writes cost what input does.
    """

    pattern: str
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Raises ValueError for a price below zero."""
        for name in ("input", "output", "cached_input", "cache_write", "request"):
            price = getattr(self, name)
            if price is not None and not (price.is_finite() and price >= 0):
                raise ValueError(f"{name}: must be a number, 0 or more (got {price})")

    def cost(self, usage: TokenUsage) -> Decimal:
        """The cost of one call in US dollars."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        plain = max(0, usage.input - usage.cached_input - usage.cache_write)
        tokens = (
            plain * self.input + usage.cached_input * cached + usage.cache_write * written + usage.output * self.output
        )
        return tokens / MILLION + self.request


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost, and who says so."""

    nano: int
    source: Source


class PriceBook:
    """Prices as they are now. `prices` are the admin's, most specific first (see `in_order`)."""

    def __init__(self, prices: Iterable[Price] = (), otherwise: Price | None = None) -> None:
        """`otherwise` is for models that nobody knows a price of.

        Looks nothing up yet; genai-prices is imported when a public price is first needed.
        """
        self.prices = tuple(prices)
        self._otherwise = otherwise
        self._free: dict[tuple[str, ...], bool] = {}

    def cost(
        self, model_ids: Sequence[str], usage: TokenUsage, raw: Mapping[str, Any] | None = None, at: float | None = None
    ) -> Cost | None:
        """The cost of a call; None where nobody knows a price.

        `model_ids` are the ids by which the model is known, the most specific first; `at` is seconds since the epoch.
        """
        price = self.price(model_ids)
        if price is not None:
            return Cost(min(MOST_NANO, nano_dollars(price.cost(usage))), "admin")
        reported = reported_cost(raw) if raw else None
        if reported is not None:
            return Cost(nano_dollars(Decimal(str(reported))), "provider")
        # The model that answered: a workspace model may be called "gpt-4-helper", whatever it is made of.
        public = _public_cost(model_ids[-1], usage, time.time() if at is None else at)
        if public is not None:
            return Cost(nano_dollars(public), "genai-prices")
        if self._otherwise is not None:
            return Cost(min(MOST_NANO, nano_dollars(self._otherwise.cost(usage))), "otherwise")
        return None

    def source(self, model_id: str) -> Source | None:
        """Who knows the price of a model before it is called; None for nobody."""
        cost = self.cost([model_id], TokenUsage(input=1, completion=1, output=1))
        return None if cost is None else cost.source

    def price(self, model_ids: Sequence[str]) -> Price | None:
        """The admin's price of a model."""
        for model_id in model_ids:
            for price in self.prices:
                if matches(price.pattern, model_id):
                    return price
        return None

    def is_free(self, model_ids: Sequence[str]) -> bool:
        """Whether a model is known to cost nothing. An unpriced one is not."""
        known = self._free.get(tuple(model_ids))
        if known is None:
            cost = self.cost(model_ids, TokenUsage(input=MILLION, completion=MILLION, output=MILLION))
            known = cost is not None and cost.nano == 0
            if len(self._free) < _MOST_REMEMBERED:
                self._free[tuple(model_ids)] = known
        return known


def in_order(prices: Iterable[Price]) -> list[Price]:
    """Exact ids before globs, longer patterns before shorter ones."""
    return sorted(prices, key=lambda price: ("*" in price.pattern or "?" in price.pattern, -len(price.pattern)))


def nano_dollars(dollars: Decimal) -> int:
    """Whole nano-dollars, rounded half up."""
    return int((dollars * NANO).to_integral_value(ROUND_HALF_UP))


def dollars(nano: int | None) -> float | None:
    """For JSON; None stays None."""
    return None if nano is None else nano / NANO


def _public_cost(model_id: str, usage: TokenUsage, at: float) -> Decimal | None:
    found = _known_name(model_id)
    if found is None:
        return None
    try:
        if usage.input > _SMALL_PROMPT:
            return _calculate(*found, usage, at)
        return _rate(*found, at // _QUARTER * _QUARTER).cost(usage)
    except (LookupError, ValueError) as error:
        log.debug("No public price for %s: %s", model_id, error)
        return None


@lru_cache(maxsize=10_000)
def _rate(name: str, provider: str | None, quarter: float) -> Price:
    """A model's public price as rates: calculating a call by these is fifty times faster than asking the package.

    True for small prompts only, for large ones are dearer with some providers; and for the quarter of an hour that
    begins at `quarter`, for a few providers have night rates.
    """
    unit = 1000
    base = _calculate(name, provider, TokenUsage(), quarter)

    def per_million(usage: TokenUsage) -> Decimal:
        return (_calculate(name, provider, usage, quarter) - base) * MILLION / unit

    return Price(
        name,
        input=per_million(TokenUsage(input=unit)),
        output=per_million(TokenUsage(output=unit)),
        cached_input=per_million(TokenUsage(input=unit, cached_input=unit)),
        cache_write=per_million(TokenUsage(input=unit, cache_write=unit)),
        request=base,
    )


def _calculate(name: str, provider: str | None, usage: TokenUsage, at: float) -> Decimal:
    """The price in US dollars. Raises LookupError for an unknown model."""
    import genai_prices

    counts = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached_input or None,
        cache_write_tokens=usage.cache_write or None,
        output_tokens=usage.output,
    )
    moment = datetime.fromtimestamp(at, UTC)
    price = genai_prices.calc_price(counts, name, provider_id=provider, genai_request_timestamp=moment).total_price
    if price < 0:
        raise ValueError(f"negative price for {name}")
    return price


@lru_cache(maxsize=10_000)
def _known_name(model_id: str) -> tuple[str, str | None] | None:
    """The name, and where the id tells it the provider, under which genai-prices knows a model.

    Connections put prefixes in front of ids: `openai/gpt-4o`, `azure.gpt-4o`, `openrouter.anthropic/claude-…`.
    Models with an Ollama tag (`llama3.2:latest`) run on the deployment's own machines: they have no public price.
    """
    if ":" in model_id and "/" not in model_id:
        return None
    try:
        import genai_prices
    except ImportError:
        return None
    probe = genai_prices.Usage(input_tokens=1, output_tokens=1)
    candidates: list[tuple[str, str | None]] = [(model_id, None)]
    for separator in ("/", "."):
        head, _, tail = model_id.partition(separator)
        if tail and not any(char.isdigit() for char in head):
            candidates += [(tail, head.lower()), (tail, None)]
    for name, provider in candidates:
        try:
            genai_prices.calc_price(probe, name, provider_id=provider)
        except (LookupError, ValueError):
            continue
        return name, provider
    return None
