"""/api/usage/prices."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.answers.prices import EffectivePrices, PriceChanged, UsagePrice, UsagePrices
from openwebui_usage.api.requests import NEW_PRICES, NewPrice
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.unpriced import unpriced_models
from openwebui_usage.rules.buckets import TimeRange

UNPRICED_DAYS = 30
_QUARTERS_PER_DAY = 96


def add_prices(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    @router.get("/prices", summary="The prices that you set", dependencies=[admin], responses=problems(401, 403, 503))
    async def get_prices() -> UsagePrices:
        return UsagePrices(prices=[UsagePrice.of(price) for price in await asyncio.to_thread(store.prices)])

    @router.get(
        "/prices/effective",
        summary=f"What each model costs, who says so, and what had no price in the last {UNPRICED_DAYS} days",
        dependencies=[admin],
        responses=problems(401, 403, 503),
    )
    async def get_effective_prices(request: Request) -> EffectivePrices:
        models = await access.directory.models(request)

        def answer() -> EffectivePrices:
            now, book = time.time(), store.definitions().book
            listed = [
                (
                    model,
                    book.listed((model.id, model.called), now, model.provider_url, is_free_connection=model.is_free),
                )
                for model in models
            ]
            end = int(now) // QUARTER + 1
            days = TimeRange(end - UNPRICED_DAYS * _QUARTERS_PER_DAY, end)
            return EffectivePrices.of(listed, days, unpriced_models(store.reports, days))

        return await asyncio.to_thread(answer)

    @router.put(
        "/prices",
        summary="Set the price of a model or a glob",
        dependencies=[admin],
        responses=problems(400, 401, 403, 422, 503),
    )
    async def put_price(form: Annotated[NewPrice, Body(openapi_examples=NEW_PRICES)]) -> PriceChanged:
        await asyncio.to_thread(store.put_price, form.price())
        await changed([])
        return PriceChanged(status=True, price=UsagePrice.of(form.price()))

    @router.delete(
        "/prices/{model:path}",
        summary="Remove a price",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def delete_price(model: Annotated[str, Path(description="As it was set", examples=["gpt-4o*"])]) -> Done:
        await asyncio.to_thread(store.delete_price, model)
        await changed([])
        return Done(status=True)
