"""/api/usage/health."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.health import PluginHealth
from openwebui_usage.api.routes.errors import problems

Health = Callable[[], Awaitable[PluginHealth]]
"""How the plugin fares."""


def add_health(router: APIRouter, access: Access, health: Health) -> None:
    """For admins alone."""

    @router.get(
        "/health",
        summary="What works, and what does not",
        dependencies=[Depends(access.admin)],
        responses=problems(401, 403),
    )
    async def get_health() -> PluginHealth:
        return await health()
