"""Counter and menu beside Open WebUI's own controls: measured against them, and on one sheet to look at (looks.png)."""

from __future__ import annotations

import base64
import html
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.browser import Tab
from tests.support.clients import Client
from tests.support.nightly import mostly_at_night

THEMES = ["light", "dark", "oled-dark"]
THEMES_AND_CONTRASTS = mostly_at_night(
    itertools.product(THEMES, [False, True]), everyday=[("light", False), ("dark", True), ("oled-dark", False)]
)
"""Each theme every day, and high contrast in one of them."""
GROUP, BUDGET = "looks", "looks budget"


@pytest.fixture(autouse=True)
def something_to_show(admin: Client, user: Client) -> Iterator[None]:
    admin.add_group(GROUP, ["o3-mini"], 1_000_000)
    scope = {"kind": "user", "id": user.id}
    admin.request(
        "POST",
        "/api/usage/budgets",
        {"name": BUDGET, "scope": scope, "unit": "tokens", "limit": 2000, "period": "month"},
    )
    user.chat("o3-mini")
    yield
    for name in admin.usage_groups():
        admin.request("DELETE", f"/api/usage/groups/{name}")
    admin.request("DELETE", f"/api/usage/budgets/{BUDGET}")


def set_up(user: Client, **settings: Any) -> None:
    """Open WebUI's own settings of a user."""
    user.request("POST", "/api/v1/users/user/settings/update", {"ui": settings})


def effort(tab: Tab) -> Locator:
    """Whatever the language."""
    return tab.page.locator("#message-input-container button[aria-haspopup=listbox]:not([id^=model-selector])")


