"""A front end that was built from patched source, with the plugin on the server and without: `tests/run --patched`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Request, expect

from tests.support.browser import Tab
from tests.support.clients import Client
from tests.support.frontend import FRONT_ENDS, patched_build
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider

pytestmark = [
    pytest.mark.everyday,
    pytest.mark.parametrize("front_end", ["patched"], indirect=True, scope="session"),
    pytest.mark.skipif("patched" not in FRONT_ENDS, reason="nothing was built: tests/run --patched"),
]


@pytest.fixture
def group(admin: Client) -> Iterator[str]:
    admin.add_group("source", ["o3-mini"], 1_000_000)
    yield "source"
    admin.request("DELETE", "/api/usage/groups/source")


def reopen(tab: Tab, path: str) -> list[Request]:
    """Load the page once more; returns all of its requests, those to come as well."""
    requests: list[Request] = []
    tab.page.on("request", lambda request: requests.append(request))
    tab.open(path)
    return requests


def asked(requests: list[Request], path: str) -> list[Request]:
    return [request for request in requests if request.url.split("?")[0].endswith(path)]


def test_the_script_of_the_plugin_stays_out(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], group: str
) -> None:
    """It is loaded, as everywhere, and leaves counter, menu and request to the build."""
    tab = open_tab(admin, "/?models=o3-mini")
    requests = reopen(tab, "/?models=o3-mini")
    expect(tab.page.locator(f'[data-usage-group="{group}"]')).to_have_count(1)
    expect(tab.page.get_by_label("Reasoning effort")).to_have_count(1)
    assert asked(requests, "/static/loader.js")
    assert "openwebuiUsage" in tab.page.evaluate("fetch('/static/loader.js').then((answer) => answer.text())")
    assert tab.page.evaluate("document.documentElement.dataset.openwebuiUsage") == "source"
    # Its wrapper around fetch, and the one around the socket, are not there either.
    assert tab.page.evaluate("WebSocket.prototype.send.toString()").endswith("{ [native code] }")

    tab.send("Hello there")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    provider.ended_calls(4, model="o3-mini")
    [sent] = asked(requests, "/api/chat/completions")
    assert sent.post_data_json["reasoning"] == {"effort": "medium"}
    assert len(asked(requests, "/api/usage/page")) == 1
    assert tab.problems == []


def test_each_model_of_a_chat_gets_its_own_effort(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(admin, "/?models=o3-mini,gpt-4o-mini")
    tab.page.evaluate("""localStorage.reasoningEffortByModel = '{"o3-mini": "low"}'""")
    requests = reopen(tab, "/?models=o3-mini,gpt-4o-mini")
    expect(tab.page.get_by_label("Reasoning effort")).to_be_visible()
    tab.send("Hello there")
    provider.ended_calls(2, task=False)
    [sent] = asked(requests, "/api/chat/completions")
    assert sent.post_data_json["reasoning"] == {"effort": "low", "efforts": {"o3-mini": "low"}}
    efforts = {call.model: call.request.get("reasoning_effort") for call in provider.calls() if not call.task}
    assert efforts == {"o3-mini": "low", "gpt-4o-mini": None}


def test_shows_nothing_where_the_server_has_no_plugin(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    server = start_openwebui(plugin=False, front_end=patched_build())
    tab = open_tab(server.admin, "/?models=o3-mini")
    requests = reopen(tab, "/?models=o3-mini")
    tab.send("Hello there")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    expect(tab.page.locator("[data-usage-part]")).to_have_count(0)
    [sent] = asked(requests, "/api/chat/completions")
    assert "reasoning" not in sent.post_data_json
    # One question tells that there is nobody to ask, and none follows it.
    assert len([request for request in requests if "/api/usage/" in request.url]) == 1
    assert tab.problems == []
    tab.screenshot("without-plugin")


@pytest.mark.nightly  # The test before looks at the same page.
def test_the_input_stands_where_it_does_without_us(
    start_openwebui: Callable[..., OpenWebUI], open_tab: Callable[..., Tab]
) -> None:
    """Neither a place nor a gap is left where there is nothing to show."""

    def box(front_end: Path | None) -> Any:
        server = start_openwebui(plugin=False, front_end=front_end)
        tab = open_tab(server.admin, "/?models=gpt-4o-mini")
        tab.page.get_by_text("Suggested").wait_for()
        expect(tab.page.locator("[data-usage-part]")).to_have_count(0)
        return tab.page.locator("#message-input-container").bounding_box()

    assert box(patched_build()) == box(None)
