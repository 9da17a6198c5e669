"""The browser of the other tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import Tab
from tests.support.openwebui import OpenWebUI

pytestmark = pytest.mark.nightly


def test_a_person_chats(bare_openwebui: OpenWebUI, open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(bare_openwebui.admin, "/?models=gpt-4o-mini")
    tab.send("Hello there")
    tab.page.get_by_text("all happy families are alike").first.wait_for()
    assert tab.screenshot("bare-chat").stat().st_size > 10_000
    assert tab.problems == []
