"""Ends connections that never finish asking: each holds one of the server's places, and a thousand shut it for all.

Uvicorn waits for the first byte, and for the rest of a request's headers, for as long as it takes.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADERS_TIMEOUT = 10.0
"""Seconds for the headers of a request, from the connection or its first byte on."""
MOST_WAITING = 500
"""Connections of a server that are waited for; beyond that the one that has waited longest makes room for a new one."""

_waiting: WeakKeyDictionary[Any, dict[ImpatientProtocol, None]] = WeakKeyDictionary()
"""By server, in the order in which they began to wait."""


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's own protocol, and a clock that runs while no request is under way."""

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The first request is awaited."""
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """More of a request: its headers are whole, or still awaited."""
        super().data_received(data)
        if self._is_asked():
            self._stop_clock()
        elif self._clock is None:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop_clock()
        super().connection_lost(exc)

    def _is_asked(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete

    def _start_clock(self) -> None:
        self._clock = self.loop.call_later(HEADERS_TIMEOUT, self._time_is_up)
        waiting = _waiting.setdefault(self.server_state, {})
        waiting[self] = None
        if len(waiting) > MOST_WAITING:
            longest = next(iter(waiting))
            longest._time_is_up()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
            _waiting[self.server_state].pop(self, None)

    def _time_is_up(self) -> None:
        self._stop_clock()
        if not self._is_asked() and not self.transport.is_closing():
            self.transport.close()
