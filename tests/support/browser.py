"""A real Chromium: Debian's, driven by Playwright."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

from tests.support.clients import Client

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


@contextmanager
def tab(browser: Browser, client: Client, artefacts: Path, *, dark: bool = False) -> Iterator[Tab]:
    """A fresh profile, signed in as `client`."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="dark" if dark else "light", locale="en-US"
    )
    try:
        # Before any of the page's own scripts: the token is where its sign-in form would have put it.
        settings = {"token": client.token, "locale": "en-US", "theme": "dark" if dark else "light"}
        script = "".join(f"localStorage.setItem({json.dumps(k)}, {json.dumps(v)});" for k, v in settings.items())
        context.add_init_script(f"if (!localStorage.getItem('token')) {{ {script} }}")
        yield Tab(context.new_page(), client, artefacts)
    finally:
        context.close()
