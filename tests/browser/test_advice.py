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
