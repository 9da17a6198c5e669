"""How hard a model thinks, as the provider heard it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.ui import TASKS

HIGH = {"reasoning": {"effort": "high"}}
VALVES = "/api/v1/functions/id/reasoning_effort/valves"
ASKED = {"reasoning_effort", "reasoning", "think"}


CONTROL = {
    "label": "Thinking",
    "options": {"short": {"label": "Short", "params": {"reasoning_effort": "low"}}},
    "default": "short",
}
ROUTED = {"reasoning": {"effort": "low", "exclude": True}}
WORKSPACE: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "thinker": ("o3-mini", {}, "medium"),
    "own-params": ("o3-mini", {"reasoning_effort": "low"}, None),
    "own-custom-params": ("o3-mini", {"custom_params": {"reasoning_effort": "low"}}, None),
    "own-controls": ("o3-mini", {"model_controls": {"thinking": CONTROL}}, None),
    "own-reasoning": ("o3-routed", {"custom_params": ROUTED}, None),
}
"""Workspace models: base, parameters, and the effort that the menu shows first."""


@pytest.fixture(scope="module")
def workspace(openwebui_process: OpenWebUI, provider_process: Provider) -> None:
    provider_process.behave("o3-routed", dialect="openrouter", reasons=True)
    admin = openwebui_process.admin
    admin.models(refresh=True)
    for name, (base, params, _) in WORKSPACE.items():
        admin.add_model(name, base=base, params=params)
    expected = {name: shown for name, (_, _, shown) in WORKSPACE.items()}
    wait_until(
        lambda: {name: effort_shown(admin, name) for name in WORKSPACE} == expected, timeout=15, what="menus are right"
    )


@pytest.fixture
def valves(admin: Client) -> Iterator[Client]:
    """The admin, whose changes of the valves are taken back."""
    yield admin
    admin.request("POST", f"{VALVES}/update", {})
    if not admin.function("reasoning_effort")["is_active"]:
        admin.request("POST", "/api/v1/functions/id/reasoning_effort/toggle")
    wait_until(lambda: effort_shown(admin, "o3-mini") == "medium", timeout=10, what="the valves are as before")


def effort_shown(client: Client, model: str) -> Any:
    """The effort that the menu shows first; None without a menu. A new model is known within five seconds."""
    return client.request("GET", "/api/usage/page")["models"].get(model, {}).get("effort", "not known yet")


def heard(provider: Provider, model: str) -> dict[str, Any]:
    """What the last call of a model said about thinking."""
    request = provider.calls(model)[-1].request
    return {key: request[key] for key in ASKED if key in request}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("o3-mini", {"reasoning_effort": "high"}),
        ("gpt-5-mini", {"reasoning": {"effort": "high"}}),
        ("gpt-oss:20b", {"think": "high"}),
        ("gpt-4o-mini", {}),
        ("llama3.2:latest", {}),
    ],
)
def test_each_provider_hears_it_in_its_own_words(
    admin: Client, provider: Provider, model: str, stream: bool, expected: dict[str, Any]
) -> None:
    if stream:
        admin.stream(model, **HIGH)
    else:
        admin.chat(model, **HIGH)
    assert heard(provider, model) == expected


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        ("/openai/chat/completions", "o3-mini", {"reasoning_effort": "high"}),
        ("/openai/chat/completions", "gpt-4o-mini", {}),
        ("/ollama/v1/chat/completions", "gpt-oss:20b", {"reasoning_effort": "high"}),
        ("/ollama/v1/chat/completions", "llama3.2:latest", {}),
        ("/ollama/api/chat", "gpt-oss:20b", {"think": "high"}),
        ("/ollama/api/chat", "llama3.2:latest", {}),
    ],
)
def test_a_pass_through_endpoint_is_steered_too(
    admin: Client, provider: Provider, path: str, model: str, expected: dict[str, Any]
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": False, **HIGH}
    admin.request("POST", path, body)
    assert heard(provider, model) == expected


def test_what_was_said_to_ollamas_own_endpoint_arrives_as_it_was_said(admin: Client, provider: Provider) -> None:
    body = {"model": "gpt-oss:20b", "messages": [{"role": "user", "content": "Hello"}], "stream": False, **HIGH}
    admin.request("POST", "/ollama/v1/chat/completions", {**body, "reasoning_effort": "low"})
    assert heard(provider, "gpt-oss:20b") == {"reasoning_effort": "low"}


def test_the_responses_endpoint_takes_the_object_itself(admin: Client, provider: Provider) -> None:
    admin.request("POST", "/openai/responses", {"model": "gpt-5-mini", "input": "Hello", **HIGH})
    assert heard(provider, "gpt-5-mini") == HIGH


def test_every_round_of_a_tool_loop_thinks_as_hard(admin: Client, provider: Provider) -> None:
    for model in ("o3-mini", "gpt-5-mini", "gpt-oss:20b"):
        provider.behave(model, tool="get_current_timestamp")
    with admin.ui() as ui:
        for model in ("o3-mini", "gpt-5-mini", "gpt-oss:20b"):
            ui.ask(model, **HIGH).wait()
    assert [call.request["reasoning_effort"] for call in provider.calls("o3-mini")] == ["high", "high"]
    assert [call.request["reasoning"] for call in provider.calls("gpt-5-mini")] == 2 * [{"effort": "high"}]
    assert [call.request["think"] for call in provider.calls("gpt-oss:20b")] == ["high", "high"]


@pytest.mark.usefixtures("workspace")
def test_a_workspace_model_reasons_as_its_base_does(admin: Client, provider: Provider) -> None:
    admin.chat("thinker", **HIGH)
    assert heard(provider, "o3-mini") == {"reasoning_effort": "high"}


TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]


@pytest.mark.parametrize(
    ("model", "request_", "expected"),
    [
        ("gpt-5.4", {"reasoning": {"effort": "medium"}}, {"reasoning_effort": "medium"}),
        ("gpt-5.4", {"reasoning": {"effort": "medium"}, "tools": TOOLS}, {}),
        ("gpt-5.2", {"reasoning": {"effort": "low"}, "temperature": 0.2}, {}),
        ("gpt-5.2", {"reasoning": {"efforts": {"gpt-5.2": "xhigh"}}}, {"reasoning_effort": "xhigh"}),
        ("gpt-5.2", {"reasoning": {"efforts": {"gpt-5.2": "default"}}}, {}),
        ("gpt-5.2", {"params": {"temperature": 0.2}, "reasoning": {"effort": "low"}}, {}),
        ("qwen/qwen3-32b", {"reasoning": {"effort": "medium"}}, {}),
        ("grok-3-mini", {"reasoning": {"effort": "medium"}}, {}),
        ("grok-3-mini", {"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}),
        ("claude-sonnet-4", {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ("claude-sonnet-4", {"reasoning": {"effort": "low"}, "temperature": 0.5}, {}),
        ("o3-mini", {"reasoning": {"effort": "low"}, "tools": TOOLS}, {"reasoning_effort": "low"}),
    ],
    ids=str,
)
def test_an_effort_goes_where_the_provider_takes_it(
    admin: Client, provider: Provider, model: str, request_: dict[str, Any], expected: dict[str, Any]
) -> None:
    provider.behave(model, reasons=True)
    admin.models(refresh=True)
    admin.chat(model, **request_)
    assert heard(provider, model) == expected
    assert len(provider.calls(model)) == 1, "nothing had to be taken back"


def test_an_admins_own_temperature_counts_as_if_it_stood_in_the_request(admin: Client, provider: Provider) -> None:
    provider.behave("gpt-5.2", reasons=True)
    admin.models(refresh=True)
    admin.add_model("cool", base="gpt-5.2", params={"temperature": 0.2})
    wait_until(lambda: effort_shown(admin, "cool") == "medium", timeout=10, what="the new model is known")
    admin.chat("cool", reasoning={"effort": "high"})
    assert heard(provider, "gpt-5.2") == {}


@pytest.mark.parametrize(
    ("model", "first", "offered"),
    [
        ("o3-mini", "medium", ["low", "medium", "high"]),
        ("gpt-oss:20b", "medium", ["low", "medium", "high"]),
        ("gpt-5.4", "medium", ["none", "low", "medium", "high", "xhigh"]),
        ("claude-sonnet-4", "default", ["default", "low", "medium", "high"]),
        ("qwen/qwen3-32b", "default", ["default", "none"]),
        ("grok-3-mini", "medium", ["low", "medium", "high"]),
        ("deepseek-v4-pro", "default", ["default", "low", "high", "max"]),
        ("kimi-k2-thinking", "default", ["default", "low", "medium", "high"]),
        ("gpt-4o-mini", None, None),
    ],
)
def test_the_menu_offers_what_the_model_takes(
    admin: Client, provider: Provider, model: str, first: str | None, offered: list[str] | None
) -> None:
    if model not in ("o3-mini", "gpt-oss:20b", "gpt-4o-mini"):
        provider.behave(model, reasons=True)
        admin.models(refresh=True)
    shown: dict[str, Any] = {}

    def is_known() -> bool:
        shown.update(admin.request("GET", "/api/usage/page")["models"].get(model, {}))
        return bool(shown)

    wait_until(is_known, timeout=10, what="the model is known")
    assert (shown["effort"], shown.get("efforts")) == (first, offered)


CALLERS_WORDS = [
    *(5, "high", [], None, {}),
    *({"effort": word} for word in (None, 3, "extreme", ["high"], "none", "xhigh")),
    *({"efforts": "high"}, {"efforts": {"o3-mini": 9}}),
    {"effort": {"effort": "high"}, "x": [[[[]]]]},
    {"max_tokens": 2000},
    {"enabled": False},
    {"exclude": True, "effort": "high"},
]


@pytest.mark.parametrize("words", CALLERS_WORDS, ids=repr)
def test_what_is_not_ours_goes_through_as_it_was_said(admin: Client, provider: Provider, words: Any) -> None:
    for model in ("o3-mini", "gpt-4o-mini"):
        provider.behave(model, strict=False)
        for path in ("/api/chat/completions", "/openai/chat/completions"):
            body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": False}
            admin.request("POST", path, {**body, "reasoning": words})
            assert heard(provider, model) == {"reasoning": words}, path


def test_what_nobody_knows_better_goes_through_too(admin: Client, provider: Provider) -> None:
    provider.behave("glm-4.6", strict=False)
    admin.models(refresh=True)
    admin.chat("glm-4.6", **HIGH)
    assert heard(provider, "glm-4.6") == HIGH


def test_several_models_in_one_chat_think_each_as_hard_as_was_chosen_for_it(admin: Client, provider: Provider) -> None:
    efforts = {"effort": "low", "efforts": {"o3-mini": "high", "gpt-oss:20b": "low"}}
    with admin.ui() as ui:
        ui.ask(["o3-mini", "gpt-oss:20b", "gpt-4o-mini"], reasoning=efforts).wait()
    assert heard(provider, "o3-mini") == {"reasoning_effort": "high"}
    assert heard(provider, "gpt-oss:20b") == {"think": "low"}
    assert heard(provider, "gpt-4o-mini") == {}


def test_titles_and_tags_never_think(admin: Client, provider: Provider) -> None:
    with admin.ui() as ui:
        ui.ask("o3-mini", tasks=TASKS, **HIGH).wait()
        ui.ask("gpt-5-mini", tasks=TASKS, **HIGH).wait()
        ui.ask("gpt-oss:20b", tasks=TASKS, **HIGH).wait()
    calls = provider.ended_calls(12)
    assert [call.task for call in calls].count(True) == 9
    for call in calls:
        assert bool(ASKED & call.request.keys()) is not call.task


class TestWhatIsSaidExplicitlyWins:
    def test_in_the_request(self, admin: Client, provider: Provider) -> None:
        admin.chat("o3-mini", reasoning_effort="low", **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}

    def test_in_the_chat_controls(self, admin: Client, provider: Provider) -> None:
        admin.chat("o3-mini", params={"reasoning_effort": "low"}, **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}

    @pytest.mark.parametrize("said", [{"reasoning_effort": "low"}, {"params": {"reasoning_effort": "low"}}], ids=str)
    def test_to_ollama_too(self, admin: Client, provider: Provider, said: dict[str, Any]) -> None:
        admin.chat("gpt-oss:20b", **said)
        assert heard(provider, "gpt-oss:20b") == {"think": "low"}
        admin.chat("gpt-oss:20b", **said, **HIGH)
        assert heard(provider, "gpt-oss:20b") == {"think": "low"}
        assert "reasoning_effort" not in provider.calls()[-1].request.get("options", {})

    @pytest.mark.parametrize(
        ("path", "model"),
        [
            ("/api/chat/completions", "own-params"),
            ("/api/chat/completions", "own-custom-params"),
            ("/api/chat/completions", "own-controls"),
            # There Open WebUI itself applies neither custom parameters nor controls.
            ("/openai/chat/completions", "own-params"),
        ],
    )
    @pytest.mark.usefixtures("workspace")
    def test_in_the_models_own_parameters(self, admin: Client, provider: Provider, path: str, model: str) -> None:
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": False, **HIGH}
        admin.request("POST", path, body)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}

    @pytest.mark.usefixtures("workspace")
    def test_in_an_admins_own_reasoning_object(self, admin: Client, provider: Provider) -> None:
        provider.behave("o3-routed", dialect="openrouter", reasons=True)
        admin.models(refresh=True)
        admin.chat("own-reasoning", **HIGH)
        assert heard(provider, "o3-routed") == ROUTED


class TestTheValves:
    def test_say_which_models_reason(self, valves: Client, provider: Provider) -> None:
        valves.request("POST", f"{VALVES}/update", {"reasoning_models": "gpt-oss*"})
        wait_until(lambda: effort_shown(valves, "o3-mini") is None, timeout=10, what="the valve counts")
        valves.chat("o3-mini", **HIGH)
        assert heard(provider, "o3-mini") == {}
        assert effort_shown(valves, "gpt-oss:20b") == "medium"

    def test_say_what_the_menu_shows_first(self, valves: Client) -> None:
        valves.request("POST", f"{VALVES}/update", {"default_effort": "low"})
        wait_until(lambda: effort_shown(valves, "o3-mini") == "low", timeout=10, what="the valve counts")

    def test_switched_off_nothing_is_steered_and_nothing_leaks(self, valves: Client, provider: Provider) -> None:
        valves.request("POST", "/api/v1/functions/id/reasoning_effort/toggle")
        wait_until(lambda: effort_shown(valves, "o3-mini") is None, timeout=10, what="the switch counts")
        valves.chat("o3-mini", **HIGH)
        assert heard(provider, "o3-mini") == {}

    def test_of_a_user_count_where_no_menu_is(self, user: Client, provider: Provider) -> None:
        user.request("POST", f"{VALVES}/user/update", {"effort": "low"})
        wait_until(
            lambda: _heard_by(user, provider) == {"reasoning_effort": "low"}, timeout=10, what="the valve counts"
        )
        user.chat("o3-mini", **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "high"}
        user.chat("gpt-4o-mini")
        assert heard(provider, "gpt-4o-mini") == {}


def _heard_by(client: Client, provider: Provider) -> dict[str, Any]:
    client.chat("o3-mini")
    return heard(provider, "o3-mini")


def test_the_function_survives_a_restart_as_the_admin_left_it(start_openwebui: Callable[..., OpenWebUI]) -> None:
    server = start_openwebui()
    assert server.admin.function("reasoning_effort")["is_active"]
    server.admin.request("POST", f"{VALVES}/update", {"default_effort": "low", "reasoning_models": "o3*"})
    server.admin.request("POST", "/api/v1/functions/id/reasoning_effort/toggle")
    before = server.admin.function("reasoning_effort")
    server.restart()
    after = server.admin.function("reasoning_effort")
    assert (after["is_active"], after["is_global"], after["content"]) == (False, True, before["content"])
    server.admin.request("POST", "/api/v1/functions/id/reasoning_effort/toggle")
    assert {name: effort_shown(server.admin, name) for name in ("o3-mini", "gpt-oss:20b")} == {
        "o3-mini": "low",
        "gpt-oss:20b": None,
    }
