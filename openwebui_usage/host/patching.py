"""Putting a function of ours in the place of one of the host's, wherever the host holds it, and back again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from openwebui_usage.host.compat import holds_chat_endpoint

Undo = Callable[[], None]


def replace_everywhere(module: ModuleType, original: Any, wrapper: Any) -> list[Undo]:
    """Put `wrapper` wherever the host holds `original`: module globals, routes, `app.state`."""
    undos: list[Undo] = []
    for holder in [module, *_host_modules(module)]:
        for name, value in list(vars(holder).items()):
            if value is original:
                setattr(holder, name, wrapper)
                undos.append(functools.partial(setattr, holder, name, original))
    for routes in _routes_of(module):
        for route in routes:
            dependant = getattr(route, "dependant", None)
            if getattr(route, "endpoint", None) is original and dependant is not None:
                route.endpoint = dependant.call = wrapper
                undos.append(functools.partial(_set_endpoint, route, original))
    if holds_chat_endpoint(module, original):
        state = module.app.state
        state.CHAT_COMPLETION_HANDLER = wrapper
        undos.append(functools.partial(setattr, state, "CHAT_COMPLETION_HANDLER", original))
    return undos


def _set_endpoint(route: Any, endpoint: Any) -> None:
    route.endpoint = route.dependant.call = endpoint


def _host_modules(own: ModuleType) -> Iterable[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("open_webui.") and module is not own and isinstance(module, ModuleType)
    ]


def _routes_of(module: ModuleType) -> Iterable[list[Any]]:
    """The routes of a router module, and of the application if it took them over already."""
    main = sys.modules.get("open_webui.main")
    owners = [getattr(module, "router", None), getattr(getattr(main, "app", None), "router", None)]
    return [routes for owner in owners if isinstance(routes := getattr(owner, "routes", None), list)]
