"""The counter above the input and the effort menu, read from the page as a person reads them."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Request, WebSocket, WebSocketRoute, expect

from tests.support.browser import Tab
from tests.support.clients import Client
from tests.support.frontend import on_both_front_ends
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Call, Provider

pytestmark = on_both_front_ends
_numbers = itertools.count(1)
WITHIN = 3000
"""Milliseconds in which a number must have arrived."""
GREY, AMBER, RED = re.compile(r"^(rgb\((\d+), \2, \2\)|oklch\([\d.]+ 0 0\))$"), "rgb(180, 83, 9)", "rgb(220, 38, 38)"


@pytest.fixture
def name() -> str:
    return f"page group {next(_numbers)}"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    yield
    for name in admin.usage_groups():
        admin.request("DELETE", f"/api/usage/groups/{quote(name, safe='')}")
    for budget in admin.request("GET", "/api/usage/budgets")["budgets"]:
        admin.request("DELETE", f"/api/usage/budgets/{quote(budget['name'], safe='')}")


def add_budget(admin: Client, user: Client, name: str, limit: float, **fields: Any) -> None:
    """Of requests of one user."""
    form = {"name": name, "scope": {"kind": "user", "id": user.id}, "unit": "requests", "limit": limit}
    admin.request("POST", "/api/usage/budgets", {**form, **fields})


def line(tab: Tab, name: str) -> Locator:
    """The line of a group or a budget."""
    return tab.page.get_by_role("button", name=re.compile(rf"^{re.escape(name)}: "))


def effort(tab: Tab) -> Locator:
    return tab.page.get_by_role("button", name=re.compile("^Reasoning effort: "))


def options(tab: Tab) -> Locator:
    return tab.page.get_by_role("option")


def open_menu(tab: Tab) -> Locator:
    """The list of efforts, opened by keyboard."""
    # The page puts the focus into the input once it is ready, which closes a menu that was opened before.
    tab.page.wait_for_function("document.activeElement?.closest('#chat-input')")
    effort(tab).focus()
    tab.page.keyboard.press("Enter")
    menu = tab.page.get_by_role("listbox", name="Reasoning effort")
    expect(menu).to_be_focused()
    return menu


def active_option(menu: Locator) -> str:
    """What a screen reader hears of the option that the keys are on."""
    text: str = menu.evaluate(
        "list => document.getElementById(list.getAttribute('aria-activedescendant')).textContent.trim()"
    )
    return text


def documented(calls: list[Call]) -> tuple[int, int, int]:
    """IN, OUT and TOTAL of calls by the documented formula, from the provider's own book."""
    billed = [call.billed for call in calls if call.billed is not None]
    tokens_in = sum(usage["prompt"] for usage in billed)
    tokens_out = sum(usage["completion"] + usage["reasoning"] for usage in billed)
    return tokens_in, tokens_out, tokens_in + tokens_out


def shown(numbers: tuple[int, int, int], limit: int | None = None) -> str:
    text = "{:,} IN · {:,} OUT · {:,} TOTAL".format(*numbers)
    return text if limit is None else f"{text} / {limit:,}"


def asked(page: Page) -> list[str]:
    """The paths under /api/usage that the page asks from now on."""
    paths: list[str] = []

    def note(request: Request) -> None:
        if "/api/usage/" in request.url:
            paths.append(request.url.partition("/api/usage/")[2].partition("?")[0])

    page.on("request", note)
    return paths


# --- the counter


@pytest.mark.everyday
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


