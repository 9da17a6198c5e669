"""/api/usage/prices."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends

from openwebui_usage.api.access import Access
from openwebui_usage.api.models import NewPrice, price_json
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.ledger import Store


def add_prices(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    @router.get("/prices", summary="The prices that you set", dependencies=[admin])
    async def get_prices() -> dict[str, Any]:
        return {"prices": [price_json(price) for price in await asyncio.to_thread(store.prices)]}

    @router.put("/prices", summary="Set the price of a model or a glob", dependencies=[admin])
    async def put_price(form: NewPrice) -> dict[str, Any]:
        await asyncio.to_thread(store.put_price, form.price())
        await changed([])
        return {"status": True, "price": price_json(form.price())}

    @router.delete("/prices/{model:path}", summary="Remove a price", dependencies=[admin])
    async def delete_price(model: str) -> dict[str, Any]:
        await asyncio.to_thread(store.delete_price, model)
        await changed([])
        return {"status": True}
