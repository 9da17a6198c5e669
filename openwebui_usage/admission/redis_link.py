"""Redis as all that is counted in it sees it: every wait has an end, and whoever finds it away tells the others."""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
from collections.abc import Sequence
from typing import Any

log = logging.getLogger(__name__)

REDIS_TIMEOUT = 2.0
"""Seconds to wait for Redis. Enough for an event loop that is busy with hundreds of calls."""
_TURN_TIMEOUT = 4 * REDIS_TIMEOUT
"""Seconds to wait for one's turn, of a Redis that answers others meanwhile."""
MOST_AT_ONCE = 16
"""Scripts under way in one worker; others wait for their turn. Each needs a connection of its own: redis-py refuses
more than 100, and to open one over TLS keeps the event loop busy for 60 ms (measured; all certificates of the system
are read each time). A script takes less than one.
"""


class RedisAway(Exception):
    """Redis did not answer, or not as expected."""


class RedisLink:
    """`client` is an asynchronous one, plain, Sentinel's or a cluster's. `is_away` from the first failure until
    `look_for_it` finds Redis again: in between no call should wait for it.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.is_away = False
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._hangs = False
        """Whether the last script that ended got no answer in time."""

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What a Lua script answers. Raises `RedisAway`: of a Redis that hangs after `REDIS_TIMEOUT`, also where others
        have waited for it first.
        """
        has_to_wait = self._turns.locked()
        try:
            async with asyncio.timeout(_TURN_TIMEOUT):
                await self._turns.acquire()
            try:
                if has_to_wait and self._hangs:
                    raise TimeoutError("it has not answered others")
                return await self._ask(script, keys, arguments)
            finally:
                self._turns.release()
        except Exception as error:
            raise RedisAway(str(error) or type(error).__name__) from error

    async def _ask(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                answer = await self.client.eval(script, len(keys), *keys, *arguments)
        except TimeoutError:
            self._hangs = True
            raise
        self._hangs = False
        return answer

    def go_alone(self, error: BaseException) -> None:
        """Redis is away: each worker counts by itself."""
        if not self.is_away:
            self.is_away = True
            log.warning("Redis is away, this worker counts by itself: %s", str(error) or type(error).__name__)

    async def look_for_it(self) -> None:
        """See whether Redis is back, if it was away. Raises whatever the client raises."""
        if self.is_away:
            await asyncio.wait_for(self.client.ping(), REDIS_TIMEOUT)
            self.is_away = False
            log.info("Redis is back, all workers count together again")


def lua(name: str) -> str:
    """A script of this package."""
    return (importlib.resources.files("openwebui_usage.admission") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
