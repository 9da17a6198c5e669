"""The page of the token client, visited with a real Chromium on a desk and on a phone; screenshots in artefacts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.nightly import mostly_at_night
from tests.support.process import Fork
from tests.support.provider import Provider
from tests.support.tokenclient import Place, TokenServer

MODEL = "o3-mini"
RICH = """## Sorting in place

Here is *quicksort*, with **median of three**, [a link](https://example.com) and ![a picture](https://evil.example/x.png).

```python
def quicksort(items: list[int], low: int = 0, high: int | None = None) -> None:
    \"\"\"Sort in place; this line is long, so that one sees how the block scrolls sideways, not the page.\"\"\"
    if high is None:
        high = len(items) - 1
```

| Case | Time | Space |
|---|---|---|
| best | O(n log n) | O(log n) |
| worst | O(n²) | O(n) |

- [x] in place
- [ ] stable
"""
HARD = (
    """# Übersicht

The roots are \\(x_{1,2} = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}\\), it costs $5 and $10, and $e^{i\\pi} = -1$.

\\[
\\begin{aligned} a &= \\int_0^1 x^2\\,dx \\\\ b &= \\sum_{k=1}^n k^2 \\end{aligned}
\\]

$$\\text{no } \\TeX \\undefined$$

مرحبا بالعالم، هذا نص من اليمين إلى اليسار.

```js
const line = "LONG"; // and on
```

WORD

`inline_CODE`
""".replace("LONG", "x" * 3000)
    .replace("WORD", "w" * 500)
    .replace("CODE", "c" * 500)
)
EVIL = """<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">

[click](javascript:window.hacked=1) <a href="javascript:window.hacked=1">or here</a> ![x](javascript:window.hacked=1)

[y]: javascript:window.hacked=1
[y] `<b onmouseover=window.hacked=1>` <style>body { display: none }</style> <iframe src="/healthz"></iframe>

\\(<img src=x onerror="window.hacked = 1">\\) $$\\href{javascript:window.hacked=1}{x}$$
<math-tex display onclick="window.hacked=1">x</math-tex>

```html
<img src=x onerror="window.hacked = 1"></code></pre><script>window.hacked = 1</script>
```

"><svg onload=window.hacked=1> ![x](x"onerror="window.hacked=1) [z](https://example.com/"onclick="window.hacked=1)
"""


@dataclass(frozen=True)
class Screen:
    """What somebody looks at."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


SCREENS = [
    Screen("desktop-light", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}),
    Screen("desktop-dark", {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}),
    Screen(
        "phone-light",
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
    ),
    Screen(
        "phone-dark",
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True, "has_touch": True},
    ),
]


class Visit:
    """A page with nothing in its profile."""

    def __init__(self, page: Page, server: TokenServer, screen: Screen, artefacts: Path) -> None:
        self.page = page
        self.server = server
        self.problems: list[str] = []
        self.requested: list[str] = []
        self._name = screen.name
        self._artefacts = artefacts
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))

    def look(self, what: str) -> None:
        """A screenshot, once nothing moves; and nothing is wider than the screen."""
        self.page.wait_for_timeout(250)
        self.page.screenshot(path=self._artefacts / f"client-{self._name}-{what}.png")
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what

    def enter(self, token: str) -> None:
        self.page.get_by_label("Your token").fill(token)
        self.page.keyboard.press("Enter")

    def ask(self, text: str) -> None:
        self.page.get_by_label("Your message").fill(text)
        self.page.keyboard.press("Enter")


@pytest.fixture
def server(
    tmp_path: Path, provider: Provider, new_log: Callable[[str], Path], command_forks: Callable[..., Fork]
) -> Iterator[TokenServer]:
    env = {
        "OPENAI_API_BASE_URL": f"{provider.url}/openai/v1",
        "OPENAI_API_KEY": "sk-stand-in",
        "OPENWEBUI_USAGE_CLIENT_MODEL": MODEL,
        "NO_PROXY": "127.0.0.1",
    }
    server = TokenServer(Place(tmp_path, env), new_log("token-client"), command_forks)
    yield server
    server.stop()


