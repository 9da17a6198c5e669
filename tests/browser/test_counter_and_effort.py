"""The counter above the input and the effort menu, read from the page as a person reads them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Tab
from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Call, Provider

_numbers = itertools.count(1)
WITHIN = 3000
"""Milliseconds in which a number must have arrived."""


@pytest.fixture
def name() -> str:
    return f"page group {next(_numbers)}"


@pytest.fixture(autouse=True)
def no_groups_left(admin: Client) -> Iterator[None]:
    yield
    for name in admin.usage_groups():
        admin.request("DELETE", f"/api/usage/groups/{quote(name, safe='')}")


def line(tab: Tab, group: str) -> Locator:
    return tab.page.locator(f'[data-usage-group="{group}"]')


def effort(tab: Tab) -> Locator:
    return tab.page.get_by_label("Reasoning effort")


def documented(calls: list[Call]) -> tuple[int, int, int]:
    """IN, OUT and TOTAL of calls by the documented formula, from the provider's own book."""
    billed = [call.billed for call in calls if call.billed is not None]
    tokens_in = sum(usage["prompt"] for usage in billed)
    tokens_out = sum(usage["completion"] + usage["reasoning"] for usage in billed)
    return tokens_in, tokens_out, tokens_in + tokens_out


def shown(numbers: tuple[int, int, int], limit: int | None = None) -> str:
    text = "{:,} IN · {:,} OUT · {:,} TOTAL".format(*numbers)
    return text if limit is None else f"{text} / {limit:,}"


def test_a_chat_is_counted_to_the_token_within_three_seconds(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["o3-mini"], 1_000_000)
    tab = open_tab(admin, "/?models=o3-mini")
    expect(line(tab, name)).to_contain_text(shown((0, 0, 0), 1_000_000))
    tab.send("Hello there")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    calls = provider.ended_calls(4, model="o3-mini")  # The answer, the title, the tags and the follow-ups.
    expect(line(tab, name)).to_contain_text(shown(documented(calls), 1_000_000), timeout=WITHIN)
    tab.screenshot("counter-light")
    assert tab.problems == []


def test_the_line_follows_the_model(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["gpt-4o*"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)))
    tab.page.goto(f"{admin.url}/?models=o3-mini")
    tab.page.locator("#chat-input").wait_for()
    expect(effort(tab)).to_be_visible()
    expect(line(tab, name)).to_have_count(0)


def test_several_models_show_several_groups(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    admin.add_group(f"{name} too", ["o3-mini"], 500)
    tab = open_tab(admin, "/?models=gpt-4o-mini,o3-mini")
    expect(line(tab, name)).to_contain_text(shown((0, 0, 0)))
    expect(line(tab, f"{name} too")).to_contain_text(shown((0, 0, 0), 500))
    tab.screenshot("counter-two-groups")


def test_a_group_that_an_admin_makes_or_removes_is_seen_at_once(
    admin: Client, open_tab: Callable[..., Tab], name: str
) -> None:
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    admin.add_group(name, ["gpt-4o-mini"], 10)
    expect(line(tab, name)).to_contain_text(shown((0, 0, 0), 10), timeout=WITHIN)
    admin.request("DELETE", f"/api/usage/groups/{quote(name)}")
    expect(line(tab, name)).to_have_count(0, timeout=WITHIN)


def test_a_limit_that_is_reached_shows_as_the_error_of_the_message(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1)
    admin.chat("gpt-4o-mini")
    before = len(provider.calls())
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    tab.send("Hello there")
    expect(tab.page.get_by_text(re.compile(f'Usage limit reached for "{name}"')).first).to_be_visible(timeout=15_000)
    tab.screenshot("limit-reached")
    assert len(provider.calls()) == before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_effort_menu_is_chosen_by_keyboard_and_sent(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], dark: bool
) -> None:
    tab = open_tab(admin, "/?models=o3-mini", dark=dark)
    button = effort(tab)
    expect(button).to_have_text(re.compile("Medium"))
    # The page puts the focus into the input once it is ready, which closes a menu that was opened before.
    tab.page.wait_for_function("document.activeElement?.closest('#chat-input')")
    button.focus()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("option")).to_have_text([re.compile(word) for word in ("Low", "Medium", "High")])
    tab.screenshot(f"effort-open-{'dark' if dark else 'light'}")
    tab.page.keyboard.press("End")
    tab.page.keyboard.press("Enter")
    expect(button).to_have_text(re.compile("High"))
    assert tab.page.evaluate("localStorage.reasoningEffortByModel") == '{"o3-mini":"high"}'
    tab.send("Think hard")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    [call] = provider.ended_calls(1, model="o3-mini", task=False)
    assert call.request["reasoning_effort"] == "high"
    assert "reasoning" not in call.request
    assert tab.problems == []


def test_the_menu_stands_left_of_what_comes_after_it(admin: Client, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(admin, "/?models=o3-mini")
    integrations = tab.page.locator("#integration-menu-button").bounding_box()
    menu = effort(tab).bounding_box()
    assert integrations is not None
    assert menu is not None
    assert 0 <= menu["x"] - (integrations["x"] + integrations["width"]) < 40
    assert abs((menu["y"] + menu["height"] / 2) - (integrations["y"] + integrations["height"] / 2)) < 3


def test_a_model_that_cannot_reason_has_no_menu(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    expect(line(tab, name)).to_be_visible()
    expect(effort(tab)).to_have_count(0)


def test_nothing_on_the_page_moves(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["o3-mini"], 100)
    tab = open_tab(admin, "/?models=o3-mini")
    expect(line(tab, name)).to_be_visible()
    box: Any = tab.page.locator("#message-input-container").bounding_box()
    admin.request("DELETE", f"/api/usage/groups/{quote(name)}")
    expect(line(tab, name)).to_have_count(0, timeout=WITHIN)
    assert tab.page.locator("#message-input-container").bounding_box() == box


def test_the_counter_survives_a_restart(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    server = start_openwebui()
    server.admin.add_group("kept", ["gpt-4o-mini"], 1_000_000)
    server.admin.chat("gpt-4o-mini")
    expected = shown(documented(provider.ended_calls(1)), 1_000_000)
    server.restart()
    tab = open_tab(server.admin, "/?models=gpt-4o-mini")
    expect(line(tab, "kept")).to_contain_text(expected)
