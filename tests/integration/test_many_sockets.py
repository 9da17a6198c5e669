"""Many pages are open at once, and each is told of every change of the counter."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from tests.support.clients import Client
from tests.support.page_socket import Page
from tests.support.process import wait_until

pytestmark = pytest.mark.nightly
USERS, PAGES = 10, 50
"""Each user has this many pages open: 500 sockets in all."""
AT_ONCE = 25
CALLS = 5


def test_five_hundred_pages_are_told_of_every_change(admin: Client) -> None:
    admin.add_group("many", ["gpt-4o-mini"])
    users = [admin.add_user() for _ in range(USERS)]
    pages = [Page(user) for user in users for _ in range(PAGES)]

    async def until_told(calls: int) -> None:
        def are_told() -> bool:
            return all(page.calls("many") >= calls for page in pages)

        def details() -> str:
            return f"{Counter(page.calls('many') for page in pages)}, lost: {Counter(page.lost for page in pages)}"

        what = f"every page is told of call {calls}"
        await asyncio.to_thread(wait_until, are_told, timeout=60, what=what, details=details)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            for start in range(0, len(pages), AT_ONCE):
                await asyncio.gather(*(page.open(stack) for page in pages[start : start + AT_ONCE]))
            for number in range(1, CALLS + 1):
                await asyncio.to_thread(admin.chat, "gpt-4o-mini")
                await until_told(number)

    try:
        asyncio.run(scenario())
    finally:
        admin.forget_definitions()
        for user in users:
            user.close()
    assert len(pages) == 500
    assert {page.calls("many") for page in pages} == {CALLS}
    told = [sum("many" in each.get("groups", {}) for each in page.told) for page in pages]
    # The group, as it was made before, is no news to a page that came later; each call is told once.
    assert set(told) == {CALLS}
