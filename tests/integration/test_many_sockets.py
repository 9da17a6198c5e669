"""Many pages are open at once, and each is told of every change of the counter."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.clients import Client
from tests.support.process import wait_until

pytestmark = pytest.mark.nightly
USERS, PAGES = 10, 50
"""Each user has this many pages open: 500 sockets in all."""
AT_ONCE = 25
CALLS = 5


class Page:
    """A socket as Open WebUI's page has one. Of its text frames `2` is a ping, `42` an event and `43` an answer."""

    def __init__(self, client: Client) -> None:
        self._token = client.token
        self._url = f"ws{client.url.removeprefix('http')}/ws/socket.io/?EIO=4&transport=websocket"
        self.joined = asyncio.Event()
        self.told: list[dict[str, Any]] = []
        self.lost: str | None = None
        """Why the server left."""

    async def stay(self, socket: ClientConnection) -> None:
        """Take what comes, until it is closed."""
        auth = json.dumps({"token": self._token})
        try:
            async for frame in socket:
                if frame == "2":
                    await socket.send("3")
                elif str(frame).startswith("0"):
                    await socket.send(f"40{auth}")
                elif str(frame).startswith("40"):
                    await socket.send(f'421["user-join", {{"auth": {auth}}}]')
                elif str(frame).startswith("431"):
                    self.joined.set()
                elif str(frame).startswith('42["usage",'):
                    self.told.append(json.loads(str(frame)[2:])[1])
        except ConnectionClosed as error:
            self.lost = str(error)

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect; the page is left with `stack`."""
        socket = await stack.enter_async_context(connect(self._url, open_timeout=60, proxy=None))
        task = asyncio.create_task(self.stay(socket))
        stack.callback(task.cancel)
        await asyncio.wait_for(self.joined.wait(), 60)

    def calls(self, group: str) -> int:
        """What it was told last."""
        found = [told["groups"][group]["usage"]["calls"] for told in self.told if group in told.get("groups", {})]
        return found[-1] if found else 0


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
