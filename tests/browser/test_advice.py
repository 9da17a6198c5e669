"""What the effort menu and the counter's tooltip say of usual use, read from the page as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.support.browser import Tab
from tests.support.clients import Client

GROUP = "advised group"


def usual(tokens: int) -> dict[str, Any]:
    """From half of so many tokens to twice as many; a thousand cost a cent."""
    quartiles = [tokens // 2, tokens, 2 * tokens]
    return {"calls": 9, "tokens": quartiles, "out": quartiles, "cost": [each / 100_000 for each in quartiles]}


EFFORTS = {"medium": usual(1000), "high": usual(3000)}
USUAL = {"shown": True, "models": {"o3-mini": {"prompt_price": None, "efforts": EFFORTS}}}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_menu_and_tooltip_say_what_is_usual(admin: Client, open_tab: Callable[..., Tab], theme: str) -> None:
    assert admin.request("GET", "/api/usage/typical")["shown"] is True
    admin.add_group(GROUP, ["o3-mini"], 10_000_000)
    try:
        tab = open_tab(admin, "/?models=o3-mini", theme=theme)
        asked: list[Route] = []

        def answer(route: Route) -> None:
            asked.append(route)
            route.fulfill(json=USUAL)

        tab.page.route("**/api/usage/typical", answer)
        tab.page.wait_for_function("document.activeElement?.closest('#chat-input')")
        tab.page.keyboard.insert_text("x" * 4000)
        assert asked == [], "nothing is asked while somebody writes"

        tab.page.locator(f"[data-usage-group='{GROUP}']").hover()
        tip = tab.page.get_by_role("tooltip")
        expect(tip).to_contain_text("This messageabout 1,500–3,000 tokens$0.005–$0.02fits, <1% of what is left")
        expect(tab.page.locator(f"[data-usage-group='{GROUP}']")).to_have_accessible_description(
            re.compile("1,500–3,000")
        )
        tab.screenshot(f"advice-tooltip-{theme}")
        tab.page.mouse.move(0, 0)

        tab.page.locator("[data-usage-part=effort] button").click()
        options = tab.page.get_by_role("option")
        expect(options).to_have_text(["Low", "Medium", "High"])
        for option, advice in zip(
            options.all(),
            (
                "not known yet",
                "typically 1,000 tokens, $0.01",
                "about 3 × Medium, typically 3,000 tokens, $0.03",
            ),
            strict=True,
        ):
            expect(option).to_have_accessible_name(option.inner_text())
            expect(option).to_have_accessible_description(advice)
            shown = option.evaluate("element => getComputedStyle(element, '::after').content")
            assert advice in shown
        tab.screenshot(f"advice-menu-{theme}")
        assert len(asked) == 1
        assert tab.problems == []
    finally:
        admin.request("DELETE", f"/api/usage/groups/{GROUP}")


def test_a_model_whose_limit_is_reached_says_so_where_one_chooses(
    admin: Client, user: Client, open_tab: Callable[..., Tab]
) -> None:
    scope = {"kind": "user", "id": user.id}
    form = {"scope": scope, "unit": "requests", "limit": 0, "period": "month"}
    budgets = (
        {**form, "name": "no o3", "models": ["o3-mini"]},
        {**form, "name": "other", "models": ["gpt-4o"], "action": "fallback", "fallback_model": "gpt-4o-mini"},
    )
    for budget in budgets:
        admin.request("POST", "/api/usage/budgets", budget)
    try:
        tab = open_tab(user, "/?models=gpt-4o-mini")
        page = tab.page
        opener = page.locator("[id^=model-selector-][id$=-button]").first
        expect(page.locator("[data-usage-part=counter]")).to_be_attached()
        opener.hover()
        opener.click()
        item = page.locator("button[data-value='o3-mini']")
        expect(item).to_have_attribute("title", re.compile(r"^Limit reached until .*20\d\d"))
        expect(item).to_have_accessible_description(re.compile("^Limit reached until"))
        other = page.locator("button[data-value='gpt-4o']")
        expect(other).to_have_attribute("title", "Limit reached: gpt-4o-mini answers")
        expect(page.locator("button[data-value='gpt-4o-mini']")).not_to_have_attribute(
            "data-usage-limit", re.compile("")
        )
        colours = [each.evaluate("e => getComputedStyle(e, '::after').backgroundColor") for each in (item, other)]
        assert colours == ["rgb(220, 38, 38)", "rgb(217, 119, 6)"]
        tab.screenshot("model-menu")
        item.click()
        opener.hover()
        expect(opener).to_have_attribute("title", re.compile("^Limit reached until"))
        assert tab.problems == []
    finally:
        for budget in budgets:
            admin.request("DELETE", f"/api/usage/budgets/{budget['name'].replace(' ', '%20')}")  # type: ignore[attr-defined]
