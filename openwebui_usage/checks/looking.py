"""Looks at all things at once, each within a time. What fails or does not answer says so, and the rest is answered."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from openwebui_usage.checks.check import Check, fail

TIMEOUT = 2.0
"""Seconds that each look may take."""
_FRESH = 30.0
"""Seconds for which the answer of a look that took longer is still told."""

Look = Callable[[], Awaitable[Any]]


class NoAnswer(Exception):
    """Something did not answer in time."""


class Seen:
    """What some looks have seen: values, or why there is none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """By name. An exception is why there is no value."""
        self._values = values

    def get(self, name: str) -> Any:
        """A value; None where there is none."""
        value = self._values[name]
        return None if isinstance(value, Exception) else value

    def check(self, id_: str, make: Callable[..., Check], *names: str) -> Check:
        """What `make` makes of the values of these names; a failed check where one of them is missing."""
        try:
            values = [self._values[name] for name in names]
            for value in values:
                if isinstance(value, Exception):
                    raise value
            return make(*values)
        except NoAnswer as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other things are told
            why = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return fail(
            id_, f"This cannot be told: it {why}.", "See what else is wrong here, and look at Open WebUI's log."
        )


class Looks:
    """Looks at some things, as often as it is asked. Lives on one event loop."""

    def __init__(self, looks: Mapping[str, Look], seconds: float = TIMEOUT) -> None:
        """By the names of what they see. `seconds` is what each may take."""
        self._looks = looks
        self._seconds = seconds
        self._late: dict[str, asyncio.Future[Any]] = {}
        """Those that nobody has the answer of yet. What has not ended is not begun again: whatever hangs hangs once."""
        self._ended: dict[str, float] = {}

    async def all(self) -> Seen:
        """See everything."""
        values = await asyncio.gather(*(self._take(name) for name in self._looks), return_exceptions=True)
        return Seen(dict(zip(self._looks, values, strict=True)))

    async def _take(self, name: str) -> Any:
        look = self._late.get(name)
        if look is None or (look.done() and time.monotonic() - self._ended[name] > _FRESH):
            look = self._late[name] = asyncio.ensure_future(self._looks[name]())
            look.add_done_callback(functools.partial(self._end, name))
        done, _ = await asyncio.wait({look}, timeout=self._seconds)
        if not done:
            raise NoAnswer(f"did not answer within {self._seconds:g} seconds")
        self._late.pop(name, None)
        return look.result()

    def _end(self, name: str, look: asyncio.Future[Any]) -> None:
        self._ended[name] = time.monotonic()
        if not look.cancelled():
            look.exception()  # Perhaps nobody asks any more; that is no reason for a warning.


def threaded(work: Callable[[], Any]) -> Look:
    """A look that blocks, on a thread of its own, which keeps no process from ending.

    asyncio's own threads are few: if some hung, everybody who needs one would wait.
    """

    async def look() -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def tell(value: Any, error: Exception | None) -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)

        def run() -> None:
            value, failure = None, None
            try:
                value = work()
            except Exception as error:  # noqa: BLE001 - raised where it is awaited
                failure = error
            with contextlib.suppress(RuntimeError):  # The loop has ended: nobody wants to know any more.
                loop.call_soon_threadsafe(tell, value, failure)

        threading.Thread(target=run, name="usage-check", daemon=True).start()
        return await answer

    return look
