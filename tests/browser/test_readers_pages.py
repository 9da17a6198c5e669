"""What readers of reports who are no admins see at /usage/admin/ in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.support.clients import Client
from tests.support.pages import OpenPage, violations

SECTIONS = {"overview": "Overview", "calls": "Requests", "refusals": "Refusals"}
EDITED = ("groups", "budgets", "prices", "settings", "health", "start")
MESSAGES = [{"role": "user", "content": "Hello"}]


@dataclass(frozen=True, slots=True)
class People:
    reader: Client
    """Of everybody."""
    lead: Client
    """Of a team."""
    member: Client
    """Of that team."""
    other: Client
    """Of none."""


@pytest.fixture
def people(admin: Client) -> Iterator[People]:
    """Each has called, and the member and the other one were refused, too."""

    def group(name: str, *members: Client) -> str:
        made = admin.request("POST", "/api/v1/groups/create", {"name": name, "description": ""})
        ids = {"user_ids": [member.id for member in members]}
        admin.request("POST", f"/api/v1/groups/id/{made['id']}/users/add", ids)
        return str(made["id"])

    with ExitStack() as stack:
        found = People(*(stack.enter_context(closing(admin.add_user())) for _ in range(4)))
        finance, leads = group("Finance", found.reader), group("Team leads", found.lead)
        group("Team", found.lead, found.member)
        admin.request("PUT", "/api/usage/readers", {"of_everybody": [finance], "of_own_groups": [leads]})
        for person in (found.member, found.other):
            scope = {"kind": "user", "id": person.id}
            budget = {"name": f"One a day for {person.user['name']}", "scope": scope, "unit": "requests", "limit": 1}
            admin.request("POST", "/api/usage/budgets", {**budget, "period": "day"})
            person.chat("gpt-4o")
            assert person.post("/api/chat/completions", json={"model": "gpt-4o", "messages": MESSAGES}).is_error
        yield found
        admin.forget_definitions()
        admin.request("PUT", "/api/usage/readers", {})


def wait_until_drawn(page: Page) -> None:
    """All that the page asks for has come."""
    expect(page.get_by_role("heading", level=2).first).to_be_visible(timeout=30_000)
    expect(page.locator(".skeleton")).to_have_count(0, timeout=30_000)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("who", ["reader", "lead"])
def test_readers_see_what_they_may_read_and_nothing_to_change(people: People, open_page: OpenPage, who: str) -> None:
    tab = open_page(getattr(people, who), "/usage/")
    page = tab.page
    page.get_by_role("link", name="Administration").click()
    wait_until_drawn(page)
    tabs = page.get_by_role("navigation").get_by_role("link")
    expect(tabs).to_have_text(list(SECTIONS.values()))
    for section, title in SECTIONS.items():
        tabs.get_by_text(title, exact=True).click()
        wait_until_drawn(page)
        assert violations(page) == [], section
        expect(page.get_by_role("alert")).to_have_count(0)
        page.screenshot(path=tab.artefacts / f"{who}-{section}.png", full_page=True)
        if section != "overview":
            member, other = (
                page.get_by_role("cell", name=each.user["name"], exact=True) for each in (people.member, people.other)
            )
            expect(member.first).to_be_visible()
            expect(other).to_have_count(1 if who == "reader" else 0)
    expect(page.get_by_role("link", name="Raise the limit")).to_have_count(0)
    assert tab.problems == []  # Nothing was asked for that the server had to refuse.
    for section in EDITED:
        page.goto(f"{people.reader.url}/usage/admin/{section}")
        expect(page.get_by_text("There is nothing here that you may see.")).to_be_visible()
    assert tab.problems == []
