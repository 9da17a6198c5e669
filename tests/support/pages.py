"""Our pages at /usage/ in a real Chromium, opened for somebody who has set things up in some way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import Look, Profiles, Tab
from tests.support.clients import Client
from tests.support.host import ROOT
from tests.support.nightly import mostly_at_night

AXE = ROOT / "frontend_patches" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"theme": "dark"},
    "phone": {"theme": "oled-dark", "width": 390, "height": 844},
    "german": {"language": "de-DE"},
}
LIGHT_AND_PHONE = mostly_at_night(LOOKS, everyday=["light", "phone"])
DARK_AND_GERMAN = mostly_at_night(LOOKS, everyday=["dark", "german"])
"""A test of several pages takes one of these: every day each look is seen, and each page in two of them."""

OpenPage = Callable[..., Tab]


@pytest.fixture
def open_page(profiles: Profiles, artefacts: Path, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """`open_page(client, "/usage/", theme="dark", …)`: a page of ours for somebody who has set things up like that (see
    `Look`). A failing test leaves a screenshot.
    """
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def open_(client: Client, path: str, **look: Any) -> Tab:
            tabs.append(stack.enter_context(profiles.tab(client, artefacts, Look(**look))))
            tabs[-1].page.goto(client.url + path)
            return tabs[-1]

        yield open_
        if getattr(request.node, "failed", False):
            for number, tab in enumerate(tabs):
                tab.screenshot(f"failed-{request.node.name}-{number}")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong: rule, and where."""
    page.evaluate(AXE.read_text())  # The page's policy allows no script of others, but a debugger's.
    # Not wait_for_function, which the page's policy forbids. What is drawn over and over never ends.
    page.evaluate(
        """Promise.all(document.getAnimations()
            .filter((each) => each.effect.getComputedTiming().iterations !== Infinity)
            .map((each) => each.finished.catch(() => null)))"""
    )
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in found]
