"""Hosts of several versions, each by its shape alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import JSONResponse

from openwebui_usage.host import compat


def test_what_the_host_answers_is_awaited_where_it_has_to_be() -> None:
    async def later() -> str:
        return "0.9"

    async def ask(value: Any) -> Any:
        return await compat.maybe_await(value)

    assert asyncio.run(ask("0.8")) == "0.8"
    assert asyncio.run(ask(later())) == "0.9"


def host_module(*paths: str, of: str = "router", **names: Any) -> ModuleType:
    module = ModuleType("open_webui.routers.openai")
    owner = APIRouter() if of == "router" else FastAPI(openapi_url=None)
    for path in paths:
        owner.add_api_route(path, lambda: None)
    vars(module).update(names, **{of: owner})
    return module


@pytest.mark.parametrize(
    ("module", "sign", "offered"),
    [
        (host_module("/chat/completions"), None, True),
        (host_module("/chat/completions"), "/responses", False),
        (host_module("/chat/completions", "/responses"), "/responses", True),
        (host_module("/api/v1/messages", of="app"), "/api/v1/messages", True),
        (host_module(of="app"), "is_anthropic_messages_passthrough", False),
        (host_module(is_anthropic_messages_passthrough=bool), "is_anthropic_messages_passthrough", True),
        (ModuleType("open_webui.functions"), "/responses", False),
    ],
)
def test_a_feature_is_told_by_its_route_or_a_name(module: ModuleType, sign: str | None, offered: bool) -> None:
    assert compat.is_offered(module, sign) is offered


@pytest.mark.parametrize(
    ("names", "passes"),
    [
        ({}, True),
        ({"ENABLE_OPENAI_API_PASSTHROUGH": True}, True),
        ({"ENABLE_OPENAI_API_PASSTHROUGH": False}, False),
    ],
)
def test_older_hosts_pass_everything_through(names: dict[str, Any], passes: bool) -> None:
    assert compat.passes_through(host_module(**names)) is passes


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"choices": [{}]}, False),
        ({"choices": [{}], "error": {}}, False),
        (JSONResponse({"status": True}), False),
        (None, True),
        ({"error": {"message": "…"}}, True),
        (JSONResponse({"detail": "…"}, 400), True),
    ],
)
def test_answers_without_a_reply_are_errors(answer: Any, error: bool) -> None:
    assert compat.is_error(answer) is error


def without_nesting(user_id: str) -> None:
    """As before 0.12."""


def with_nesting(user_id: str, include_inherited: bool = False) -> None:
    """As from 0.12 on."""


@pytest.mark.parametrize(("find", "asked"), [(without_nesting, {}), (with_nesting, {"include_inherited": True})])
def test_outer_groups_are_asked_for_where_there_are_any(find: Callable[..., Any], asked: dict[str, bool]) -> None:
    assert compat.including_outer_groups(find) == asked


class Functions:
    async def get_active_filter_ids(self) -> list[tuple[str, bool]]:
        return [("theirs", True), ("ours", True)]


def test_our_filters_are_left_out_and_come_back() -> None:
    functions = Functions()
    undo = compat.wrap_active_filters(functions, lambda function_id: function_id != "ours")
    assert asyncio.run(functions.get_active_filter_ids()) == [("theirs", True)]
    undo()
    assert len(asyncio.run(functions.get_active_filter_ids())) == 2


def test_a_host_without_a_list_of_filters_is_left_alone() -> None:
    functions = SimpleNamespace()
    compat.wrap_active_filters(functions, lambda function_id: False)()
    assert vars(functions) == {}


class Config:
    """As from 0.10 on: rows of a table."""

    @staticmethod
    async def get_many(*keys: str) -> dict[str, Any]:
        rows = {"openai.api_base_urls": ["https://new.example.com"], "openai.api_configs": {"0": {}}}
        return {key: rows.get(key) for key in keys}


@pytest.mark.parametrize(
    ("state", "urls"),
    [
        (SimpleNamespace(config=SimpleNamespace(OPENAI_API_BASE_URLS=["https://old.example.com"])), "old"),
        (SimpleNamespace(config=SimpleNamespace(OTHER=1)), "new"),
        (SimpleNamespace(), "new"),
    ],
)
def test_connections_are_read_where_the_host_keeps_them(monkeypatch: pytest.MonkeyPatch, state: Any, urls: str) -> None:
    for name in ("open_webui", "open_webui.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    module = ModuleType("open_webui.models.config")
    vars(module)["Config"] = Config
    monkeypatch.setitem(sys.modules, module.__name__, module)
    configs = {"0": {}} if urls == "new" else None
    assert asyncio.run(compat.connection_settings(state, "openai")) == ([f"https://{urls}.example.com"], configs)
