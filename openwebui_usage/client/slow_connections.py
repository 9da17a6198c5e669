"""Closes connections that never complete a request. Otherwise a thousand of them would block the server for everyone.

Uvicorn itself has no timeout for the first byte of a request and for the rest of its headers.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADERS_TIMEOUT = 10.0
"""Seconds for the headers of a request, counted from the start of the connection or from its first byte."""
MOST_WAITING = 500
"""Connections of a server that may wait at the same time. Beyond that the one that waits longest is closed."""

_waiting: WeakKeyDictionary[Any, dict[ImpatientProtocol, None]] = WeakKeyDictionary()
"""Waiting connections by server, the longest first."""


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's own protocol with a timeout while no request is under way."""

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Stop waiting if the headers of a request are complete now."""
        super().data_received(data)
        if self._is_asked():
            self._stop_clock()
        elif self._clock is None:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
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
