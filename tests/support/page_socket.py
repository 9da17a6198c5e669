"""Open WebUI's page as nothing but its socket, for many of them at once in one event loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.clients import Client


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