def test_a_mentioned_model_moves_counter_and_menu(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["o3-mini"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    tab.page.locator("#chat-input").click()
    tab.page.keyboard.type("@o3-mini", delay=30)
    tab.page.get_by_role("button", name=re.compile("o3-mini")).first.wait_for()
    tab.page.keyboard.press("Enter")
    expect(line(tab, name)).to_be_visible()
    expect(effort(tab)).to_be_visible()
    tab.screenshot("mention")
    tab.page.get_by_label("Remove Selected Model").click()
    expect(line(tab, name)).to_have_count(0)
    expect(effort(tab)).to_have_count(0)


def test_several_models_show_several_groups(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    admin.add_group(f"{name} too", ["o3-mini"], 500)
    tab = open_tab(admin, "/?models=gpt-4o-mini,o3-mini")
    expect(line(tab, name)).to_contain_text(shown((0, 0, 0)))
    expect(line(tab, f"{name} too")).to_contain_text(shown((0, 0, 0), 500))
    tab.screenshot("counter-two-groups")


def test_more_than_five_groups_fold_into_one_line_that_opens(admin: Client, open_tab: Callable[..., Tab]) -> None:
    names = [f"fold {number}" for number in range(1, 7)]
    for each in names:
        admin.add_group(each, ["gpt-4o-mini"], 1_000_000)
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    fold = tab.page.get_by_role("button", name="6 usage groups")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(line(tab, names[0])).to_have_count(0)
    fold.click()
    for each in names:
        expect(line(tab, each)).to_be_visible()
    tab.screenshot("counter-folded-open")
    tab.page.keyboard.press("Escape")
    expect(line(tab, names[0])).to_have_count(0)
    admin.request("DELETE", f"/api/usage/groups/{quote(names[0])}")
    expect(line(tab, names[5])).to_be_visible()
    expect(fold).to_have_count(0)


def test_a_group_that_an_admin_makes_or_removes_is_seen_at_once(
    admin: Client, open_tab: Callable[..., Tab], name: str
) -> None:
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    admin.add_group(name, ["gpt-4o-mini"], 10)
    expect(line(tab, name)).to_contain_text(shown((0, 0, 0), 10), timeout=WITHIN)
    admin.request("DELETE", f"/api/usage/groups/{quote(name)}")
    expect(line(tab, name)).to_have_count(0, timeout=WITHIN)


@pytest.mark.everyday
def test_a_limit_that_is_reached_shows_as_the_error_of_the_message(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1)
    admin.chat("gpt-4o-mini")
    before = len(provider.calls())
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    expect(line(tab, name)).to_have_css("color", RED)
    tab.send("Hello there")
    expect(tab.page.get_by_text(re.compile(f'Usage limit reached for "{name}"')).first).to_be_visible(timeout=15_000)
    tab.screenshot("limit-reached")
    assert len(provider.calls()) == before


@pytest.mark.parametrize("by", ["pointer", "keyboard"])
def test_a_tooltip_tells_what_the_line_leaves_out(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str, by: str
) -> None:
    provider.behave("o3-mini", cached=5)
    admin.add_group(name, ["o3-mini"], 1_000_000, period="month")
    admin.request("PUT", "/api/usage/prices", {"model": "o3-mini", "input": 1000, "output": 1000, "cached_input": 500})
    admin.chat("o3-mini", "a prompt of some length, so that some of it is in the cache")
    [call] = provider.ended_calls(1)
    assert call.billed is not None
    prompt, completion, reasoning = (call.billed[key] for key in ("prompt", "completion", "reasoning"))
    tab = open_tab(admin, "/?models=o3-mini")
    expect(line(tab, name)).to_contain_text(shown(documented([call]), 1_000_000))
    if by == "pointer":
        line(tab, name).hover()
    else:
        tab.page.wait_for_function("document.activeElement?.closest('#chat-input')")
        tab.page.keyboard.press("Shift+Tab")
        expect(line(tab, name)).to_be_focused()
    tip = tab.page.get_by_role("tooltip")
    cost = (prompt - 5) * 0.001 + 5 * 0.0005 + completion * 0.001
    for text in (
        name,
        f"Prompt{prompt:,}",
        "Cached5",
        f"Completion{completion:,}",
        f"Reasoning{reasoning:,}",
        f"Billed total{prompt + completion:,}",
        f"Cost${cost:.4f}".rstrip("0"),
        f"Remaining{1_000_000 - documented([call])[2]:,}",
    ):
        expect(tip).to_contain_text(text)
    expect(tip).to_have_text(re.compile(r"Resetsin \d+ (days|hours|minutes)(Click for details)?$"))
    expect(line(tab, name)).to_have_accessible_description(re.compile("Prompt"))
    tab.screenshot(f"tooltip-{by}")
    tab.page.keyboard.press("Escape")
    if by == "keyboard":
        expect(tip).to_have_count(0)
    tab.page.mouse.move(0, 0)
    expect(tip).to_have_count(0)
    admin.request("DELETE", "/api/usage/prices/o3-mini")


def test_the_tightest_budget_stands_beside_it_in_grey_amber_and_red(
    admin: Client, user: Client, provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    add_budget(admin, user, "wide", 1000)
    add_budget(admin, user, "another model's", 1, models=["gpt-4o"])
    add_budget(admin, user, "tight", 10)
    tab = open_tab(user, "/?models=gpt-4o-mini")
    expect(line(tab, "wide").or_(line(tab, "tight"))).to_have_text(re.compile("0 / (10|1,000) requests"))
    user.chat("gpt-4o-mini")
    expect(line(tab, "tight")).to_contain_text("1 / 10 requests", timeout=WITHIN)
    expect(line(tab, "tight")).to_have_css("color", GREY)
    expect(line(tab, "wide")).to_have_count(0)
    expect(line(tab, "another model's")).to_have_count(0)
    for _ in range(7):
        user.chat("gpt-4o-mini")
    expect(line(tab, "tight")).to_contain_text("8 / 10 requests", timeout=WITHIN)
    expect(line(tab, "tight")).to_have_css("color", AMBER)
    user.chat("gpt-4o-mini")
    expect(line(tab, "tight")).to_contain_text("9 / 10 requests", timeout=WITHIN)
    expect(line(tab, "tight")).to_have_css("color", RED)
    tab.screenshot("budget-red")
    assert tab.problems == []


def test_what_somebody_may_not_see_does_not_reach_his_page(
    start_openwebui: Callable[..., OpenWebUI], open_tab: Callable[..., Tab]
) -> None:
    server = start_openwebui(env={"BYPASS_MODEL_ACCESS_CONTROL": "false"})
    admin = server.admin
    admin.add_model("helper", base="gpt-4o-mini")
    admin.add_group("secret", ["o3-mini"], 1000)
    admin.add_group("open", ["helper"])
    user = admin.add_user()
    tab = open_tab(user, "/?models=helper")
    received: list[str] = []
    tab.page.on("response", lambda answer: "/api/usage/" in answer.url and received.append(answer.text()))
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
    tab.page.reload()
    expect(line(tab, "open")).to_be_visible()
    admin.chat("o3-mini")
    admin.chat("helper")
    expect(line(tab, "open")).not_to_have_text(shown((0, 0, 0)), timeout=WITHIN)
    assert any('"open"' in text for text in received)
    assert not any("secret" in text for text in received)
    assert "secret" not in tab.page.content()


def test_numbers_of_as_many_digits_are_as_wide(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    widths = line(tab, name).evaluate(
        """line => ['1,111', '8,888', '4,071'].map((text) => {
            const probe = Object.assign(document.createElement('span'), { textContent: text });
            line.append(probe);
            const { width } = probe.getBoundingClientRect();
            probe.remove();
            return width;
        })"""
    )
    assert len(set(widths)) == 1
    assert widths[0] > 0


def test_a_screen_reader_hears_numbers_that_have_come_to_rest(
    admin: Client, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    expect(line(tab, name)).to_be_visible()
    spoken = tab.page.get_by_role("status").filter(has_text=name)
    expect(spoken).to_have_count(0)
    admin.chat("gpt-4o-mini")
    expect(spoken).to_have_text(re.compile(rf"^{name}: \d+ IN"), timeout=15_000)
    expect(spoken).to_have_attribute("aria-live", "polite")


# --- the menu


@pytest.mark.everyday
@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_the_effort_menu_is_chosen_by_keyboard_and_sent(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], theme: str
) -> None:
    tab = open_tab(admin, "/?models=o3-mini", theme=theme)
    expect(effort(tab)).to_have_text("Medium")
    open_menu(tab)
    expect(options(tab)).to_have_text(["Low", "Medium", "High"])
    tab.screenshot(f"effort-open-{theme}")
    tab.page.keyboard.press("End")
    tab.page.keyboard.press("Enter")
    expect(effort(tab)).to_have_text("High")
    expect(effort(tab)).to_be_focused()
    assert tab.page.evaluate("localStorage.reasoningEffortByModel") == '{"o3-mini":"high"}'
    tab.send("Think hard")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    [call] = provider.ended_calls(1, model="o3-mini", task=False)
    assert call.request["reasoning_effort"] == "high"
    assert "reasoning" not in call.request
    assert tab.problems == []


def test_the_menu_is_a_listbox(admin: Client, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(admin, "/?models=o3-mini")
    expect(effort(tab)).to_have_attribute("aria-haspopup", "listbox")
    menu = open_menu(tab)
    expect(effort(tab)).to_have_attribute("aria-expanded", "true")
    expect(tab.page.get_by_role("option", selected=True)).to_have_text("Medium")
    for key, expected in (
        ("ArrowDown", "High"),
        ("ArrowDown", "High"),
        ("Home", "Low"),
        ("ArrowUp", "Low"),
        ("End", "High"),
        ("l", "Low"),
        ("m", "Medium"),
        ("ArrowUp", "Low"),
    ):
        tab.page.keyboard.press(key)
        assert active_option(menu) == expected, key
    tab.page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(effort(tab)).to_be_focused()
    expect(effort(tab)).to_have_text("Medium")
    tab.page.keyboard.press("ArrowDown")
    expect(menu).to_be_focused()
    tab.page.keyboard.press("Tab")
    expect(menu).to_have_count(0)
    effort(tab).click()
    options(tab).filter(has_text="Low").click()
    expect(effort(tab)).to_have_text("Low")
    effort(tab).click()
    expect(menu).to_be_visible()
    tab.page.mouse.click(640, 20)
    expect(menu).to_have_count(0)


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


def test_a_model_with_controls_of_its_own_has_those_and_no_menu(
    admin: Client, open_tab: Callable[..., Tab], name: str
) -> None:
    levels = {"low": {"label": "A little", "params": {"reasoning_effort": "low"}}}
    controls = {"thinking": {"label": "Thinking", "options": levels, "default": "low"}}
    admin.add_model("controlled", base="o3-mini", params={"model_controls": controls})
    admin.add_group(name, ["controlled"])
    tab = open_tab(admin, "/?models=controlled")
    expect(line(tab, name)).to_be_visible()
    expect(tab.page.get_by_label("Model controls")).to_be_visible()
    expect(effort(tab)).to_have_count(0)


def test_in_a_chat_with_several_models_each_has_its_own_effort(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab(admin, "/?models=o3-mini,gpt-4o-mini,grok-3-mini")
    expect(effort(tab)).to_have_text("Medium")
    open_menu(tab)
    expect(options(tab)).to_have_count(6)
    for model, level in (("o3-mini", "High"), ("grok-3-mini", "Low")):
        part = tab.page.get_by_role("group", name=model)
        part.get_by_role("option", name=level).click()
        expect(part.get_by_role("option", selected=True)).to_have_text(level)
    tab.screenshot("effort-several-models")
    tab.page.keyboard.press("Escape")
    expect(effort(tab)).to_have_text("Mixed")
    tab.send("Think, each as you can")
    provider.ended_calls(3, task=False, containing="each as you can")
    sent = {call.model: call.request.get("reasoning_effort") for call in provider.calls() if not call.task}
    assert sent == {"o3-mini": "high", "gpt-4o-mini": None, "grok-3-mini": "low"}


def test_a_choice_is_seen_in_the_other_tab(admin: Client, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(admin, "/?models=o3-mini")
    other = Tab(tab.page.context.new_page(), admin, tab.artefacts).open("/?models=o3-mini")
    expect(effort(other)).to_have_text("Medium")
    tab.page.bring_to_front()
    effort(tab).click()
    options(tab).filter(has_text="High").click()
    other.page.bring_to_front()
    expect(effort(other)).to_have_text("High")


# --- languages


@pytest.mark.parametrize(
    ("language", "label", "numbers"),
    [
        ("de-DE", "Denkaufwand: Mittel", "0 IN · 0 OUT · 0 TOTAL / 1.000.000"),
        pytest.param(
            "fr-FR",
            "Effort de raisonnement: Moyen",
            "0 IN · 0 OUT · 0 TOTAL / 1\u202f000\u202f000",
            marks=pytest.mark.nightly,
        ),
        pytest.param("ja-JP", "推論の強度: 中", "0 IN · 0 OUT · 0 TOTAL / 1,000,000", marks=pytest.mark.nightly),
        ("fi-FI", "Reasoning effort: Medium", "0 IN · 0 OUT · 0 TOTAL / 1\u00a0000\u00a0000"),
    ],
)
def test_both_speak_the_language_of_the_page_with_one_request(
    admin: Client, open_tab: Callable[..., Tab], name: str, language: str, label: str, numbers: str
) -> None:
    admin.add_group(name, ["o3-mini"], 1_000_000)
    tab = open_tab(admin, "/?models=o3-mini", language=language)
    paths = asked(tab.page)
    tab.page.reload()
    expect(tab.page.get_by_role("button", name=label)).to_be_visible()
    text = line(tab, name).text_content()
    assert text is not None
    assert text.strip() == numbers
    assert paths == ["page"]


def test_both_follow_when_the_language_changes(admin: Client, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(admin, "/?models=o3-mini")
    expect(effort(tab)).to_be_visible()
    tab.page.evaluate("localStorage.locale = 'it-IT'")
    tab.page.reload()
    expect(tab.page.get_by_role("button", name="Impegno di ragionamento: Medio")).to_be_visible()


# --- what they cost


def test_nothing_on_the_page_moves(admin: Client, open_tab: Callable[..., Tab], name: str) -> None:
    admin.add_group(name, ["o3-mini"], 100)
    tab = open_tab(admin, "/?models=o3-mini")
    expect(line(tab, name)).to_be_visible()
    box: Any = tab.page.locator("#message-input-container").bounding_box()
    admin.request("DELETE", f"/api/usage/groups/{quote(name)}")
    expect(line(tab, name)).to_have_count(0, timeout=WITHIN)
    assert tab.page.locator("#message-input-container").bounding_box() == box


OBSERVE = """() => {
  const observe = (type, note) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  window.shifts = [];
  window.work = [];
  observe('layout-shift', ({ hadRecentInput, sources, value }) => {
    if (!hadRecentInput) for (const { node } of sources) if (node) window.shifts.push([node, value]);
  });
  observe('long-animation-frame', (entry) => {
    for (const { sourceURL, duration } of entry.scripts) window.work.push([sourceURL, duration]);
  });
}"""
"""Notes layout shifts, and scripts that took 5 ms or more of a frame of 50 ms or more, from the first byte on."""

SHIFTED = """element => {
  const form = document.getElementById('chat-input').closest('form');
  return window.shifts
    .filter(([node]) => element.contains(node) || (form.contains(node) && node.contains(element)))
    .map(([node, value]) => [node.outerHTML ?? node.data, value]);
}"""
"""Layout shifts of an element, of what is in it, and of what holds it in the form of the input."""


def test_they_shift_nothing_and_block_nothing_while_a_chat_loads_and_runs(
    admin: Client, user: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    provider.behave("o3-mini", chunks=200, delay=0.01)
    admin.add_group(name, ["o3-mini"], 1_000_000)
    add_budget(admin, user, "tight", 10)
    tab = open_tab(user, "/?models=o3-mini")
    tab.send("Hello there")
    tab.page.wait_for_url("**/c/*")
    provider.ended_calls(4, model="o3-mini")
    paths = asked(tab.page)
    tab.page.add_init_script(f"({OBSERVE})()")
    tab.page.reload()
    expect(line(tab, name)).to_be_visible()
    expect(line(tab, "tight")).to_be_visible()
    tab.send("And once more")
    calls = provider.ended_calls(6, model="o3-mini")  # A second message gets neither title nor tags.
    expect(line(tab, name)).to_contain_text(shown(documented(calls), 1_000_000), timeout=WITHIN)
    for ours in (line(tab, name), line(tab, "tight"), effort(tab), tab.page.locator("#chat-input")):
        assert ours.evaluate(SHIFTED) == []
    work = tab.page.evaluate("window.work")
    ours = sum(took for source, took in work if "/static/loader.js" in source or "/usage/entries.js" in source)
    assert ours < sum(took for _, took in work) / 5, work  # However slow the machine is.
    assert paths == ["page"]
    assert tab.problems == []


HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  Object.defineProperty(document, 'visibilityState', { value: hidden ? 'hidden' : 'visible', configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_hidden_tab_rests_and_catches_up_with_one_request(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    tab = open_tab(admin, "/?models=gpt-4o-mini")
    events: list[str] = []
    tab.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: events.append(str(frame))))
    tab.page.reload()
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)))
    paths = asked(tab.page)
    tab.page.evaluate(HIDE, True)
    admin.chat("gpt-4o-mini")
    [call] = provider.ended_calls(1)
    total = f'"total":{documented([call])[2]}'
    while not any("usage" in event and total in event for event in events):
        tab.page.wait_for_timeout(50)
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)))
    assert paths == []
    tab.page.evaluate(HIDE, False)
    expect(line(tab, name)).to_have_text(shown(documented([call])))
    assert paths == ["me"]


# --- what they survive


@pytest.mark.everyday
def test_they_survive_routes_chats_sidebar_and_settings(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["o3-mini"])
    tab = open_tab(admin, "/?models=o3-mini")
    page = tab.page

    def both_are_there_once() -> None:
        expect(line(tab, name)).to_have_count(1)
        expect(effort(tab)).to_have_count(1)
        expect(effort(tab)).to_be_visible()

    tab.send("Hello there")
    page.wait_for_url("**/c/*")
    both_are_there_once()
    page.get_by_role("button", name=re.compile("sidebar", re.I)).first.click()
    both_are_there_once()
    page.locator("#sidebar a[href='/workspace'], a[href='/workspace']").first.click()
    page.wait_for_url("**/workspace/**")
    expect(line(tab, name)).to_have_count(0)
    page.go_back()
    page.wait_for_url("**/c/*")
    both_are_there_once()
    page.locator("a[href='/']").filter(visible=True).first.click()
    page.wait_for_url(lambda url: "/c/" not in url)
    page.locator("#chat-input").wait_for()
    page.go_back()
    page.wait_for_url("**/c/*")
    both_are_there_once()
    page.keyboard.press("Control+.")  # Settings
    page.get_by_role("dialog").first.wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    both_are_there_once()
    assert tab.problems == []


def test_without_a_websocket_the_numbers_are_asked_for_until_the_login_ends(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    user = admin.add_user()
    tab = open_tab(user)
    tab.page.route_web_socket("**/ws/socket.io/**", _refuse)
    tab.page.goto(f"{user.url}/?models=gpt-4o-mini")
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)))
    admin.chat("gpt-4o-mini")
    expect(line(tab, name)).to_have_text(shown(documented(provider.ended_calls(1))), timeout=2 * WITHIN)
    admin.request("DELETE", f"/api/v1/users/{user.id}")
    expect(line(tab, name)).to_have_count(0, timeout=2 * WITHIN)


def test_a_network_that_fails_for_a_while_leaves_what_is_shown(
    admin: Client, provider: Provider, open_tab: Callable[..., Tab], name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"])
    tab = open_tab(admin)
    tab.page.route_web_socket("**/ws/socket.io/**", _refuse)
    tab.page.route("**/api/usage/page*", lambda route: route.abort(), times=1)
    tab.page.goto(f"{admin.url}/?models=gpt-4o-mini")
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)), timeout=3 * WITHIN)
    tab.page.route("**/api/usage/me", lambda route: route.fulfill(status=502, body="Bad gateway"), times=1)
    with tab.page.expect_response("**/api/usage/me") as answer:
        pass
    assert answer.value.status == 502
    expect(line(tab, name)).to_have_text(shown((0, 0, 0)))
    admin.chat("gpt-4o-mini")
    expect(line(tab, name)).to_have_text(shown(documented(provider.ended_calls(1))), timeout=2 * WITHIN)


def _refuse(socket: WebSocketRoute) -> None:
    socket.close()


def joins(tab: Tab) -> list[str]:
    """Fills with what tells the page, from now on, that its socket is connected and will get events."""
    told: list[str] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: told.append(str(data)) if str(data).startswith("40") else None)

    tab.page.on("websocket", watch)
    return told


def test_an_open_page_survives_a_restart_of_the_server(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider, open_tab: Callable[..., Tab]
) -> None:
    server = start_openwebui()
    server.admin.add_group("kept", ["gpt-4o-mini"], 1_000_000)
    server.admin.chat("gpt-4o-mini")
    tab = open_tab(server.admin, "/?models=gpt-4o-mini")
    expect(line(tab, "kept")).to_contain_text(shown(documented(provider.ended_calls(1)), 1_000_000))
    connected = joins(tab)
    server.restart()
    server.admin.chat("gpt-4o-mini")
    # Open WebUI tries to connect again after five seconds at most.
    expect(line(tab, "kept")).to_contain_text(shown(documented(provider.ended_calls(2)), 1_000_000), timeout=15_000)
    # Until then the page asks every three seconds, and may have known of the second call before.
    deadline = time.monotonic() + 15
    while not connected and time.monotonic() < deadline:
        tab.page.wait_for_timeout(100)
    assert connected
    server.admin.chat("gpt-4o-mini")
    expect(line(tab, "kept")).to_contain_text(shown(documented(provider.ended_calls(3)), 1_000_000), timeout=WITHIN)
