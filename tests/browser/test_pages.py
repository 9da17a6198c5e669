"""The pages at /usage/ in a real Chromium: what they show, and how; with pictures to look at in tests/artefacts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Tab
from tests.support.clients import PASSWORD, Client
from tests.support.pages import DARK_AND_GERMAN, LIGHT_AND_PHONE, LOOKS, OpenPage, violations

GROUP, BUDGET = "Reasoning models", "Fair share"
SAME_PLACE = """() => {
  const box = (element) => element.getBoundingClientRect();
  const ours = box(document.querySelector('[data-usage-entry=sidebar] a'));
  const theirs = box(document.getElementById('sidebar-search-button'));
  return ours.left >= 0 && ['left', 'width', 'height'].every((side) => ours[side] === theirs[side]);
}"""
"""Whether our line of the sidebar stands as the one for the search does."""


@pytest.fixture(autouse=True)
def something_to_show(admin: Client, user: Client) -> Iterator[None]:
    try:
        admin.add_group(GROUP, ["o3-mini", "gpt-4o"], 1_000_000, period="month", timezone="Europe/Berlin")
        scope = {"kind": "user", "id": user.id}
        budget = {"name": BUDGET, "scope": scope, "unit": "tokens", "limit": 40_000, "period": "month"}
        admin.request("POST", "/api/usage/budgets", budget)
        for model in ("o3-mini", "gpt-4o", "gpt-4o"):
            user.chat(model)
        yield
    finally:
        admin.forget_definitions()


def wait_until_drawn(page: Page, heading: str) -> None:
    """All that the page asks for has come."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator("svg[role=group] .part").first).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize("look", LIGHT_AND_PHONE)
def test_my_usage(user: Client, open_page: OpenPage, look: str) -> None:
    heading = "Meine Nutzung" if look == "german" else "My usage"
    tab = open_page(user, "/usage/", **LOOKS[look])
    wait_until_drawn(tab.page, heading)
    assert violations(tab.page) == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(tab.page.get_by_role("meter", name=BUDGET)).to_be_visible()
    expect(tab.page.get_by_role("meter", name=GROUP)).to_be_visible()
    tab.page.screenshot(path=tab.artefacts / f"pages-my-{look}.png", full_page=True)
    assert tab.problems == []


@pytest.mark.parametrize("look", DARK_AND_GERMAN)
def test_the_admins_overview(admin: Client, open_page: OpenPage, look: str) -> None:
    heading = "Nutzung verwalten" if look == "german" else "Manage usage"
    tab = open_page(admin, "/usage/admin/overview", **LOOKS[look])
    wait_until_drawn(tab.page, heading)
    assert violations(tab.page) == []
    tab.page.screenshot(path=tab.artefacts / f"pages-overview-{look}.png", full_page=True)
    assert tab.problems == []


def test_a_limit_of_ones_own(user: Client, open_page: OpenPage) -> None:
    page = open_page(user, "/usage/").page
    page.get_by_role("button", name="Set a limit").click()
    page.get_by_role("combobox", name="Unit").select_option("requests")
    page.get_by_label("Amount").fill("2.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("must be a whole number of requests (got 2.5)")
    assert violations(page) == []
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You have reached the limit that you set for yourself.")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Set a limit")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("meter", name="A limit of my own")).to_be_visible()


def test_the_page_moves_while_its_reader_chats_in_another_tab(
    user: Client, open_page: OpenPage, open_tab: Callable[..., Tab]
) -> None:
    """By the socket event: the next question of its own would come a minute later."""
    tab = open_page(user, "/usage/")
    today = tab.page.get_by_role("definition").filter(has_text="requests").first
    expect(today).to_contain_text("3 requests")
    chat = open_tab(user, "/?models=gpt-4o")
    with tab.page.expect_websocket(lambda socket: "/ws/socket.io/" in socket.url) as opened:
        tab.page.reload()
    socket = opened.value
    # The server has said that it knows who listens.
    socket.wait_for_event("framereceived", lambda frame: str(frame).startswith("40"))
    expect(today).to_contain_text("3 requests")
    with socket.expect_event("framereceived", lambda frame: '"own_calls":true' in str(frame), timeout=20_000):
        chat.send("Hello")
    expect(today).not_to_contain_text("3 requests", timeout=5_000)
    assert tab.problems == []


def test_without_the_socket_the_page_asks(user: Client, open_page: OpenPage) -> None:
    page = open_page(user, "/usage/").page
    page.route("**/assets/socket-*.js", lambda route: route.abort())
    page.reload()
    today = page.get_by_role("definition").filter(has_text="requests").first
    expect(today).to_contain_text("3 requests")
    user.chat("gpt-4o")
    expect(today).to_contain_text("4 requests", timeout=30_000)


