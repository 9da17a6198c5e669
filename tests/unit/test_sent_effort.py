"""A row tells the effort that was sent, whoever set it: caller, page, admin, or the model's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from openwebui_usage.host.wrapping import wrap_module
from openwebui_usage.rules.effort import effort_of
from tests.unit.small_host import EffortPolicy, Host, answered


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": " Low "}, "Low"),
        ({"reasoning_effort": ""}, None),
        ({"reasoning_effort": None, "reasoning": {"effort": "minimal"}}, "minimal"),
        ({"reasoning": {"effort": "xhigh", "summary": "auto"}}, "xhigh"),
        ({"reasoning": {"max_tokens": 2000}}, "2000 tokens"),
        ({"reasoning": {"enabled": True}}, "on"),
        ({"reasoning": {"enabled": False}}, "none"),
        ({"reasoning": {"summary": "auto"}}, None),
        ({"reasoning": "high"}, None),
        ({"think": "medium"}, "medium"),
        ({"think": True}, "on"),
        ({"think": False}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, "8192 tokens"),
        ({"thinking": {"type": "enabled"}}, "on"),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "enabled", "budget_tokens": True}}, "on"),
        ({"thinking_budget": 0}, "none"),
        ({"enable_thinking": False}, "none"),
        ({"chat_template_kwargs": {"enable_thinking": True}}, "on"),
    ],
)
def test_the_effort_of_a_request(body: Mapping[str, Any], effort: str | None) -> None:
    assert effort_of(body) == effort


def payload_module(own: Mapping[str, Any]) -> ModuleType:
    """The host's functions that merge a model's own parameters, which are `own`, and the one that drops some."""

    def apply_model_params_to_body_openai(params: Mapping[str, Any], form_data: dict[str, Any]) -> dict[str, Any]:
        return {**own, **form_data}

    def convert_to_azure_payload(url: str, payload: dict[str, Any], api_version: str) -> tuple[str, dict[str, Any]]:
        return url, {key: value for key, value in payload.items() if key != "thinking"}

    module = ModuleType("open_webui.utils.payload")
    module.apply_model_params_to_body_openai = apply_model_params_to_body_openai  # type: ignore[attr-defined]
    module.apply_model_params_to_body_ollama = apply_model_params_to_body_openai  # type: ignore[attr-defined]
    module.convert_to_azure_payload = convert_to_azure_payload  # type: ignore[attr-defined]
    return module


async def row_of(own: Mapping[str, Any], *, azure: bool = False, wanted: str | None = None, **body: Any) -> str | None:
    """The effort in the row of a call whose model has parameters of its own."""
    payload = payload_module(own)

    def provider(form_data: dict[str, Any]) -> Any:
        sent = payload.apply_model_params_to_body_openai({}, form_data)
        if azure:
            _, sent = openai.convert_to_azure_payload("https://x", sent, "1")
        return answered(sent)

    host = Host(provider, effort_policy=EffortPolicy(wanted))
    openai = ModuleType("open_webui.routers.openai")
    openai.convert_to_azure_payload = payload.convert_to_azure_payload  # type: ignore[attr-defined]
    for module in (payload, openai):
        wrap_module(host.seam, module)
    await host.chat(**body)
    [row] = host.rows.rows
    return row.effort


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("own", "given", "effort"),
    [
        ({"reasoning_effort": "high"}, {}, "high"),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "low"}, "low"),
        ({"reasoning_effort": "high"}, {"wanted": "medium"}, "medium"),
        ({"think": False}, {}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {}, "1024 tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"azure": True}, None),
        ({"temperature": 1}, {}, None),
    ],
)
async def test_what_the_models_own_parameters_set_is_recorded(
    own: dict[str, Any], given: dict[str, Any], effort: str | None
) -> None:
    assert await row_of(own, **given) == effort


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_who_asks_the_hosts_functions_outside_of_a_call_is_left_alone() -> None:
    payload = payload_module({"reasoning_effort": "high"})
    host = Host(answered)
    wrap_module(host.seam, payload)
    assert payload.apply_model_params_to_body_openai({}, {}) == {"reasoning_effort": "high"}
    await host.chat()
    assert [row.effort for row in host.rows.rows] == [None]
