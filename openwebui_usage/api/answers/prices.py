"""Prices that admins set."""

from __future__ import annotations

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Dollars, Done
from openwebui_usage.rules.pricing import Price


class UsagePrice(BaseModel):
    """A price that an admin set: US dollars per million tokens, and per request."""

    model: str = Field(description="An id or a glob.", examples=["gpt-4o*"])
    input: Dollars = Field(description="The price of prompt tokens.", examples=[2.5])
    output: Dollars = Field(description="The price of tokens of answers and reasoning.", examples=[10])
    cached_input: Dollars | None = Field(
        description="The price of prompt tokens that came from a cache; null: as `input`.", examples=[1.25]
    )
    cache_write: Dollars | None = Field(
        description="The price of prompt tokens that were written to a cache; null: as `input`.", examples=[None]
    )
    request: Dollars = Field(description="What each request costs beside its tokens.", examples=[0])

    @classmethod
    def of(cls, price: Price) -> UsagePrice:
        """From an entry of the price book."""
        return cls(
            model=price.pattern,
            input=float(price.input),
            output=float(price.output),
            cached_input=None if price.cached_input is None else float(price.cached_input),
            cache_write=None if price.cache_write is None else float(price.cache_write),
            request=float(price.request),
        )


class UsagePrices(BaseModel):
    """All prices that admins set."""

    prices: list[UsagePrice]


class PriceChanged(Done):
    """A price as it is now."""

    price: UsagePrice
