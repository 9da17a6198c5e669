"""Putting functions of ours in the place of the host's, wherever the host holds them, and back again."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from openwebui_usage.checks.losses import Loss
from openwebui_usage.host.compat import holds_chat_endpoint, is_offered
from openwebui_usage.host.patch_points import HostFunction

log = logging.getLogger(__name__)

Undo = Callable[[], None]
Wrapped = Callable[..., Any]


class Patches:
    """What is wrapped on this host, and how it is put back."""

    def __init__(self) -> None:
        self.wrapped: list[str] = []
        """What was found and wrapped, for the log and the status."""
        self.missing: list[str] = []
        """What this host does not have. At import nobody would read of it: the host's log is not set up yet."""
        self.losses: dict[Loss, list[str]] = {}
        """What does not work for that reason, with the functions that are missing for it."""
        self._undos: list[Undo] = []

    def wrap(self, module: ModuleType, function: HostFunction, make: Callable[[Wrapped], Wrapped]) -> None:
        """Put what `make` makes of a function in its place; what the host does not have is noted, and left out."""
        original = getattr(module, function.name, None)
        if not callable(original):
            self.missing.append(function.label)
            if is_offered(module, function.sign):
                self.losses.setdefault(function.loss, []).append(function.label)
            return
        wrapper = make(original)
        functools.update_wrapper(wrapper, original)
        try:
            # FastAPI reads a string annotation with the globals of the function at hand, which are ours.
            wrapper.__signature__ = inspect.signature(original, eval_str=True)  # type: ignore[attr-defined]
        except (NameError, TypeError, ValueError):
            log.debug("The annotations of %s cannot be evaluated", function.label)
        self.wrapped.append(function.label)
        self._undos += replace_everywhere(module, original, wrapper)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._undos:
            self._undos.pop()()
        self.wrapped.clear()
        self.missing.clear()
        self.losses.clear()


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
