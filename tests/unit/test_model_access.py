"""What decides who may use which models, so that the host is asked again only where something of it has changed."""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from openwebui_usage.host.models import HostModels, ModelAccess


class Grant(SimpleNamespace):
    """As 0.8 and later give them."""

    def model_dump(self) -> dict[str, Any]:
        return dict(vars(self))


def rows() -> list[SimpleNamespace]:
    grants = [Grant(principal_type="user", principal_id="bob"), Grant(principal_type="group", principal_id="staff")]
    older = {"read": {"user_ids": ["eve"], "group_ids": ["guests"]}}
    return [
        SimpleNamespace(id="gpt-4o", user_id="ada", access_grants=grants),
        SimpleNamespace(id="o3", user_id="ada", access_control=older),
    ]


def listed() -> dict[str, dict[str, Any]]:
    arena = {"meta": {"access_grants": [{"principal_type": "user", "principal_id": "max"}]}}
    return {
        "gpt-4o": {"id": "gpt-4o", "info": {"user_id": "ada", "base_model_id": None}},
        "arena": {"id": "arena", "arena": True, "info": arena},
        "bare": {"id": "bare"},
    }


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelAccess]:
    def ask(found: list[SimpleNamespace], models: dict[str, Any]) -> ModelAccess:
        async def get_all_models() -> list[SimpleNamespace]:
            return found

        module = ModuleType("open_webui.models.models")
        vars(module)["Models"] = SimpleNamespace(get_all_models=get_all_models)
        for name in ("open_webui", "open_webui.models"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        app = FastAPI(openapi_url=None)
        app.state.MODELS = models
        return asyncio.run(HostModels(app).access())

    return ask


def test_everybody_who_is_named_is_found(access: Callable[..., ModelAccess]) -> None:
    assert access(rows(), listed()).named >= {"ada", "bob", "eve", "max"}


def test_it_is_equal_while_nothing_changes(access: Callable[..., ModelAccess]) -> None:
    turned = rows()[::-1]
    turned[1].access_grants = turned[1].access_grants[::-1]
    assert access(rows(), listed()) == access(turned, dict(reversed(listed().items())))


def without_bob(found: list[Any], models: dict[str, Any]) -> None:
    found[0].access_grants.pop(0)


def without_eve(found: list[Any], models: dict[str, Any]) -> None:
    found[1].access_control["read"]["user_ids"].clear()


def for_all(found: list[Any], models: dict[str, Any]) -> None:
    found[1].access_control = None


def of_another(found: list[Any], models: dict[str, Any]) -> None:
    found[1].user_id = "eve"


def without_a_model(found: list[Any], models: dict[str, Any]) -> None:
    del models["bare"]


def with_another_base(found: list[Any], models: dict[str, Any]) -> None:
    models["gpt-4o"]["info"]["base_model_id"] = "o3"


def without_max(found: list[Any], models: dict[str, Any]) -> None:
    models["arena"]["info"]["meta"]["access_grants"].clear()


@pytest.mark.parametrize(
    "change",
    [without_bob, without_eve, for_all, of_another, without_a_model, with_another_base, without_max],
    ids=lambda change: change.__name__,
)
def test_it_differs_after_a_change(access: Callable[..., ModelAccess], change: Callable[..., None]) -> None:
    found, models = rows(), copy.deepcopy(listed())
    change(found, models)
    assert access(found, models) != access(rows(), listed())
