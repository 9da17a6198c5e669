"""Workers tell each other what they counted, over the Redis that Open WebUI has for several workers.

Redis passes a message on once, to whoever listens at that moment. What may have been missed is said to have been, and
then read from the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from openwebui_usage.host.changes import Changes

log = logging.getLogger(__name__)

_TIMEOUT = 2.0
"""Seconds that Redis may take to take a message."""
_GATHERING = 0.05
"""Seconds between two messages of one worker: what is counted meanwhile goes together."""
_LISTENING = 10.0
"""Seconds that one wait for a message takes."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two tries to listen."""


class WorkerChannel:
    """One worker's end of the channel."""

    def __init__(self, redis: Any, name: str) -> None:
        """`redis` is an asynchronous client, `name` the same for all workers of a deployment."""
        self._redis = redis
        self._name = name
        self._worker = uuid.uuid4().hex
        self._unsent = Changes()
        self._has_some = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.is_open = False
        """Whether this worker hears what others count."""

    def start(self, heard: Callable[[Changes], Awaitable[None]], missed: Callable[[], None]) -> None:
        """Listen. `missed` is called whenever others may have told something that was not heard."""
        self._tasks = [
            asyncio.create_task(self._listen(heard, missed), name="usage-workers-listen"),
            asyncio.create_task(self._send(), name="usage-workers-send"),
        ]

    async def stop(self) -> None:
        """End."""
        tasks, self._tasks = self._tasks, []
        self.is_open = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tell(self, changes: Changes) -> None:
        """Have the other workers told, soon after. On the event loop."""
        self._unsent.add(changes)
        self._has_some.set()

    async def _send(self) -> None:
        while True:
            await self._has_some.wait()
            self._has_some.clear()
            changes, self._unsent = self._unsent, Changes()
            text = json.dumps([self._worker, changes.to_json()])
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._redis.publish(self._name, text)
            except Exception as error:  # noqa: BLE001 - whatever the client raises
                log.debug("Other workers will find in the ledger what was counted here: %s", error)
            await asyncio.sleep(_GATHERING)

    async def _listen(self, heard: Callable[[Changes], Awaitable[None]], missed: Callable[[], None]) -> None:
        pause, is_told = _SHORTEST_PAUSE, False
        while True:
            try:
                async with contextlib.aclosing(self._redis.pubsub()) as messages:
                    await messages.subscribe(self._name)
                    while True:
                        message = await messages.get_message(timeout=_LISTENING)
                        if message is None:
                            continue
                        if message["type"] == "subscribe":  # Also when the client has connected again by itself.
                            pause, is_told, self.is_open = _SHORTEST_PAUSE, False, True
                            missed()
                        elif message["type"] == "message":
                            await self._hear(message["data"], heard, missed)
            except Exception as error:  # noqa: BLE001 - whatever the client raises
                self.is_open = False
                if not is_told:  # Once, however long Redis is away.
                    log.warning("Pages show a second later what other workers count, Redis does not tell: %s", error)
                is_told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _hear(
        self, text: str | bytes, heard: Callable[[Changes], Awaitable[None]], missed: Callable[[], None]
    ) -> None:
        try:
            worker, told = json.loads(text)
            if worker == self._worker:
                return
            changes = Changes.from_json(told)
        except (ValueError, KeyError, TypeError):  # A worker of another version, while one follows the other.
            missed()
            return
        await heard(changes)
