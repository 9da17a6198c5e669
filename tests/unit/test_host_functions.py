"""What is wrapped on a host, what it does not have, and what is lost by that."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi import APIRouter, FastAPI

from openwebui_usage.host.autoload import TARGETS
from openwebui_usage.host.patch_points import (
    CHAT_ENDPOINT,
    DISPATCH,
    LAST_CHANGES,
    OUTLET,
    PATCH_POINTS,
    RESPONSES_PAYLOAD,
)
from openwebui_usage.host.seam import Seam
from openwebui_usage.host.wrapping import wrap_module

CALLS = PATCH_POINTS[0].loss
OTHERS = (CHAT_ENDPOINT, DISPATCH, OUTLET, RESPONSES_PAYLOAD, *LAST_CHANGES)
PATHS = {
    "responses": "/responses",
    "generate_anthropic_messages": "/v1/messages",
    "generate_responses": "/v1/responses",
    "generate_openai_embeddings": "/v1/embeddings",
}
SINCE = {
    "0.8": {"responses", "generate_anthropic_messages", "convert_to_responses_payload"},
    "0.9": {"generate_responses", "outlet_filter_handler"},
    "0.11": {"generate_openai_embeddings", "passthrough_anthropic_messages"},
}


def function() -> Any:
    async def of_the_host(request: Any, form_data: Any, user: Any) -> None:
        """Asks a provider."""

    return of_the_host


def modules(missing: set[str], renamed: set[str] = frozenset()) -> list[ModuleType]:  # type: ignore[assignment]
    """A host without some functions, and with others by names that nobody knows."""
    found: dict[str, ModuleType] = {}
    for point in (*PATCH_POINTS, *OTHERS):
        module = found.setdefault(point.module, ModuleType(point.module))
        if point.module.startswith("open_webui.routers."):
            module.__dict__.setdefault("router", APIRouter())
        if point.module == "open_webui.main":
            module.__dict__.setdefault("app", FastAPI())
        if point.name in missing:
            continue
        if path := PATHS.get(point.name):
            module.router.add_api_route(path, function(), methods=["POST"])
        if point.name == "passthrough_anthropic_messages":
            module.__dict__["is_anthropic_messages_passthrough"] = bool
        module.__dict__[f"{point.name}_now" if point.name in renamed else point.name] = function()
    return list(found.values())


def wrapped(host: list[ModuleType]) -> Seam:
    seam = Seam()
    for module in host:
        wrap_module(seam, module)
    return seam


def test_everything_is_found_on_a_host_of_today() -> None:
    patches = wrapped(modules(set())).patches
    assert len(patches.wrapped) == len(PATCH_POINTS) + len(OTHERS)
    assert patches.missing == []
    assert patches.losses == {}


def test_routes_that_a_host_does_not_have_yet_are_no_loss() -> None:
    patches = wrapped(modules(SINCE["0.8"] | SINCE["0.9"] | SINCE["0.11"])).patches
    assert len(patches.missing) == 7
    assert patches.losses == {"no_status_line": ["utils.middleware.outlet_filter_handler"]}
    assert wrapped(modules(SINCE["0.11"])).patches.losses == {}


def test_a_function_with_another_name_is_a_loss() -> None:
    names = {point.name for point in (*PATCH_POINTS, *OTHERS)}
    patches = wrapped(modules(set(), names)).patches
    assert patches.wrapped == []
    assert len(patches.losses[CALLS]) == len(PATCH_POINTS)
    assert {loss: len(functions) for loss, functions in patches.losses.items() if loss != CALLS} == {
        CHAT_ENDPOINT.loss: 1,
        DISPATCH.loss: 1,
        OUTLET.loss: 1,
        RESPONSES_PAYLOAD.loss: 1,
        LAST_CHANGES[0].loss: 2,
    }


def test_what_was_wrapped_is_put_back() -> None:
    host = modules(set())
    before = [dict(vars(module)) for module in host]
    seam = wrapped(host)
    assert [dict(vars(module)) for module in host] != before
    seam.patches.undo()
    assert [dict(vars(module)) for module in host] == before
    assert seam.patches.wrapped == []


def test_the_import_hook_waits_for_every_module_of_the_table() -> None:
    assert {point.module for point in (*PATCH_POINTS, *OTHERS)} == TARGETS
