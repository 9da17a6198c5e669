"""Routes and a lifespan of ours in an application that has its own, and how to take them away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Mount

from openwebui_usage.host.patching import Undo

Lifespan = AbstractAsyncContextManager[Any]


def include_router(app: FastAPI, router: APIRouter) -> Undo:
    """Add the routes of `router`, see `add_routes`."""
    routes = app.router.routes
    before = len(routes)
    lifespan = app.router.lifespan_context
    app.include_router(router)
    # FastAPI wraps it anew for each router; ours have none, and there would be no way back.
    app.router.lifespan_context = lifespan
    added = routes[before:]
    del routes[before:]
    return add_routes(app, added)


def add_routes(app: FastAPI, added: Sequence[BaseRoute]) -> Undo:
    """Put routes before the host's static files and page: whatever comes after those is never reached."""
    routes = app.router.routes
    place = next((i for i, route in enumerate(routes) if _is_catch_all(route)), len(routes))
    routes[place:place] = added

    def undo() -> None:
        routes[:] = [route for route in routes if route not in added]

    return undo


def wrap_lifespan(app: FastAPI, around: Callable[[Lifespan], Lifespan]) -> Undo:
    """Have the application live within what `around` makes of its own lifespan."""
    router = app.router
    theirs = router.lifespan_context
    router.lifespan_context = lambda app: around(theirs(app))
    return lambda: setattr(router, "lifespan_context", theirs)


def _is_catch_all(route: BaseRoute) -> bool:
    return isinstance(route, Mount) and route.path in ("/static", "")
