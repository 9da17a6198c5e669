"""What a call costs, in whole nano-dollars, fixed at the time of the call.

The first of these sources that has a price decides: an admin's price for exactly this id, an admin's statement that a
connection is free, an admin's price for a glob, a believable cost reported by the provider, a free variant by name
(OpenRouter's ``:free``), the public prices in genai-prices. Without any of them a call is unpriced, which is shown as
such and never as 0. (The token client has a fallback price, because all its limits are in money.)
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
from openwebui_usage.rules.groups import is_glob, matches
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
"""Where a cost comes from. `not-believed`: the provider reported a cost that no provider charges for so many tokens, so
the next source was used, if there was one.
"""
_NOT_BELIEVED: dict[Source, Source] = {
    "free": "not-believed:free",
    "genai-prices": "not-believed:genai-prices",
    "otherwise": "not-believed:otherwise",
}
MILLION = 1_000_000
MOST_NANO = MILLION * NANO
"""A million dollars. Costs are capped here, so that sums of them fit into 64 bits."""
_MOST_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Price:
    """An admin's price for an id or a glob: US dollars per million tokens, and per request.

    If `cached_input` or `cache_write` is None, the price of `input` applies.
    """

    pattern: str
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Raises ValueError for a negative price."""
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
    """What a call cost, and the source of that."""

    nano: int
    source: Source
    parts: NanoParts | None = None
    """Costs by type of token. None if only the sum is known. The price of the request itself and of searches is in
    `nano` alone, so the parts add up to `nano` or less.
    """
    version: str | None = None
    """Version of the price list, if the cost is from one."""

    @classmethod
    def by_parts(cls, parts: CostParts, source: Source, version: str | None = None) -> Cost:
        """A cost whose parts are known, capped at `MOST_NANO`."""
        nano, by_type = parts.in_nano(MOST_NANO)
        return cls(nano, source, by_type, version)


_NOTHING = Price("")
_NO_PARTS: NanoParts = (0, 0, 0, 0)
"""The parts of a call that costs nothing."""


ListedSource = Literal["admin", "connection", "free", "genai-prices", "otherwise"]
"""Those of `Source` that are known before a call."""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """What a model costs before anything is known of a call, and who says so."""

    price: Price
    """Its pattern is what an admin set a price for, else empty."""
    source: ListedSource
    version: str | None = None
    """Version of the price list, if the price is from one."""


class PriceBook:
    """All prices at one point in time. `prices` are the admins', most specific first (see `by_specificity`)."""

    def __init__(self, prices: Iterable[Price] = (), fallback_price: Price | None = None) -> None:
        """`fallback_price` applies to models without any other price.

        genai-prices is imported when a public price is first needed.
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
        """The cost of a call. None if there is no price.

        `model_ids` are the ids of the model, most specific first, so the last one is the called model; `raw` is the
        provider's usage payload, `at` is seconds since the epoch, `provider_url` the base URL of the connection.
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
        """The public price of the called model: a workspace model may be named "gpt-4-helper", whatever its base."""
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

    def listed(
        self,
        model_ids: Sequence[str],
        at: float,
        provider_url: str | None = None,
        *,
        is_free_connection: bool = False,
    ) -> ListedPrice | None:
        """What calls of a model will cost unless the provider reports another cost. None if there is no price.

        The sources are asked in the order of `cost`, and the arguments mean the same.
        """
        exact = self._exact_price(model_ids)
        if exact is None and is_free_connection:
            return ListedPrice(_NOTHING, "connection")
        price = exact or self._glob_price(model_ids[-1])
        if price is not None:
            return ListedPrice(price, "admin")
        if public_prices.is_free_variant(model_ids[-1], provider_url):
            return ListedPrice(_NOTHING, "free")
        rates = public_prices.public_rates(model_ids[-1], at, provider_url)
        if rates is not None:
            of_input, of_output, of_cached, of_written = (
                rate * MILLION for rate in (rates.input, rates.output, rates.cached, rates.written)
            )
            public = Price("", of_input, of_output, of_cached, of_written, rates.request)
            return ListedPrice(public, "genai-prices", public_prices.version())
        return None if self._fallback_price is None else ListedPrice(self._fallback_price, "otherwise")

    def source(self, model_id: str, provider_url: str | None = None) -> Source | None:
        """The source of a model's price, as far as it is known before a call. None if there is none."""
        cost = self.cost([model_id], TokenUsage(input=1, completion=1, output=1), provider_url=provider_url)
        return None if cost is None else cost.source

    def price(self, model_ids: Sequence[str]) -> Price | None:
        """An admin's price: for one of the model's ids, or for a glob that matches the called model.

        Globs are not matched with names of workspace models, or people who create one could make it free by its name.
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
        """Whether a model is known to cost nothing. An unpriced model is not."""
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
    """Whether the provider reports a cost that is not believable."""
    claimed = claimed_cost(raw) if raw else None
    return claimed is not None and claimed > ceiling(usage.input + usage.output)


def by_specificity(prices: Iterable[Price]) -> list[Price]:
    """Exact ids before globs, longer patterns before shorter ones."""
    return sorted(prices, key=lambda price: (is_glob(price.pattern), -len(price.pattern)))
