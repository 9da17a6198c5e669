"""What admins and readers read at /usage/admin/ in a real Chromium, with pictures to look at in tests/artefacts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.clients import Client
from tests.support.pages import LIGHT_AND_PHONE, LOOKS, OpenPage, violations

BUDGET = "Fair share"
MANY = 3200
"""Requests, more than anybody reads."""
SECTIONS = ("overview", "calls", "refusals", "health")


@pytest.fixture(autouse=True)
def something_to_read(admin: Client, user: Client) -> Iterator[None]:
    """Two models, somebody with a budget that refuses the third call, and a group."""
    admin.add_group("Reasoning models", ["o3-mini", "gpt-4o"], 1_000_000, period="month", timezone="Europe/Berlin")
    scope = {"kind": "user", "id": user.id}
    budget = {"name": BUDGET, "scope": scope, "unit": "requests", "limit": 2, "period": "month"}
    admin.request("POST", "/api/usage/budgets", budget)
    for model in ("o3-mini", "gpt-4o"):
        user.chat(model)
    assert user.post("/api/chat/completions", json={"model": "gpt-4o", "messages": []}).status_code == 429
    yield
    admin.forget_definitions()


def wait_until_drawn(page: Page) -> None:
    """All that the page asks for has come."""
    expect(page.get_by_role("heading", level=2).first).to_be_visible(timeout=30_000)
    expect(page.locator(".skeleton")).to_have_count(0, timeout=30_000)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("look", LIGHT_AND_PHONE)
def test_each_section_looks_right(admin: Client, open_page: OpenPage, look: str) -> None:
    tab = open_page(admin, "/usage/admin/", **LOOKS[look])
    for section in SECTIONS:
        tab.page.goto(f"{admin.url}/usage/admin/{section}")
        wait_until_drawn(tab.page)
        assert violations(tab.page) == [], section
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), section
        tab.page.screenshot(path=tab.artefacts / f"admin-{section}-{look}.png", full_page=True)
    tab.page.goto(f"{admin.url}/usage/admin/calls")
    tab.page.get_by_role("row").nth(1).click()
    expect(tab.page.get_by_role("dialog").locator("pre, .none").first).to_be_visible()
    assert violations(tab.page) == []
    tab.page.screenshot(path=tab.artefacts / f"admin-call-{look}.png")
    assert tab.problems == []


def test_from_a_bar_to_its_calls_and_one_of_them(admin: Client, user: Client, open_page: OpenPage) -> None:
    page = open_page(admin, f"/usage/admin/overview?metric=calls&range=today&user={user.id}").page
    wait_until_drawn(page)
    bars = page.locator("svg[role=group] .column", has=page.locator(".part"))
    bars.last.click()
    expect(page).to_have_url(re.compile(rf"/usage/admin/calls\?.*user={user.id}"))
    wait_until_drawn(page)
    expect(page.get_by_role("row")).to_have_count(3)  # the head and two calls
    page.get_by_role("row").nth(1).focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text(BUDGET)).to_be_visible()
    expect(drawer.locator("pre")).to_contain_text("prompt_tokens")
    page.reload()
    expect(drawer.get_by_text(BUDGET)).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page.get_by_role("row").nth(1)).to_be_visible()


def test_thousands_of_requests_stay_as_quick_as_a_hundred(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/calls").page
    wait_until_drawn(page)
    pages = itertools.count(1)
    call = admin.request("GET", "/api/usage/calls?limit=1")["calls"][0]

    def a_page_of_many(route: Route) -> None:
        # What the server says of one request, a hundred times, under other ids.
        number = next(pages)
        ids = [f"{number:04}n{i:04}" for i in range(100)]
        following = ids[-1] if number < MANY // 100 else None
        route.fulfill(json={"calls": [{**call, "id": id_} for id_ in ids], "next": following})

    page.route("**/api/usage/calls?*", a_page_of_many)
    page.reload()
    rows = page.locator("tr[data-row]")
    rows.first.focus()
    for last in range(99, MANY, 100):
        page.keyboard.press("End")
        expect(page.locator(f"tr[data-row='{last}']")).to_be_focused()
        assert rows.count() <= 250
        expect(page.locator(f"tr[data-row='{last + 1}']")).to_have_count(int(last + 1 < MANY), timeout=20_000)
    expect(page.get_by_role("table")).to_have_attribute("aria-rowcount", f"{MANY + 1}")
    expect(page.locator(":focus")).to_have_attribute("aria-rowindex", f"{MANY + 1}")
    assert violations(page) == []
    width = page.get_by_role("columnheader", name="Model").bounding_box()
    page.keyboard.press("Home")
    expect(rows.first).to_be_focused()
    expect(rows.first).to_be_in_viewport()
    assert page.get_by_role("columnheader", name="Model").bounding_box() == width
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_view_is_saved_opened_and_removed(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/overview?range=7d&by=user").page
    wait_until_drawn(page)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Save this view").click()
    page.get_by_label("Name").fill("By person & week")
    page.get_by_label("Share with all").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("“By person & week” is saved")).to_be_visible()
    page.goto(f"{admin.url}/usage/admin/overview")
    wait_until_drawn(page)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="By person & week").click()
    expect(page).to_have_url(re.compile(r"range=7d&by=user"))
    expect(page.get_by_role("combobox", name="Time range")).to_have_value("7d")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Manage views").click()
    page.get_by_role("button", name="Remove By person & week").click()
    expect(page.get_by_text("is removed")).to_be_visible()
    views = admin.request("GET", "/api/usage/views")["views"]
    assert "By person & week" not in [view["name"] for view in views]


def test_a_filter_is_in_the_address(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/calls").page
    wait_until_drawn(page)
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("menuitem", name="Model").click()
    page.keyboard.type("o3*")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"model=o3\*|model=o3%2A"))
    expect(page.get_by_role("cell", name="o3-mini").first).to_be_visible()
    expect(page.get_by_role("cell", name="gpt-4o", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Remove Model").click()
    expect(page.get_by_role("cell", name="gpt-4o", exact=True).first).to_be_visible()


def test_refusals_lead_to_the_limit(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/refusals").page
    wait_until_drawn(page)
    # Rows of budgets that are gone, as other tests leave them, have none.
    link = page.get_by_role("row", name=BUDGET).get_by_role("link", name="Raise the limit").first
    expect(link).to_have_attribute("href", re.compile(r"/usage/admin/budgets/"))


def test_health_says_how_each_part_fares(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/health").page
    wait_until_drawn(page)
    for name in ("Ledger", "Redis", "Prices", "Versions"):
        expect(page.get_by_role("listitem").filter(has_text=name).first).to_be_visible()
    expect(page.get_by_text("Open WebUI 0.12.4, Python")).to_be_visible()


def test_health_speaks_the_language_of_the_page(admin: Client, open_page: OpenPage) -> None:
    page = open_page(admin, "/usage/admin/health", **LOOKS["german"]).page
    wait_until_drawn(page)
    expect(page.get_by_text("Anfragen werden erfasst und begrenzt.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"erfasst, über \d+ Funktionen von Open WebUI\."))).to_be_visible()