@pytest.fixture
def visit(browser: Browser, server: TokenServer, artefacts: Path) -> Iterator[Callable[..., Visit]]:
    """`visit(screen, path="/")`"""
    contexts = []

    def open_(screen: Screen = SCREENS[0], path: str = "/") -> Visit:
        context = browser.new_context(locale="en-US", **screen.options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        opened = Visit(context.new_page(), server, screen, artefacts)
        opened.page.goto(server.url + path)
        return opened

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    "screen",
    mostly_at_night(SCREENS, everyday=[SCREENS[0], SCREENS[3]], ids=[screen.name for screen in SCREENS]),
)
def test_a_whole_visit(screen: Screen, visit: Callable[..., Visit], server: TokenServer, provider: Provider) -> None:
    token = server.place.create("Ada Lovelace", 0.008)
    provider.behave(MODEL, text=RICH, chunks=60, delay=0.03, first_byte_delay=1.2)
    seen = visit(screen)
    page = seen.page

    expect(page.get_by_label("Your token")).to_be_focused()
    seen.look("1-token")
    seen.enter("wrong123")
    expect(page.get_by_role("alert")).to_have_text("This token is not valid.")
    seen.look("2-wrong-token")
    assert [problem for problem in seen.problems if "401" not in problem] == []
    seen.problems.clear()

    seen.enter(token)
    expect(page.get_by_role("heading", name="Hello, Ada Lovelace")).to_be_visible()
    expect(page.get_by_test_id("amounts")).to_have_text("$0.00 of $0.008")
    seen.look("3-welcome")

    pro = page.get_by_role("switch", name="O1 Pro")
    expect(pro).not_to_be_checked()
    pro.click()
    expect(pro).to_be_checked()
    seen.ask("Sort this in place.")
    expect(page.get_by_text(re.compile(r"Thinking for \d+ sec \(Pro Mode\)"))).to_be_visible()
    seen.look("4-thinking")
    expect(page.get_by_text("Sorting in place")).to_be_visible()
    seen.look("5-streaming")
    numbers = page.locator("dl")
    expect(numbers).to_have_text(re.compile(r"Input\s*4\s*Reasoning\s*1,024\s*Output\s*59\s*Cost\s*\$0\.0048"))
    expect(page.get_by_text("Thinking for 1 sec (Pro Mode)")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("The answer is complete: 1,087 tokens, $0.0048.")
    expect(page.get_by_test_id("amounts")).to_have_text("$0.0048 of $0.008")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^0\.59"))
    expect(page.locator("figure pre .hljs-keyword").first).to_have_text("def")
    assert page.locator("figure pre").evaluate("pre => pre.textContent").startswith("def quicksort(")
    expect(page.locator("table th")).to_have_text(["Case", "Time", "Space"])
    expect(page.locator("input[type=checkbox]")).to_have_count(2)
    expect(page.get_by_role("link", name="a link")).to_have_attribute("rel", "noopener noreferrer nofollow")
    seen.look("6-answer")
    page.get_by_role("button", name="Copy the code").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("def quicksort(")

    pro.click()
    provider.behave(MODEL, text="word " * 400, chunks=400, delay=0.03)
    seen.ask("Tell me more.")
    expect(page.get_by_text("word word")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped", exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert provider.ended_calls(2)[-1].ended == "gone"
    seen.look("7-stopped")

    provider.behave(MODEL, status=500)
    seen.ask("Are you well?")
    expect(page.get_by_role("alert")).to_contain_text("The provider answered with an error (500)")
    seen.look("8-error")
    provider.behave(MODEL, text="All is well.", reasoning=900)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("All is well.")).to_be_visible()

    expect(page.get_by_text("Your limit is used up.")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    seen.look("9-limit")
    server.place.users("add-limit", token, "5")
    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("Your limit is used up.")).to_have_count(0)

    history = [message["role"] for message in provider.calls()[-1].request["messages"]]
    assert history == ["user", "assistant", "user", "assistant", "user"]
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_role("heading", name="Hello, Ada Lovelace")).to_be_visible()
    expect(page.locator("article")).to_have_count(0)
    seen.ask("Anew")
    expect(page.locator("dl")).to_have_count(1)
    assert len(provider.calls()[-1].request["messages"]) == 1

    assert [problem for problem in seen.problems if "502" not in problem] == []
    assert all(url.startswith(server.url) for url in seen.requested)


