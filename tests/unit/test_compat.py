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
    undo = compat.leave_out_filters(functions, ModuleType("open_webui.utils.filter"), is_theirs)
    assert asyncio.run(functions.get_active_filter_ids()) == [("theirs", True)]
    undo()
    assert len(asyncio.run(functions.get_active_filter_ids())) == 2


def is_theirs(function_id: str) -> bool:
    return function_id != "ours"


class OlderFunctions:
    """As before 0.11; sync as before 0.9."""

    def get_global_filter_functions(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(id="theirs"), SimpleNamespace(id="ours")]

    def get_functions_by_type(self, kind: str, active_only: bool = False) -> list[SimpleNamespace]:
        assert (kind, active_only) == ("filter", True)
        return self.get_global_filter_functions()

    def get_function_by_id(self, function_id: str) -> str:
        return f"the function {function_id}"


class AsyncFunctions(OlderFunctions):
    """As from 0.9 on."""

    async def get_global_filter_functions(self) -> list[SimpleNamespace]:  # type: ignore[override]
        return super().get_global_filter_functions()

    async def get_functions_by_type(self, kind: str, active_only: bool = False) -> list[SimpleNamespace]:  # type: ignore[override]
        return super().get_global_filter_functions()


@pytest.mark.parametrize("functions", [OlderFunctions(), AsyncFunctions()], ids=["sync", "async"])
def test_an_older_host_finds_no_filter_of_ours(functions: Any) -> None:
    filters = host_module(Functions=functions)

    async def listed() -> list[list[str]]:
        host = vars(filters)["Functions"]
        found = host.get_global_filter_functions(), host.get_functions_by_type("filter", active_only=True)
        return [[each.id for each in await compat.maybe_await(one)] for one in found]

    undo = compat.leave_out_filters(functions, filters, is_theirs)
    assert asyncio.run(listed()) == [["theirs"], ["theirs"]]
    assert vars(filters)["Functions"].get_function_by_id("ours") == "the function ours"
    undo()
    assert vars(filters)["Functions"] is functions


def test_a_host_without_a_list_of_filters_is_left_alone() -> None:
    functions, filters = SimpleNamespace(), host_module(Functions=SimpleNamespace())
    before = dict(vars(filters))
    compat.leave_out_filters(functions, filters, lambda function_id: False)()
    assert vars(functions) == {}
    assert vars(filters) == before


def middleware(source: str) -> ModuleType:
    module = ModuleType("open_webui.utils.middleware")
    exec(source, vars(module))
    return module


@pytest.mark.parametrize(
    ("source", "completes"),
    [
        ("async def outlet_filter_handler(ctx): pass", True),
        ("async def outlets_as_of_late(ctx): await process_pipeline_outlet_filter(ctx)", True),
        ("process_pipeline_outlet_filter = print\nasync def process_chat_response(): pass", False),
    ],
    ids=["since 0.9", "by another name", "before 0.9"],
)
def test_who_sees_that_a_reply_is_complete(source: str, completes: bool) -> None:
    assert compat.completes_replies(middleware(source)) is completes


def test_a_host_of_unknown_middleware_counts_as_a_new_one() -> None:
    assert compat.completes_replies(None)


class Refuses:
    """The models of a host, of which one user may use one."""

    @staticmethod
    def check_model_access(user: Any, model: dict[str, Any]) -> None:
        if model["id"] == "broken":
            raise RuntimeError("the database is away")
        if model["id"] != user.model:
            raise Exception("Model not found")


def host_models(monkeypatch: pytest.MonkeyPatch, *, bypass: bool = False, **names: Any) -> None:
    """The host's modules, where there is nothing but these."""
    for name in ("open_webui", "open_webui.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name, members in {"utils.models": names, "env": {"BYPASS_MODEL_ACCESS_CONTROL": bypass}}.items():
        module = ModuleType(f"open_webui.{name}")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(sys.modules["open_webui.utils"])["models"] = sys.modules["open_webui.utils.models"]


MODELS = [{"id": "a"}, {"id": "b"}]
SOMEBODY = SimpleNamespace(role="user", model="b")


def usable(models: list[dict[str, Any]], user: Any) -> list[str]:
    return [model["id"] for model in asyncio.run(compat.usable_models(models, user))]


def test_one_function_tells_the_models_that_a_user_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    host_models(monkeypatch, get_filtered_models=lambda models, user: models[:1])
    assert usable(MODELS, SOMEBODY) == ["a"]


@pytest.mark.parametrize(
    ("user", "bypass", "ids"),
    [(SOMEBODY, False, ["b"]), (SOMEBODY, True, ["a", "b"]), (SimpleNamespace(role="admin"), False, ["a", "b"])],
)
def test_an_older_host_tells_it_model_by_model(
    monkeypatch: pytest.MonkeyPatch, user: Any, bypass: bool, ids: list[str]
) -> None:
    host_models(monkeypatch, bypass=bypass, check_model_access=Refuses.check_model_access)
    assert usable(MODELS, user) == ids


def test_a_fault_of_the_host_hides_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    host_models(monkeypatch, check_model_access=Refuses.check_model_access)
    with pytest.raises(RuntimeError, match="away"):
        usable([*MODELS, {"id": "broken"}], SOMEBODY)


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


# --- user groups of many users


MEMBERS = {"ada": ["staff", "all"], "bob": ["all"], "eve": []}


def groups_of(user_id: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(id=group) for group in MEMBERS.get(user_id, ())]


class OneByOne:
    """Before 0.7."""

    asked: list[Any]

    def get_groups_by_member_id(self, user_id: str) -> list[SimpleNamespace]:
        self.asked.append(user_id)
        return groups_of(user_id)


class Together(OneByOne):
    """From 0.7 on."""

    def get_groups_by_member_ids(self, user_ids: list[str], db: Any = None) -> dict[str, list[SimpleNamespace]]:
        self.asked.append(len(user_ids))
        return {user_id: groups_of(user_id) for user_id in user_ids}


class Nested(OneByOne):
    """From 0.12 on."""

    async def get_groups_by_member_ids(
        self, user_ids: list[str], db: Any = None, *, include_inherited: bool = False
    ) -> dict[str, list[SimpleNamespace]]:
        assert include_inherited
        self.asked.append(len(user_ids))
        return {user_id: groups_of(user_id) for user_id in user_ids if user_id in MEMBERS}


@pytest.mark.parametrize(
    ("kind", "questions"), [(OneByOne, 253), (Together, 2), (Nested, 2)], ids=["0.6", "0.7 to 0.11", "0.12"]
)
def test_user_groups_of_many_are_asked_for_together(
    kind: type[OneByOne], questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = kind()
    groups.asked = []
    module = ModuleType("open_webui.models.groups")
    vars(module)["Groups"] = groups
    for name in ("open_webui", "open_webui.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    users = [*MEMBERS, *(f"user {number}" for number in range(250))]
    found = asyncio.run(compat.groups_of_members(users))
    assert {user: found[user] for user in MEMBERS} == {user: frozenset(ids) for user, ids in MEMBERS.items()}
    assert found.keys() == set(users)
    assert len(groups.asked) == questions