def line(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("button", name=re.compile(rf"^{name}: "))


def style(element: Locator, *names: str) -> dict[str, str]:
    """Computed style."""
    found: dict[str, str] = element.evaluate(
        "(element, names) => Object.fromEntries(names.map((name) => [name, getComputedStyle(element)[name]]))",
        list(names),
    )
    return found


def open_list(tab: Tab) -> Locator:
    # The page puts the focus into the input once it is ready, which closes a list that was opened before.
    tab.page.wait_for_function("document.activeElement?.closest('#chat-input')")
    # What answers usually use makes a level higher, once there are enough calls.
    tab.page.route("**/api/usage/typical*", lambda route: route.fulfill(json={"shown": False, "models": {}}))
    effort(tab).click()
    opened = tab.page.get_by_role("listbox")
    expect(opened).to_be_visible()
    return opened


def resting(tab: Tab) -> None:
    """All transitions have ended."""
    tab.page.wait_for_function("document.getAnimations().every((animation) => animation.playState !== 'running')")


@pytest.mark.parametrize(("theme", "contrast"), THEMES_AND_CONTRASTS)
def test_the_button_looks_as_its_neighbours_do(
    user: Client, open_tab: Callable[..., Tab], theme: str, contrast: bool
) -> None:
    set_up(user, highContrastMode=contrast)
    tab = open_tab(user, "/?models=o3-mini", theme=theme)
    ours, theirs = effort(tab), tab.page.locator("#integration-menu-button")
    expect(ours).to_be_visible()
    if contrast:
        expect(tab.page.locator("html.high-contrast")).to_have_count(1)
    shared = ("height", "color", "backgroundColor", "fontFamily", "fontWeight", "cursor", "borderTopWidth")
    assert style(ours, *shared) == style(theirs, *shared)
    for button in (ours, theirs):  # Both are round, one as a circle and one as a pill.
        assert button.evaluate("b => parseFloat(getComputedStyle(b).borderTopLeftRadius) >= b.offsetHeight / 2")
    selector = tab.page.locator("[id^=model-selector][id$=-button]").first.get_by_text("o3-mini")
    assert style(ours, "fontSize") == style(selector, "fontSize")

    def hovered(button: Locator) -> dict[str, str]:
        button.hover()
        resting(tab)
        return style(button, "backgroundColor", "color")

    assert hovered(ours) == hovered(theirs)

    def focused(button: Locator) -> dict[str, str]:
        button.focus()
        return style(button, "outlineStyle", "outlineWidth", "outlineColor", "outlineOffset")

    tab.page.mouse.move(0, 0)
    tab.page.keyboard.press("Tab")  # From now on the focus is one of the keyboard.
    assert focused(ours) == focused(theirs)
    assert focused(ours)["outlineStyle"] == "solid"
    ring = focused(line(tab, GROUP))
    assert ring.pop("outlineOffset") == "1px"  # Inside, it would cross the text.
    assert ring.items() <= focused(theirs).items()


@pytest.mark.parametrize("theme", mostly_at_night(THEMES, everyday=["light"]))
def test_the_list_looks_as_the_menu_beside_it(user: Client, open_tab: Callable[..., Tab], theme: str) -> None:
    tab = open_tab(user, "/?models=o3-mini", theme=theme)
    opened = open_list(tab)
    panel = ("backgroundColor", "borderTopColor", "borderTopWidth", "borderTopLeftRadius", "padding")
    item = ("height", "color", "fontSize", "fontWeight", "borderTopLeftRadius", "paddingLeft", "columnGap", "display")
    ours = style(opened, *panel), style(tab.page.get_by_role("option").first, *item)
    gap = _gap(effort(tab), opened)
    shadow = style(opened, "boxShadow")["boxShadow"]
    tab.page.keyboard.press("Escape")
    tab.page.locator("#input-menu-button").click()
    menu = tab.page.get_by_role("menu")
    resting(tab)
    inner = menu.locator(".app-dropdown-menu")
    theirs = style(inner, *panel), style(inner.locator("button").first, *item)
    assert ours == theirs
    assert style(inner, "boxShadow")["boxShadow"].endswith(shadow)
    assert abs(gap - _gap(tab.page.locator("#input-menu-button"), menu)) < 1


def _gap(above: Locator, below: Locator) -> float:
    top, bottom = above.bounding_box(), below.bounding_box()
    assert top is not None
    assert bottom is not None
    return bottom["y"] - top["y"] - top["height"]


@pytest.mark.parametrize("theme", mostly_at_night(THEMES, everyday=["dark"]))
def test_the_tooltip_looks_as_theirs(user: Client, open_tab: Callable[..., Tab], theme: str) -> None:
    names = (
        "backgroundColor",
        "color",
        "borderTopColor",
        "borderTopWidth",
        "borderTopLeftRadius",
        "fontSize",
        "boxShadow",
    )
    tab = open_tab(user, "/?models=o3-mini", theme=theme)
    tab.page.locator("#voice-input-button").hover()
    box = tab.page.locator(".tippy-box")
    expect(box).to_be_visible()
    theirs = style(box, *names)
    tab.page.mouse.move(0, 0)
    expect(box).to_have_count(0)
    effort(tab).hover()
    ours = style(tab.page.get_by_role("tooltip"), *names)
    assert theirs.pop("boxShadow").endswith(ours.pop("boxShadow"))
    assert ours == theirs


CONTRAST = """element => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
  };
  const luminance = () => {
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const grounds = [];
  for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
  paint('#fff');
  grounds.forEach(paint);
  const ground = luminance();
  paint(getComputedStyle(element).color);
  const [dark, light] = [ground, luminance()].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}"""


@pytest.mark.parametrize(("theme", "contrast"), THEMES_AND_CONTRASTS)
def test_every_line_can_be_read(
    admin: Client, user: Client, open_tab: Callable[..., Tab], theme: str, contrast: bool
) -> None:
    set_up(user, highContrastMode=contrast)
    tab = open_tab(user, "/?models=o3-mini", theme=theme)
    for limit, level in ((1_000_000, ""), (700, "near"), (500, "full")):
        admin.request("PUT", f"/api/usage/groups/{GROUP}", {"limit": limit})
        expect(line(tab, GROUP)).to_contain_text(f"/ {limit:,}")
        assert line(tab, GROUP).evaluate(CONTRAST) >= (7 if contrast and not level else 4.5), level


@pytest.mark.parametrize(
    "look",
    [
        pytest.param({"width": 375, "height": 700}, id="phone", marks=pytest.mark.nightly),
        pytest.param({"width": 320, "height": 600}, id="small-phone"),
        pytest.param({"zoom": 2, "height": 900}, id="200-percent"),
    ],
)
def test_there_is_room_for_both(
    admin: Client, user: Client, open_tab: Callable[..., Tab], look: dict[str, Any]
) -> None:
    long = "a group with a name as long as this one"
    admin.add_group(long, ["o3-mini"], 999_999_999_999_999)
    tab = open_tab(user, "/?models=o3-mini", **look)
    expect(effort(tab)).to_be_visible()
    expect(line(tab, long)).to_be_visible()
    tab.screenshot(f"room-{look.get('width', '200-percent')}")
    boxes = [
        element.bounding_box()
        for element in (
            line(tab, GROUP),
            line(tab, long).get_by_text("TOTAL"),
            line(tab, long).get_by_text(long),
            line(tab, BUDGET),
            effort(tab),
            tab.page.locator("[id^=model-selector]").first,
        )
    ]
    width = tab.page.evaluate("innerWidth")
    for number, box in enumerate(boxes):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for other in boxes[:number]:
            assert other is not None
            assert (
                box["x"] + box["width"] <= other["x"]
                or other["x"] + other["width"] <= box["x"]
                or box["y"] + box["height"] <= other["y"]
                or other["y"] + other["height"] <= box["y"]
            )
    menu = open_list(tab).bounding_box()
    assert menu is not None
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= width
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


# --- the sheet


@dataclass(frozen=True, slots=True)
class Shot:
    title: str
    look: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    show: str = ""
    """menu, tooltip, hover or focus."""


SHOTS = [
    Shot("light, menu", show="menu"),
    Shot("light, hover", show="hover"),
    Shot("light, focus", show="focus"),
    Shot("light, tooltip", show="tooltip"),
    Shot("dark, menu", {"theme": "dark"}, show="menu"),
    Shot("dark, tooltip", {"theme": "dark"}, show="tooltip"),
    Shot("OLED dark, menu", {"theme": "oled-dark"}, show="menu"),
    Shot("high contrast, menu", {}, {"highContrastMode": True}, show="menu"),
    Shot("high contrast, dark", {"theme": "dark"}, {"highContrastMode": True}, show="menu"),
    Shot("right to left, Arabic", {"language": "ar-BH"}, {"chatDirection": "RTL"}, show="menu"),
    Shot("German, tooltip", {"language": "de-DE"}, show="tooltip"),
    Shot("Japanese, menu", {"language": "ja-JP"}, show="menu"),
    Shot("200 %", {"zoom": 2, "height": 900}, show="menu"),
    Shot("phone", {"width": 375, "height": 700}, show="menu"),
    Shot("phone, dark, tooltip", {"width": 375, "height": 700, "theme": "dark"}, show="tooltip"),
]


@pytest.mark.nightly  # A picture to look at; what it shows is checked above.
def test_a_sheet_of_all_looks(user: Client, open_tab: Callable[..., Tab], browser: Browser, artefacts: Path) -> None:
    figures = []
    for shot in SHOTS:
        set_up(user, **{"highContrastMode": False, "chatDirection": "auto", **shot.settings})
        tab = open_tab(user, "/?models=o3-mini", **shot.look)
        expect(effort(tab)).to_be_visible()
        if shot.show == "menu":
            open_list(tab)
        elif shot.show == "hover":
            effort(tab).hover()
        elif shot.show == "focus":
            tab.page.keyboard.press("Tab")
            effort(tab).focus()
        else:
            line(tab, GROUP).hover()
            expect(tab.page.get_by_role("tooltip")).to_be_visible()
        resting(tab)
        box = tab.page.locator("#message-input-container").bounding_box()
        assert box is not None
        clip = {
            "x": box["x"] - 8,
            "y": max(0, box["y"] - 190),
            "width": box["width"] + 16,
            "height": box["height"] + 310,
        }
        picture = base64.b64encode(tab.page.screenshot(clip=clip)).decode()
        caption = f"<figcaption>{html.escape(shot.title)}</figcaption>"
        figures.append(f'<figure>{caption}<img src="data:image/png;base64,{picture}"></figure>')
        tab.page.close()
    page = browser.new_page(viewport={"width": 1640, "height": 1000})
    page.set_content(
        "<style>body { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin: 16px; font: 14px sans-serif }"
        "figure { margin: 0 } img { max-width: 100%; border: 1px solid #ccc }</style>" + "".join(figures)
    )
    page.screenshot(path=artefacts / "looks.png", full_page=True)
    page.close()
    assert len(figures) == len(SHOTS)