def test_the_address_is_the_state(user: Client, open_page: OpenPage) -> None:
    page = open_page(user, "/usage/?by=kind&metric=calls").page
    expect(page.get_by_role("radio", name="Requests")).to_be_checked()
    page.get_by_role("combobox", name="Time range").select_option("7d")
    expect(page).to_have_url(re.compile(r"range=7d"))
    page.reload()
    expect(page.get_by_role("combobox", name="Time range")).to_have_value("7d")
    expect(page.get_by_role("combobox", name="Grouped by")).to_have_value("kind")


def test_bars_are_read_by_the_keyboard(user: Client, open_page: OpenPage) -> None:
    page = open_page(user, "/usage/?metric=calls&range=today").page
    wait_until_drawn(page, "My usage")
    last = page.locator("svg[role=group] .column").last
    page.locator("svg[role=group] .column[tabindex='0']").focus()
    page.keyboard.press("End")
    expect(last).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(last).not_to_be_focused()
    page.get_by_role("button", name="Show as table").click()
    expect(
        page.get_by_role("group", name="Over time", exact=True).get_by_role("columnheader", name="gpt-4o")
    ).to_be_visible()


def test_a_stranger_signs_in_and_comes_back(user: Client, browser: Browser) -> None:
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(f"{user.url}/usage/?range=7d")
        page.wait_for_url("**/auth?redirect=*")
        page.locator("input[type=email]").fill(f"{user.user['name']}@example.com")
        page.locator("input[type=password]").first.fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/usage/?range=7d")
        expect(page.get_by_role("heading", level=1)).to_have_text("My usage")


def test_somebody_who_is_no_admin_finds_nothing_at_the_admins(user: Client, open_page: OpenPage) -> None:
    tab = open_page(user, "/usage/admin/")
    expect(tab.page.get_by_text("There is nothing here that you may see.")).to_be_visible()
    assert tab.problems == []  # Nothing was asked for that the server had to refuse.


def test_without_a_server_it_says_so_and_tries_again(user: Client, open_page: OpenPage) -> None:
    page = open_page(user, "/usage/").page
    wait_until_drawn(page, "My usage")
    page.route("**/api/usage/me/report*", lambda route: route.abort())
    page.get_by_role("combobox", name="Time range").select_option("7d")
    expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").first.click()
    expect(page.locator("svg[role=group] .part").first).to_be_visible()


def test_the_hosts_pages_lead_here(admin: Client, open_tab: Callable[..., Tab], artefacts: Path) -> None:
    tab = open_tab(admin, "/?models=gpt-4o")
    page = tab.page
    page.get_by_role("button", name="Open Sidebar").first.click()
    entry = page.locator("#sidebar").get_by_role("link", name="Usage", exact=True)
    expect(entry).to_have_count(1)
    page.wait_for_function(SAME_PLACE)  # The sidebar slides open.
    assert tab.problems == []
    page.screenshot(path=artefacts / "entry-sidebar.png")

    page.locator(f"[data-usage-group='{GROUP}']").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Click for details")
    page.screenshot(path=artefacts / "entry-tooltip.png")
    page.locator(f"[data-usage-group='{GROUP}']").click()
    page.wait_for_url("**/usage/")
    expect(page.get_by_role("heading", level=1)).to_have_text("My usage")

    page.goto(f"{admin.url}/admin/evaluations")
    tabs = page.locator("nav:has(a[href='/admin/evaluations'])")
    expect(tabs.get_by_role("link", name="Usage", exact=True)).to_have_count(1)
    page.screenshot(path=artefacts / "entry-admin.png")
    tabs.get_by_role("link", name="Usage", exact=True).click()
    page.wait_for_url("**/usage/admin/**")

    page.goto(f"{admin.url}/?settings=usage")
    card = page.locator("#tab-usage .openwebui-usage-card")
    expect(card).to_have_count(1)
    page.screenshot(path=artefacts / "entry-settings.png")
    card.get_by_role("link", name="Open my usage").click()
    page.wait_for_url("**/usage/")


def test_the_hosts_analytics_and_its_closed_sidebar_lead_here(admin: Client, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(admin, "/?models=gpt-4o")
    rail = tab.page.locator("#sidebar [data-usage-entry=rail] a")
    above = tab.page.locator("#sidebar a[href='/']")
    ours, theirs = rail.bounding_box(), above.bounding_box()
    assert ours
    assert theirs
    assert [ours[side] for side in ("x", "width", "height")] == [theirs[side] for side in ("x", "width", "height")]
    assert ours["y"] > theirs["y"]
    tab.screenshot("entry-rail")
    rail.click()
    tab.page.wait_for_url("**/usage/")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("My usage")

    tab.page.goto(f"{admin.url}/admin/analytics")
    card = tab.page.locator("#tab-admin-analytics .openwebui-usage-card")
    expect(card).to_be_in_viewport(timeout=20_000)
    tab.screenshot("entry-analytics")
    card.get_by_role("link", name="Manage usage").click()
    tab.page.wait_for_url("**/usage/admin/**")
    assert tab.problems == []