def test_a_token_in_the_link_leaves_the_address_and_lasts_as_long_as_the_tab(
    visit: Callable[..., Visit], server: TokenServer
) -> None:
    token = server.place.create("Ann")
    for address in (f"/?token={token}", f"/#token={token}"):
        seen = visit(path=address)
        page = seen.page
        expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
        assert page.url == f"{server.url}/"
        page.go_back()
        assert token not in page.url
        page.goto(server.url)
        expect(page.get_by_role("heading", name="Hello, Ann")).to_be_visible()
        assert token not in json.dumps(page.evaluate("[document.cookie, {...localStorage}]"))
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_label("Your token")).to_be_focused()
        page.reload()
        expect(page.get_by_label("Your token")).to_be_focused()
        assert page.evaluate("sessionStorage.length") == 0
        assert seen.problems == []
    expect(visit().page.get_by_label("Your token")).to_be_visible()


def test_what_a_model_says_cannot_act(visit: Callable[..., Visit], server: TokenServer, provider: Provider) -> None:
    provider.behave(MODEL, text=EVIL, chunks=40)
    seen = visit(path=f"/?token={server.place.create('Ann')}")
    page = seen.page
    seen.ask("Be evil.")
    expect(page.locator("dl")).to_be_visible()
    answer = page.locator("article")
    assert answer.locator("script, iframe, style, [onerror], [onload], [onclick], .markdown img").count() == 0
    for link in answer.locator("a[href]").all():
        assert (link.get_attribute("href") or "").startswith("https://example.com/")
    for link in answer.locator("a").all():
        if not link.get_attribute("href"):
            link.click()
    expect(answer).to_contain_text("<script>window.hacked = 1</script>")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert seen.problems == []
    assert all(url.startswith(server.url) for url in seen.requested)


@pytest.mark.parametrize("screen", [SCREENS[0], SCREENS[3]], ids=lambda screen: screen.name)
def test_formulas_long_lines_and_text_from_right_to_left(
    screen: Screen, visit: Callable[..., Visit], server: TokenServer, provider: Provider
) -> None:
    provider.behave(MODEL, text=HARD, chunks=30)
    seen = visit(screen, f"/?token={server.place.create('Ann')}")
    page = seen.page
    seen.ask("سؤال قصير")
    expect(page.locator("dl")).to_be_visible()
    answer = page.locator("article")
    expect(answer.locator("math")).to_have_count(3)
    expect(answer.locator("math mfrac, math msqrt")).to_have_count(2)
    expect(answer).to_contain_text("it costs $5 and $10, and")
    expect(answer.locator("math-tex").nth(3)).to_have_text(r"\text{no } \TeX \undefined")
    expect(answer.locator("figure .hljs-keyword")).to_have_text("const")
    direction = "element => getComputedStyle(element).direction"
    assert page.locator(".asked div").evaluate(direction) == "rtl"
    assert answer.get_by_text("مرحبا").evaluate(direction) == "rtl"
    assert answer.locator("figure pre").evaluate(direction) == "ltr"
    assert answer.locator("figure pre").evaluate("element => element.scrollWidth > element.clientWidth + 1000")
    seen.look("10-hard")
    page.evaluate("scrollTo(0, 0)")
    seen.look("11-hard-top")
    assert seen.problems == []


def test_zoomed_in_to_200_and_400_percent(visit: Callable[..., Visit], server: TokenServer, provider: Provider) -> None:
    provider.behave(MODEL, text=RICH, chunks=5)
    token = server.place.create("Ada King, Countess of Lovelace, née Byron")
    for percent, width, height in ((200, 640, 400), (400, 320, 256)):
        seen = visit(Screen(f"zoom-{percent}", {"viewport": {"width": width, "height": height}}), f"/?token={token}")
        seen.look("1-welcome")
        seen.ask("Sort this in place.")
        expect(seen.page.locator("dl")).to_be_visible()
        seen.look("2-answer")
        expect(seen.page.get_by_label("Your message")).to_be_in_viewport()
        if percent == 400:  # The text needs the room: the header stays above it.
            seen.page.evaluate("scrollTo(0, 0)")
        for button in ("New chat", "Leave"):
            expect(seen.page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)


