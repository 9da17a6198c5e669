"""The whole way of an admin who has just installed the plugin, in a real Chromium and without a terminal."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.clients import Client
from tests.support.openwebui import ADMIN_EMAIL, ADMIN_PASSWORD, OpenWebUI
from tests.support.pages import LOOKS, OpenPage

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Of somebody who has never been here."""
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


def test_from_an_empty_deployment_to_a_limit_that_holds(
    start_openwebui: Callable[..., OpenWebUI], page: Page, open_page: OpenPage, artefacts: Path
) -> None:
    server = start_openwebui()
    picture = lambda name: page.screenshot(path=artefacts / f"newcomer-{name}.png", full_page=True)  # noqa: E731

    tabs = page.get_by_role("navigation")

    # From sign-in to a limit per person and month.
    page.goto(f"{server.url}/usage/admin/")
    page.wait_for_url("**/auth?redirect=*")
    page.locator("input[type=email]").fill(ADMIN_EMAIL)
    page.locator("input[type=password]").first.fill(ADMIN_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/usage/admin/**")
    picture("1-first-steps")
    page.get_by_role("combobox", name="Unit").select_option("requests")
    page.get_by_label("A month, for each person").fill("2")
    page.get_by_role("button", name="Set limit").click()
    expect(page.get_by_text("There is a budget.")).to_be_visible()
    page.get_by_role("button", name="Create group").click()
    expect(page.get_by_text("There is a group.")).to_be_visible()
    picture("2-limit-set")

    # It refuses, and nobody but whom it should.
    busy, other = server.admin.add_user("busy"), server.admin.add_user("other")
    asked = [busy.post("/api/chat/completions", json={"model": "gpt-4o", "messages": HELLO}) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    other.chat("o3-mini")

    # Who spent most this week, and on what.
    tabs.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("combobox", name="Time range").select_option("week")
    page.get_by_role("combobox", name="Grouped by").select_option("user")
    page.get_by_role("combobox", name="Subgroup").select_option("model")
    table = page.get_by_role("group", name="Who and what used most")
    first = table.get_by_role("row").nth(1)
    expect(first).to_contain_text("busy")
    expect(first).to_contain_text("gpt-4o")
    picture("3-who-and-on-what")

    # Whom a new budget would have refused.
    tabs.get_by_role("link", name="Budgets", exact=True).click()
    page.get_by_role("link", name="New budget").first.click()
    page.get_by_label("Name").fill("One a month")
    page.get_by_role("radio", name="Requests").check()
    page.get_by_label("Limit", exact=True).fill("1")
    refused = page.get_by_role("group", name="What it would have done")
    expect(refused).to_contain_text("busy", timeout=20_000)
    expect(refused).not_to_contain_text("other")
    picture("4-back-test")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("cell", name="1 request a month")).to_be_visible()
    picture("5-budgets")
    assert busy.post("/api/chat/completions", json={"model": "gpt-4o", "messages": HELLO}).status_code == 429

    # The month, to take along.
    tabs.get_by_role("link", name="Settings", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Report as CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert sum(int(row["calls"]) for row in rows) == 3
    with page.expect_download() as download:
        page.get_by_role("link", name="FOCUS").click()
    assert f"{datetime.now(UTC):%Y-%m}" in download.value.path().read_text()

    # What is left, on a phone.
    what_is_left(other, open_page, artefacts)
    for person in (busy, other):
        person.close()


def what_is_left(person: Client, open_page: OpenPage, artefacts: Path) -> None:
    tab = open_page(person, "/", **LOOKS["phone"])
    tab.page.get_by_role("button", name="Open Sidebar").first.click()
    tab.page.locator("#sidebar").get_by_role("link", name="Usage", exact=True).click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("My usage")
    expect(tab.page.get_by_text("1 request left")).to_be_visible()
    expect(tab.page.get_by_role("meter", name="Monthly limit")).to_be_in_viewport()
    tab.page.screenshot(path=artefacts / "newcomer-6-phone.png", full_page=True)
