"""A real Chromium: Debian's, driven by Playwright."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

from tests.support.clients import Client

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Open WebUI puts the focus into the input several times while it starts, which closes a menu that was opened between.
_NOTE_FOCUS = """{
  window.inputFocused = 0;
  const focus = HTMLElement.prototype.focus;
  HTMLElement.prototype.focus = function (...options) {
    if (this.id === 'chat-input') window.inputFocused = performance.now();
    return focus.apply(this, options);
  };
}"""
_AT_REST = "performance.now() - window.inputFocused > 700"


class Tab:
    """One page of one signed-in user. `page` is Playwright's; `problems` are errors that the page reported."""

    def __init__(self, page: Page, client: Client, artefacts: Path) -> None:
        self.page = page
        self.client = client
        self.artefacts = artefacts
        self.problems: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", self._on_failure)

    def open(self, path: str = "/") -> Tab:
        """Go to a page and wait until one may type a message."""
        self.page.goto(self.client.url + path)
        self.page.locator("#chat-input").wait_for(timeout=60_000)
        self.page.keyboard.press("Escape")  # "What's new" and other greetings
        self.page.wait_for_function(_AT_REST)
        return self

    def send(self, prompt: str) -> Tab:
        """Type a message and send it."""
        box = self.page.locator("#chat-input")
        box.click()
        self.page.keyboard.type(prompt)
        self.page.keyboard.press("Enter")
        return self

    def screenshot(self, name: str) -> Path:
        """Kept in tests/artefacts."""
        path = self.artefacts / f"{re.sub(r'[^a-zA-Z0-9-]+', '-', name)}.png"
        self.page.screenshot(path=path)
        return path

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _on_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.method} {request.url}: {request.failure}")


def launch(playwright: Playwright) -> Browser:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        raise RuntimeError("Chromium is missing: start the tests with tests/run")
    return playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody has set up browser and Open WebUI: `theme` is one of Open WebUI's, `language` a BCP 47 tag."""

    theme: str = "light"
    language: str = "en-US"
    width: int = 1280
    height: int = 800
    zoom: int = 1
    """2 is 200 %: half as many pixels of CSS in the same window."""


class Profiles:
    """Profiles of a browser. One that was used is emptied and used again: what it has loaded and compiled it keeps."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: dict[Look, list[BrowserContext]] = {}

    @contextmanager
    def tab(self, client: Client, artefacts: Path, look: Look) -> Iterator[Tab]:
        """A page in a profile with nothing in it, signed in as `client`."""
        idle = self._idle.setdefault(look, [])
        context = idle.pop() if idle else self._new(look)
        page = context.new_page()
        # Before any of the page's own scripts: the token is where its sign-in form would have put it.
        settings = {"token": client.token, "locale": look.language, "theme": look.theme}
        script = "".join(f"localStorage.setItem({json.dumps(k)}, {json.dumps(v)});" for k, v in settings.items())
        page.add_init_script(f"if (!localStorage.getItem('token')) {{ {script} }}")
        yield Tab(page, client, artefacts)
        _empty(context, client.url)
        idle.append(context)

    def _new(self, look: Look) -> BrowserContext:
        context = self._browser.new_context(
            viewport={"width": look.width // look.zoom, "height": look.height // look.zoom},
            device_scale_factor=look.zoom,
            color_scheme="dark" if "dark" in look.theme else "light",
            locale=look.language,
        )
        context.add_init_script(_NOTE_FOCUS)
        return context


def _empty(context: BrowserContext, origin: str) -> None:
    """Close its pages, and forget all that they stored."""
    for page in context.pages:
        page.close()
    context.clear_cookies()
    page = context.new_page()
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    page.close()
