"""What a person sees of the plugin in the page of an Open WebUI of any version, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.hosts.world import World
from tests.support.browser import Tab
from tests.support.process import wait_until

SLOWLY = 60_000
"""Milliseconds that an answer may take on a busy machine."""
SENTENCE = "all happy families are alike"
"""From what the stand-in answers."""


def line(tab: Tab, name: str) -> Locator:
    """The line of a group or a budget."""
    return tab.page.get_by_role("button", name=re.compile(rf"^{re.escape(name)}: "))


def effort(tab: Tab) -> Locator:
    return tab.page.get_by_role("button", name=re.compile("^Reasoning effort: "))


def stop_button(tab: Tab) -> Locator:
    """Of a reply that goes on."""
    return tab.page.locator("form svg path[d^='M2.25 12c0-5.385']")


@pytest.mark.cell("Counter above the input")
def test_the_counter_stands_above_the_input_and_counts(world: World, open_tab: Callable[..., Tab]) -> None:
    world.admin.add_group("seen", ["gpt-4o"], 1_000_000)
    tab = open_tab(world.user, "/?models=gpt-4o")
    expect(line(tab, "seen")).to_contain_text("0 IN · 0 OUT · 0 TOTAL / 1,000,000", timeout=SLOWLY)
    counter, form = line(tab, "seen").bounding_box(), tab.page.locator("#chat-input").bounding_box()
    assert counter
    assert form
    assert counter["y"] + counter["height"] <= form["y"] + 1, "it is above the input"
    tab.send("Hello there")
    tab.page.get_by_text(SENTENCE).first.wait_for(timeout=SLOWLY)
    calls = world.provider.ended_calls(1, timeout=60, model="gpt-4o", task=False)
    assert calls
    wait_until(lambda: all(call.ended for call in world.provider.calls()), timeout=60, what="title and tags are made")
    used = world.admin.usage_groups()["seen"]["usage"]
    said = f"{used['in']:,} IN · {used['out']:,} OUT"
    expect(line(tab, "seen")).to_contain_text(said, timeout=15_000)
    tab.screenshot(f"version-{world.server.host.version()}-counter")
    assert not [problem for problem in tab.problems if "usage" in problem]


@pytest.mark.cell("Effort menu")
def test_an_effort_that_is_chosen_goes_out(world: World, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(world.user, "/?models=o3-mini")
    expect(effort(tab)).to_be_visible(timeout=SLOWLY)
    box, button = tab.page.locator("#chat-input").bounding_box(), effort(tab).bounding_box()
    assert box
    assert button
    assert button["y"] >= box["y"], "it stands in the row below the input"
    effort(tab).click()
    tab.page.get_by_role("option", name=re.compile("^High")).click()
    tab.screenshot(f"version-{world.server.host.version()}-effort")
    tab.send("Hello there")
    tab.page.get_by_text(SENTENCE).first.wait_for(timeout=SLOWLY)
    [call] = world.provider.calls("o3-mini", task=False)
    assert call.request["reasoning_effort"] == "high"


@pytest.mark.cell("Limit, in the browser")
def test_after_a_refusal_the_reply_is_over(world: World, open_tab: Callable[..., Tab]) -> None:
    world.admin.add_group("limited", ["gpt-4o-mini"], 0)
    tab = open_tab(world.user, "/?models=gpt-4o-mini")
    tab.send("Hello there")
    refusal = tab.page.get_by_text(re.compile('Usage limit reached for "limited"')).first
    expect(refusal).to_be_visible(timeout=SLOWLY)
    tab.screenshot(f"version-{world.server.host.version()}-limit")
    # Its own row of buttons is there. The same chat takes no question after an error, whatever that is of.
    expect(tab.page.locator("button.copy-response-button, button.regenerate-response-button").first).to_be_attached()
    expect(stop_button(tab)).to_have_count(0)
    # The title of an earlier chat may come late.
    assert [call for call in world.provider.calls() if call.model == "gpt-4o-mini"] == []
    world.admin.request("PUT", "/api/usage/groups/limited", {"limit": None})
    tab.open("/?models=gpt-4o-mini").send("And now?")
    tab.page.get_by_text(SENTENCE).first.wait_for(timeout=SLOWLY)


@pytest.mark.cell("Status line in the browser")
def test_the_line_is_above_the_reply_and_there_after_a_reload(world: World, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(world.user, "/?models=gpt-4o")
    tab.send("Hello there")
    told = tab.page.get_by_text(re.compile(r"1,234 in · 56 out")).first
    expect(told).to_be_visible(timeout=SLOWLY)
    tab.screenshot(f"version-{world.server.host.version()}-status")
    tab.page.wait_for_url(re.compile("/c/"))
    tab.page.wait_for_timeout(1500)  # The page saves its chat a moment later.
    tab.page.reload()
    expect(tab.page.get_by_text(re.compile(r"1,234 in · 56 out")).first).to_be_visible(timeout=SLOWLY)
