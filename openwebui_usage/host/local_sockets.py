"""The users whose sockets this worker holds, and how they are told something.

A room of Open WebUI's sockets has members in all workers, but each worker knows only its own. What is sent to a room
goes through Redis to all of them; here it is sent to the sockets of this worker alone (`ignore_queue`), since every
worker tells its own. So nobody is told twice, no room has to be joined or left, and what somebody may see is decided
where the socket is, at the moment of sending.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from openwebui_usage.host.compat import has_user_rooms

EVENT = "usage"
REDIS_TIMEOUT = 2.0
"""Seconds that the host's Redis may take to tell who is connected."""
_NAMESPACE = "/"
_ROOM = "user:"
_AT_ONCE = 100
"""Rooms that one emit is for: each of their sockets gets a task, which the event loop does one after the other."""
_ONE_BY_ONE = 50
"""Up to so many sessions are asked for one by one; for more it is quicker to ask for all."""


class LocalSockets:
    """Those of one worker. With several workers the host keeps its sessions in Redis, behind a client that blocks."""

    def __init__(self, host_socket: Any) -> None:
        """Asks nothing yet."""
        self._sio = host_socket.sio
        self._pool = host_socket.SESSION_POOL
        self._has_rooms = has_user_rooms(host_socket)
        self._rooms: dict[str, list[str]] = {}
        """What to send to for each user of the last look."""
        self._sessions: dict[str, Any] = {}
        """Those that Redis told, by socket."""
        self._asking: concurrent.futures.Future[dict[str, Any]] | None = None

    async def users(self, *, anew: bool = False) -> dict[str, str]:
        """Ids and roles of verified users with an open socket here. `anew`: do not rely on what sessions were before.

        Raises TimeoutError where Redis hangs.
        """
        rooms: Mapping[Any, Iterable[str]] = self._sio.manager.rooms.get(_NAMESPACE, {})
        if self._has_rooms:  # The newest socket knows the newest role.
            found = {
                room: [*members][-1] for room, members in rooms.items() if isinstance(room, str) and room[:5] == _ROOM
            }
        else:
            found = {sid: sid for sid in rooms.get(None, ())}
        sessions = await self._sessions_of(found.values(), anew=anew)
        self._rooms = {}
        users = {}
        for room, sid in found.items():
            session = sessions.get(sid)
            if not isinstance(session, dict) or session.get("role") not in ("user", "admin"):
                continue
            user_id = session.get("id")
            if user_id and (not self._has_rooms or room == _ROOM + user_id):
                users[user_id] = session["role"]
                self._rooms.setdefault(user_id, []).append(room)
        return users

    async def tell(self, users: Iterable[str], event: Mapping[str, Any]) -> int:
        """Send `event` to all sockets that some users have here. Returns in how many rooms that was."""
        rooms = [room for user_id in users for room in self._rooms.get(user_id, ())]
        for start in range(0, len(rooms), _AT_ONCE):  # Never without a room: that would be for everybody.
            await self._sio.emit(EVENT, event, room=rooms[start : start + _AT_ONCE], ignore_queue=True)
        return len(rooms)

    async def _sessions_of(self, sids: Collection[str], *, anew: bool) -> Mapping[str, Any]:
        if isinstance(self._pool, dict):
            return self._pool
        known = {} if anew else {sid: self._sessions[sid] for sid in sids if sid in self._sessions}
        missing = [sid for sid in sids if sid not in known]
        if missing:
            told = await self._ask(missing)
            known |= {sid: told[sid] for sid in missing if told.get(sid)}
        self._sessions = known
        return known

    async def _ask(self, sids: list[str]) -> dict[str, Any]:
        """In a thread of its own, and never twice at once: on the event loop a Redis that hangs would stop the host."""
        if self._asking is None or self._asking.done():
            self._asking = concurrent.futures.Future()
            # A daemon, unlike those of a pool: it does not keep a process from ending.
            threading.Thread(target=self._read, args=(sids, self._asking), name="usage-sessions", daemon=True).start()
        asking = asyncio.wrap_future(self._asking)
        try:
            return await asyncio.wait_for(asyncio.shield(asking), REDIS_TIMEOUT)
        except TimeoutError:
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise TimeoutError("Redis does not say who is connected") from None

    def _read(self, sids: list[str], answer: concurrent.futures.Future[dict[str, Any]]) -> None:
        try:
            if len(sids) > _ONE_BY_ONE:
                answer.set_result(dict(self._pool.items()))
            else:
                answer.set_result({sid: self._pool.get(sid) for sid in sids})
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            answer.set_exception(error)