def test_nothing_moves_for_whoever_wants_no_motion(
    visit: Callable[..., Visit], server: TokenServer, provider: Provider
) -> None:
    provider.behave(MODEL, first_byte_delay=2)
    token = server.place.create("Ann")
    running = "document.getAnimations().filter(a => a.playState === 'running').length"
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page = visit(Screen(motion, {"reduced_motion": motion}), f"/?token={token}").page
        page.get_by_label("Your message").fill("Hi")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Thinking for")).to_be_visible()
        page.wait_for_timeout(600)
        assert bool(page.evaluate(running)) is moves


def test_a_screen_reader_finds_its_way(visit: Callable[..., Visit], server: TokenServer, provider: Provider) -> None:
    provider.behave(MODEL, text="All is *well*.", chunks=3)
    seen = visit(path=f"/?token={server.place.create('Ann', 1)}")
    page = seen.page
    seen.ask("How are you?")
    expect(page.locator("dl")).to_be_visible()
    expect(page.locator("body")).to_match_aria_snapshot(
        """
        - banner:
          - heading "O1 Pro Client" [level=1]
          - text: /Ann \\$0\\.0\\d+ of \\$1\\.00/
          - progressbar "Used of your limit"
          - button "New chat"
          - button "Leave"
        - main:
          - region "You": How are you?
          - article "Answer":
            - text: Thinking for 1 sec
            - paragraph:
              - text: All is
              - emphasis: well
            - term: Input
            - definition: "3"
            - term: Reasoning
            - definition: "256"
            - term: Output
            - definition: "3"
            - term: Cost
            - definition: /\\$0\\.0\\d+/
            - button "Copy the answer"
        - contentinfo:
          - textbox "Your message"
          - switch "O1 Pro"
          - button "Send" [disabled]
        - status: /The answer is complete/
        """
    )


def test_all_of_it_by_keyboard(visit: Callable[..., Visit], server: TokenServer, provider: Provider) -> None:
    provider.behave(MODEL, chunks=200, delay=0.03)
    token = server.place.create("Ann")
    page = visit().page
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    page.keyboard.press("Tab")
    expect(page.get_by_role("switch")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("switch")).to_be_checked()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("all happy families")).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Stopped", exact=True).first).to_be_visible()
    assert provider.calls()[0].request["messages"] == [{"role": "user", "content": "One line\nand another"}]
    assert provider.calls()[0].request["reasoning_effort"] == "high"


def test_a_token_that_is_taken_away_leads_back_to_the_door(visit: Callable[..., Visit], server: TokenServer) -> None:
    token = server.place.create("Ann")
    seen = visit(path=f"/?token={token}")
    expect(seen.page.get_by_label("Your message")).to_be_visible()
    server.place.users("rotate", token)
    seen.ask("Hello?")
    expect(seen.page.get_by_role("alert")).to_have_text("This token is not valid.")
    expect(seen.page.get_by_label("Your token")).to_be_visible()


def test_inside_open_webui(
    start_openwebui: Callable[..., Any], browser: Browser, artefacts: Path, tmp_path: Path
) -> None:
    server = start_openwebui(env={"OPENWEBUI_USAGE_CLIENT": "true", "OPENWEBUI_USAGE_CLIENT_MODEL": MODEL})
    done = subprocess.run(
        [server.host.python, "-m", "openwebui_usage.client.manage", "create", "Ann", "--json"],
        env={**server.env, "PATH": os.environ["PATH"]}, cwd=tmp_path, text=True, capture_output=True, check=True,
    )  # fmt: skip
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/o1?token={json.loads(done.stdout)['token']}")
    page.get_by_label("Your message").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator("dl")).to_be_visible()
    assert page.url == f"{server.url}/o1/"
    page.screenshot(path=artefacts / "client-inside-open-webui.png")
    assert problems == []
    context.close()
