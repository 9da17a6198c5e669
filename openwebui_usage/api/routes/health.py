"""/api/usage/health."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends

from openwebui_usage.api.access import Access

Health = Callable[[], dict[str, Any]]
"""How the plugin fares, as JSON. Blocks: it looks into the spool's folder."""


def add_health(router: APIRouter, access: Access, health: Health) -> None:
    """For admins alone."""

    @router.get("/health", summary="What works, and what does not", dependencies=[Depends(access.admin)])
    async def get_health() -> dict[str, Any]:
        return await asyncio.to_thread(health)
