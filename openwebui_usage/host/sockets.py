"""The socket event `usage`: changed groups and budgets, to the users who may see them, and to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from openwebui_usage.admission.budget_status import standings
from openwebui_usage.api.models import group_json
from openwebui_usage.api.routes import seeing, visible_standings
from openwebui_usage.host.models import Catalog, ids_of, settled
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.groups import Group

log = logging.getLogger(__name__)

EVENT = "usage"
SHORTEST_INTERVAL = 0.25
"""Seconds between two events of one group: at most four a second."""
GLANCE_INTERVAL = 1.0
"""Seconds between two looks at the totals, for what other workers counted or their admins changed."""


_Shown = dict[str, tuple[Group, dict[str, Any]]]
"""What browsers were told last: each group and its JSON, by name."""


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
        self._is_defined_anew = False
        self._shown: _Shown = {}
        self._shown_budgets: dict[str, list[dict[str, Any]]] = {}

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

    def counted(self, names: Iterable[str]) -> None:
        """Groups were used. May be called from any thread."""
        self._tell(frozenset(names), is_definition=False)

    def changed(self, names: Iterable[str]) -> None:
        """Somebody made, changed or deleted groups or budgets. May be called from any thread."""
        self._tell(frozenset(names), is_definition=True)

    def _tell(self, names: frozenset[str], *, is_definition: bool) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(self._mark, names, is_definition)

    def _mark(self, names: frozenset[str], is_definition: bool) -> None:
        self._dirty |= names
        self._is_defined_anew = self._is_defined_anew or is_definition
        self._wake.set()

    async def _run(self) -> None:
        from open_webui.socket import main as host_socket

        shared = _is_shared(host_socket)
        failing = False
        while True:
            dirty: set[str] = set()
            defined_anew = False
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), GLANCE_INTERVAL)
                self._wake.clear()
                dirty, self._dirty = self._dirty, set()
                defined_anew, self._is_defined_anew = self._is_defined_anew, False
                users = _connected_users(host_socket)
                # A new group is remembered though nobody sees it: it may be gone again by the time somebody looks.
                if users or defined_anew:
                    await self._publish(host_socket.sio, users, only=dirty if shared else None)
                failing = False
                await asyncio.sleep(SHORTEST_INTERVAL)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not failing:  # Once, however long the host's Redis is away.
                    log.warning("The usage event cannot be sent, pages ask for the numbers themselves: %s", error)
                    log.debug("This is where it failed", exc_info=True)
                failing = True
                self._dirty |= dirty
                self._is_defined_anew = self._is_defined_anew or defined_anew
                await asyncio.sleep(GLANCE_INTERVAL)

    async def _publish(self, sio: Any, users: dict[str, str], only: set[str] | None) -> None:
        """Tell each of `users` what changed for him; `only` leaves to other workers what they publish themselves."""
        entries = await asyncio.to_thread(self._store.groups)
        now = {entry.group.name: (entry.group, group_json(entry)) for entry in entries}
        before = self._shown
        changed = {
            name
            for name in now.keys() | before.keys()
            if before.get(name) != now.get(name) and (only is None or name in only)
        }
        budgets = await self._budgets(users, [entry.group for entry in entries])
        for user_id, role in users.items():
            event: dict[str, Any] = {"groups": await self._groups(user_id, role, changed, before, now)}
            if self._shown_budgets.get(user_id, []) != budgets.get(user_id, []):
                event["budgets"] = budgets.get(user_id, [])
            if event["groups"] or "budgets" in event:
                await sio.emit(EVENT, event, room=f"user:{user_id}")
        # Only now: what could not be sent is sent the next time.
        self._shown, self._shown_budgets = now, budgets

    async def _groups(
        self, user_id: str, role: str, changed: set[str], before: _Shown, now: _Shown
    ) -> dict[str, dict[str, Any] | None]:
        """The changed groups that a user may see; null for those that are gone, or that he no longer sees."""
        if not changed:
            return {}
        sees = await self._sees(user_id, role)
        return {
            name: now[name][1] if name in now and sees(now[name][0]) else None
            for name in changed
            if any(name in known and sees(known[name][0]) for known in (now, before))
        }

    async def _budgets(self, users: dict[str, str], groups: list[Group]) -> dict[str, list[dict[str, Any]]]:
        """How the budgets that each user may see stand."""
        callers = {user_id: Subject(user_id, frozenset(await self._catalog.user_groups(user_id))) for user_id in users}
        found = await asyncio.to_thread(standings, self._store, list(callers.values()), datetime.now(UTC))
        return {
            user_id: visible_standings(found[caller], groups, await self._sees(user_id, users[user_id]))
            for user_id, caller in callers.items()
            if found[caller]
        }

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
