"""How hard a model thinks, as the provider heard it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.ui import TASKS

HIGH = {"reasoning": {"effort": "high"}}
VALVES = "/api/v1/functions/id/reasoning_effort/valves"
ASKED = ("reasoning_effort", "reasoning", "think")


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
    ],
)
def test_a_pass_through_endpoint_is_steered_too(
    admin: Client, provider: Provider, path: str, model: str, expected: dict[str, Any]
) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": False, **HIGH}
    admin.request("POST", path, body)
    assert heard(provider, model) == expected


NONSENSE = [
    5,
    "high",
    [],
    None,
    {},
    {"effort": None},
    {"effort": 3},
    {"effort": "extreme"},
    {"effort": ["high"]},
    {"efforts": "high"},
    {"efforts": {"o3-mini": 9}},
    {"effort": {"effort": "high"}, "x": [[[[]]]]},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_is_ignored(admin: Client, provider: Provider, nonsense: Any) -> None:
    admin.chat("o3-mini", reasoning=nonsense)
    assert heard(provider, "o3-mini") == {}


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
    calls = provider.ended_calls(4, model="o3-mini")
    assert {call.task: call.request.get("reasoning_effort") for call in calls} == {False: "high", True: None}


class TestWhatIsSaidExplicitlyWins:
    def test_in_the_request(self, admin: Client, provider: Provider) -> None:
        admin.chat("o3-mini", reasoning_effort="low", **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}

    def test_in_the_chat_controls(self, admin: Client, provider: Provider) -> None:
        admin.chat("o3-mini", params={"reasoning_effort": "low"}, **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
            ({"custom_params": {"reasoning_effort": "low"}}, {"reasoning_effort": "low"}),
        ],
        ids=["params", "custom_params"],
    )
    @pytest.mark.parametrize("path", ["/api/chat/completions", "/openai/chat/completions"])
    def test_in_the_models_own_parameters(
        self, admin: Client, provider: Provider, path: str, params: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        if path.startswith("/openai") and "custom_params" in params:
            pytest.skip("Open WebUI itself does not apply custom parameters there")
        name = f"careful-{path.count('openai')}-{len(params.get('custom_params', {}))}"
        admin.add_model(name, base="o3-mini", params=params)
        wait_until(lambda: effort_shown(admin, name) is None, timeout=10, what="the menu is gone")
        body = {"model": name, "messages": [{"role": "user", "content": "Hello"}], "stream": False, **HIGH}
        admin.request("POST", path, body)
        assert heard(provider, "o3-mini") == expected

    def test_in_the_models_own_controls(self, admin: Client, provider: Provider) -> None:
        option = {"label": "Short", "params": {"reasoning_effort": "low"}}
        control = {"label": "Thinking", "options": {"short": option}, "default": "short"}
        admin.add_model("controlled", base="o3-mini", params={"model_controls": {"thinking": control}})
        wait_until(lambda: effort_shown(admin, "controlled") is None, timeout=10, what="the menu is gone")
        admin.chat("controlled", **HIGH)
        assert heard(provider, "o3-mini") == {"reasoning_effort": "low"}


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
