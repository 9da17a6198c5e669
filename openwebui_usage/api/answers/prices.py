"""Prices that admins set."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Dollars, Done
from openwebui_usage.api.answers.reports import LocalMoment
from openwebui_usage.api.directory import DeployedModel
from openwebui_usage.ledger.unpriced import UnpricedModel
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.pricing import ListedPrice, ListedSource, Price


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


class EffectivePrice(BaseModel):
    """What calls of a model cost from now on, in US dollars per million tokens and per request, and who says so."""

    id: str = Field(examples=["gpt-4o"])
    name: str = Field(description="As Open WebUI shows it; not unique.", examples=["GPT-4o"])
    base: str | None = Field(description="The model that a workspace model is built on.", examples=[None])
    called: str = Field(description="The id that the provider is asked for.", examples=["gpt-4o"])
    connection: str | None = Field(
        description="What people know its connection by; null where nobody knows it.",
        examples=["https://api.openai.com/v1"],
    )
    source: ListedSource | None = Field(
        description="`admin`: a price that you set. `connection`: you said that the connection costs nothing. `free`: "
        "a free variant by its name. `genai-prices`: public prices. `otherwise`: the token client's fallback. Null: "
        "nobody knows. A cost that the provider reports with a call comes before `free` and `genai-prices`.",
        examples=["genai-prices"],
    )
    pattern: str | None = Field(description="The id or glob that you set the price for.", examples=[None])
    version: str | None = Field(description="Of the public prices.", examples=["0.2.3"])
    input: Dollars | None = Field(description="Of prompt tokens.", examples=[2.5])
    output: Dollars | None = Field(description="Of tokens of answer and reasoning.", examples=[10])
    cached_input: Dollars | None = Field(description="Of prompt tokens that come from a cache.", examples=[1.25])
    cache_write: Dollars | None = Field(description="Of prompt tokens that are written to a cache.", examples=[2.5])
    request: Dollars | None = Field(description="Of each request, whatever its tokens.", examples=[0])

    @classmethod
    def of(cls, model: DeployedModel, listed: ListedPrice | None) -> EffectivePrice:
        """None: nobody knows what the model costs."""
        known = cls(
            id=model.id,
            name=model.name,
            base=model.base,
            called=model.called,
            connection=model.connection,
            source=None,
            pattern=None,
            version=None,
            input=None,
            output=None,
            cached_input=None,
            cache_write=None,
            request=None,
        )
        return known if listed is None else known.model_copy(update=_listed(listed))


class UnpricedCalls(BaseModel):
    """Calls of one model that nobody knows the price of."""

    model: str = Field(description="The id that the provider was asked for.", examples=["my-own-llama"])
    calls: Count = Field(examples=[120])
    input: Count = Field(description="All prompt tokens.", examples=[84_000])
    cached_input: Count = Field(description="Of `input`, those that came from a cache.", examples=[0])
    cache_write: Count = Field(description="Of `input`, those that were written to a cache.", examples=[0])
    output: Count = Field(description="Tokens of answer and reasoning.", examples=[31_000])

    @classmethod
    def of(cls, found: UnpricedModel) -> UnpricedCalls:
        """As the ledger's days say."""
        return cls(
            model=found.model,
            calls=found.calls,
            input=found.input,
            cached_input=found.cached_input,
            cache_write=found.cache_write,
            output=found.output,
        )


class EffectivePrices(BaseModel):
    """What models cost, and what has no price."""

    models: list[EffectivePrice] = Field(description="All models of the deployment, by name.")
    from_: LocalMoment = Field(serialization_alias="from", description="Where the time of `unpriced` begins.")
    to: LocalMoment = Field(description="Where it ends; not included.")
    unpriced: list[UnpricedCalls] = Field(
        description="Models whose calls had no price then, those with the most tokens first. On days that had priced "
        "calls of the same model as well, the tokens are divided as the calls are."
    )

    @classmethod
    def of(
        cls,
        models: Iterable[tuple[DeployedModel, ListedPrice | None]],
        time: TimeRange,
        unpriced: Iterable[UnpricedModel],
    ) -> EffectivePrices:
        """In their orders."""
        return cls(
            models=[EffectivePrice.of(*each) for each in models],
            from_=time.iso(time.start),
            to=time.iso(time.end),
            unpriced=[UnpricedCalls.of(each) for each in unpriced],
        )


def _listed(listed: ListedPrice) -> dict[str, str | float | None]:
    """What is told of a price that somebody knows."""
    price = listed.price
    return {
        "source": listed.source,
        "pattern": price.pattern or None,
        "version": listed.version,
        "input": float(price.input),
        "output": float(price.output),
        "cached_input": float(price.input if price.cached_input is None else price.cached_input),
        "cache_write": float(price.input if price.cache_write is None else price.cache_write),
        "request": float(price.request),
    }
