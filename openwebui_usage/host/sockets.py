"""The socket event `usage`: changed groups, to the users who may see them, and to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from openwebui_usage.api.routes import seeing
from openwebui_usage.api.schemas import group_json
from openwebui_usage.groups import Group
from openwebui_usage.host.models import Catalog, ids_of, settled
from openwebui_usage.ledger import Store

log = logging.getLogger(__name__)

EVENT = "usage"
SHORTEST_INTERVAL = 0.25
"""Seconds between two events of one group: at most four a second."""
GLANCE_INTERVAL = 1.0
"""Seconds between two looks at the totals, for what other workers counted, where Redis does not connect them."""


class Publisher:
    """Tells browsers what changed. One task per worker; nothing runs while nobody is connected."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        """`start` it on the event loop."""
        self._store = store
        self._catalog = catalog
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._dirty: set[str] = set()
        self._shown: dict[str, tuple[Group, dict[str, Any]]] = {}

    def start(self) -> None:
        """Begin to publish."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="usage-publisher")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def changed(self, names: Iterable[str]) -> None:
        """Groups changed. May be called from any thread."""
        names = frozenset(names)
        if names and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(self._mark, names)

    def _mark(self, names: frozenset[str]) -> None:
        self._dirty |= names
        self._wake.set()

    async def _run(self) -> None:
        from open_webui.socket import main as host_socket

        shared = _is_shared(host_socket)
        while True:
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), None if shared else GLANCE_INTERVAL)
                self._wake.clear()
                users = _connected_users(host_socket)
                if users:
                    await self._publish(host_socket.sio, users, only=self._dirty if shared else None)
                self._dirty.clear()
                await asyncio.sleep(SHORTEST_INTERVAL)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("The usage event could not be sent; pages ask for the numbers themselves")
                await asyncio.sleep(5)

    async def _publish(self, sio: Any, users: dict[str, str], only: set[str] | None) -> None:
        entries = await asyncio.to_thread(self._store.groups)
        now = {entry.group.name: (entry.group, group_json(entry)) for entry in entries}
        names = set(now) | set(self._shown)
        changed = {
            name
            for name in names
            if self._shown.get(name) != now.get(name) and (only is None or name in only or name in self._dirty)
        }
        before, self._shown = self._shown, now
        if not changed:
            return
        for user_id, role in users.items():
            sees = await self._sees(user_id, role)
            groups = {
                name: now[name][1] if name in now else None
                for name in changed
                if sees((now.get(name) or before[name])[0]) or (name in before and sees(before[name][0]))
            }
            if groups:
                await sio.emit(EVENT, {"groups": groups}, room=f"user:{user_id}")

    async def _sees(self, user_id: str, role: str) -> Callable[[Group], bool]:
        if role == "admin":
            return lambda group: True
        user = SimpleNamespace(id=user_id, role=role)
        return seeing(ids_of(await settled(self._catalog.visible_to(user))))


def _connected_users(host_socket: Any) -> dict[str, str]:
    """Ids and roles of verified users with an open socket."""
    sessions = list(getattr(host_socket, "SESSION_POOL", {}).values())
    return {
        session["id"]: session.get("role", "")
        for session in sessions
        if isinstance(session, dict) and session.get("id") and session.get("role") in ("user", "admin")
    }


def _is_shared(host_socket: Any) -> bool:
    """Whether an event of one worker reaches the sockets of all (Open WebUI's WEBSOCKET_MANAGER=redis)."""
    return bool(getattr(host_socket, "WEBSOCKET_MANAGER", "") == "redis")
