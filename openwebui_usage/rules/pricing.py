"""What a call costs, in whole nano-dollars, fixed when it is made.

The first of these that knows decides: the admin's own price of an id, the admin's word that a connection costs nothing,
the admin's price of a glob, the cost that the provider itself reported (where it can be believed), what is free by its
name (OpenRouter's ``:free``), the public prices in genai-prices. Where none does, a call is unpriced: that is shown as
such, and never as 0. (The token client, all of whose limits are in money, has a price for that case.)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from openwebui_usage.rules import public_prices
from openwebui_usage.rules.billed_kinds import read_kinds
from openwebui_usage.rules.claimed_cost import ceiling, claimed_cost
from openwebui_usage.rules.cost_parts import CostParts, NanoParts
from openwebui_usage.rules.groups import matches
from openwebui_usage.rules.money import NANO, nano_dollars
from openwebui_usage.rules.tokens import TokenUsage

Source = Literal[
    "admin",
    "connection",
    "provider",
    "free",
    "genai-prices",
    "otherwise",
    "not-believed",
    "not-believed:free",
    "not-believed:genai-prices",
    "not-believed:otherwise",
]
"""Who says what a call cost. `not-believed`: the provider said a cost that no provider asks for so many tokens, so the
next one who knows was asked, if any.
"""
_NOT_BELIEVED: dict[Source, Source] = {
    "free": "not-believed:free",
    "genai-prices": "not-believed:genai-prices",
    "otherwise": "not-believed:otherwise",
}
MILLION = 1_000_000
MOST_NANO = MILLION * NANO
"""A million dollars: no call costs more, whatever its price says, or a few of them would not fit into a sum."""
_MOST_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 500


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

    def cost(self, usage: TokenUsage) -> CostParts:
        """The cost of one call."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        plain = max(0, usage.input - usage.cached_input - usage.cache_write)
        return CostParts(
            input=plain * self.input / MILLION,
            cached_input=usage.cached_input * cached / MILLION,
            cache_write=usage.cache_write * written / MILLION,
            output=usage.output * self.output / MILLION,
            beside=self.request,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost, and who says so."""

    nano: int
    source: Source
    parts: NanoParts | None = None
    """What tokens of each type cost of it; None where only the sum is known. The price of the request itself and of
    searches is in `nano` alone: the parts add up to `nano` or less.
    """
    version: str | None = None
    """Of the list of prices, where it is a list's."""

    @classmethod
    def by_parts(cls, parts: CostParts, source: Source, version: str | None = None) -> Cost:
        """What is known by its parts, but no more than `MOST_NANO`."""
        nano, by_type = parts.in_nano(MOST_NANO)
        return cls(nano, source, by_type, version)


_NO_PARTS: NanoParts = (0, 0, 0, 0)
"""Of what costs nothing."""


class PriceBook:
    """Prices as they are now. `prices` are the admin's, most specific first (see `by_specificity`)."""

    def __init__(self, prices: Iterable[Price] = (), fallback_price: Price | None = None) -> None:
        """`fallback_price` is for models that nobody knows a price of.

        Looks nothing up yet; genai-prices is imported when a public price is first needed.
        """
        self.prices = tuple(prices)
        self._fallback_price = fallback_price
        self._exact = {price.pattern: price for price in reversed(self.prices) if not is_glob(price.pattern)}
        self._globs = tuple(price for price in self.prices if is_glob(price.pattern))
        self._free: dict[tuple[str | None, ...], bool] = {}

    def cost(
        self,
        model_ids: Sequence[str],
        usage: TokenUsage,
        raw: Mapping[str, Any] | None = None,
        at: float | None = None,
        provider_url: str | None = None,
        *,
        is_free_connection: bool = False,
    ) -> Cost | None:
        """The cost of a call; None where nobody knows a price.

        `model_ids` are the ids by which the model is known, the most specific first, so the last one is what is called;
        `raw` is the provider's usage payload, `at` is seconds since the epoch, `provider_url` the base URL that it went
        to.
        """
        exact = self._exact_price(model_ids)
        if exact is None and is_free_connection:
            return Cost(0, "connection", _NO_PARTS)
        price = exact or self._glob_price(model_ids[-1])
        if price is not None:
            return Cost.by_parts(price.cost(usage), "admin")
        claimed = claimed_cost(raw) if raw else None
        is_believed = claimed is not None and claimed <= ceiling(usage.input + usage.output)
        if claimed is not None and is_believed:
            return Cost(nano_dollars(claimed), "provider")
        cost = self._listed_cost(model_ids[-1], usage, raw, at, provider_url)
        if claimed is not None and cost is not None:
            return replace(cost, source=_NOT_BELIEVED[cost.source])
        return cost

    def _listed_cost(
        self,
        model_id: str,
        usage: TokenUsage,
        raw: Mapping[str, Any] | None,
        at: float | None,
        provider_url: str | None,
    ) -> Cost | None:
        """By the model that answered: a workspace model may be called "gpt-4-helper", whatever it is made of."""
        if public_prices.is_free_variant(model_id, provider_url):
            return Cost(0, "free", _NO_PARTS)
        public = public_prices.public_cost(
            model_id,
            usage,
            time.time() if at is None else at,
            provider_url,
            read_kinds(raw),
            public_prices.context_of(raw),
        )
        if public is not None:
            return Cost.by_parts(public, "genai-prices", public_prices.version())
        if self._fallback_price is not None:
            return Cost.by_parts(self._fallback_price.cost(usage), "otherwise")
        return None

    def source(self, model_id: str, provider_url: str | None = None) -> Source | None:
        """Who knows the price of a model before it is called; None for nobody."""
        cost = self.cost([model_id], TokenUsage(input=1, completion=1, output=1), provider_url=provider_url)
        return None if cost is None else cost.source

    def price(self, model_ids: Sequence[str]) -> Price | None:
        """The admin's price of a model: of one of its ids, or of a glob that fits what is called.

        A glob does not look at what a workspace model is called: who may name one could make it free.
        """
        return self._exact_price(model_ids) or self._glob_price(model_ids[-1])

    def _exact_price(self, model_ids: Sequence[str]) -> Price | None:
        exact = self._exact
        for model_id in model_ids:
            if model_id in exact:
                return exact[model_id]
        return None

    def _glob_price(self, model_id: str) -> Price | None:
        for price in self._globs:
            if matches(price.pattern, model_id):
                return price
        return None

    def is_free(
        self, model_ids: Sequence[str], provider_url: str | None = None, *, is_free_connection: bool = False
    ) -> bool:
        """Whether a model is known to cost nothing. An unpriced one is not."""
        key = (*model_ids, provider_url, "free" if is_free_connection else None)
        known = self._free.get(key)
        if known is None:
            usage = TokenUsage(input=MILLION, completion=MILLION, output=MILLION)
            cost = self.cost(model_ids, usage, provider_url=provider_url, is_free_connection=is_free_connection)
            known = cost is not None and cost.nano == 0
            if all(len(model_id) <= _LONGEST_REMEMBERED for model_id in model_ids):
                if len(self._free) >= _MOST_REMEMBERED:
                    self._free.clear()
                self._free[key] = known
        return known


def is_absurd(raw: Mapping[str, Any] | None, usage: TokenUsage) -> bool:
    """Whether the provider says a cost that is not believed."""
    claimed = claimed_cost(raw) if raw else None
    return claimed is not None and claimed > ceiling(usage.input + usage.output)


def is_glob(pattern: str) -> bool:
    """Whether a price is that of many models."""
    return "*" in pattern or "?" in pattern


def by_specificity(prices: Iterable[Price]) -> list[Price]:
    """Exact ids before globs, longer patterns before shorter ones."""
    return sorted(prices, key=lambda price: (is_glob(price.pattern), -len(price.pattern)))
