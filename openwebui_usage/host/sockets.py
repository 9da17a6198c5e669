"""The socket event `usage`: changed groups and budgets, to the users who may see them, and to nobody else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from openwebui_usage.admission.budget_status import BudgetStatus, budget_statuses
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.models import HostModels
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.groups import Group, GroupUsage
from openwebui_usage.rules.periods import period_at

log = logging.getLogger(__name__)

EVENT = "usage"
SHORTEST_INTERVAL = 0.25
"""Seconds between two events of one group: at most four a second."""
POLL_INTERVAL = 1.0
"""Seconds between two looks at whether other workers counted something, or their admins changed it."""
WHOLE_INTERVAL = 15.0
"""Seconds after which everything is compared though nothing seems to have changed: a day may have begun, or an older
call may have been counted late by another worker."""
REDIS_TIMEOUT = 2.0
"""Seconds that the host's Redis may take to tell who is connected, and to take an event."""

_State = tuple[GroupUsage, str]
"""A group with what it used, and the name of its period."""


class Publisher:
    """Tells browsers what changed. One task per worker; nothing is read while nobody is connected."""

    def __init__(self, store: Store, host_models: HostModels) -> None:
        """`start` it on the event loop."""
        self._store = store
        self._host_models = host_models
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._dirty: set[str] = set()
        self._is_defined_anew = False
        self._told: dict[str, _State] = {}
        """Each group as browsers were told of it last, by name."""
        self._told_budgets: dict[str, list[dict[str, Any]]] = {}
        self._mark: tuple[int, str] | None = None
        self._whole_at = 0.0

    def start(self) -> None:
        """Begin to publish."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="usage-publisher")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def counted(self, names: Iterable[str]) -> None:
        """Groups were used. May be called from any thread."""
        self._tell(frozenset(names), is_definition=False)

    def changed(self, names: Iterable[str]) -> None:
        """Somebody made, changed or deleted groups or budgets. May be called from any thread."""
        self._tell(frozenset(names), is_definition=True)

    def _tell(self, names: frozenset[str], *, is_definition: bool) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(self._note, names, is_definition)

    def _note(self, names: frozenset[str], is_definition: bool) -> None:
        self._dirty |= names
        self._is_defined_anew = self._is_defined_anew or is_definition
        self._wake.set()

    async def _run(self) -> None:
        from open_webui.socket import main as host_socket

        sessions = _Sessions(host_socket)
        failing = False
        while True:
            dirty: set[str] = set()
            defined_anew = False
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_INTERVAL)
                self._wake.clear()
                dirty, self._dirty = self._dirty, set()
                defined_anew, self._is_defined_anew = self._is_defined_anew, False
                users = await sessions.users()
                # A new group is remembered though nobody sees it: it may be gone again by the time somebody looks.
                if (users or defined_anew) and await self._is_news(users, is_told=bool(dirty) or defined_anew):
                    await self._publish(sessions, users, only=dirty if sessions.is_shared else None)
                failing = False
                await asyncio.sleep(SHORTEST_INTERVAL)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not failing:  # Once, however long the host's Redis is away.
                    log.warning("The usage event cannot be sent, pages ask for the numbers themselves: %s", error)
                    log.debug("This is where it failed", exc_info=True)
                failing = True
                self._mark = None
                self._dirty |= dirty
                self._is_defined_anew = self._is_defined_anew or defined_anew
                await asyncio.sleep(POLL_INTERVAL)

    async def _is_news(self, users: Mapping[str, str], *, is_told: bool) -> bool:
        """Whether there may be something to tell: one small query where this worker knows of nothing."""
        mark = await asyncio.to_thread(self._store.change_mark)
        known = mark == self._mark and users.keys() <= self._told_budgets.keys() and time.monotonic() < self._whole_at
        self._mark = mark
        if known and not is_told:
            return False
        self._whole_at = time.monotonic() + WHOLE_INTERVAL
        return True

    async def _publish(self, sessions: _Sessions, users: Mapping[str, str], only: set[str] | None) -> None:
        """Tell each of `users` what changed for them; `only` leaves to other workers what they publish themselves."""
        callers = {
            user_id: Subject(user_id, frozenset(await self._host_models.user_groups(user_id))) for user_id in users
        }
        views = {user_id: await self._visibility(user_id, role) for user_id, role in users.items()}
        events, told, told_budgets = await asyncio.to_thread(self._events, callers, views, only)
        for user_id, event in events.items():
            async with asyncio.timeout(REDIS_TIMEOUT):
                await sessions.sio.emit(EVENT, event, room=f"user:{user_id}")
        # Only now: what could not be sent is sent the next time.
        self._told, self._told_budgets = told, told_budgets

    def _events(
        self, callers: Mapping[str, Subject], views: Mapping[str, Visibility], only: set[str] | None
    ) -> tuple[dict[str, dict[str, Any]], dict[str, _State], dict[str, list[dict[str, Any]]]]:
        """The event of each user who has one, and what all will have been told by them. Blocks."""
        now = datetime.now(UTC)
        entries = self._store.groups()
        found = budget_statuses(self._store, list(callers.values()), now)
        told = _states(entries, now)
        before = self._told
        changed = {
            name
            for name in told.keys() | before.keys()
            if before.get(name) != told.get(name) and (only is None or name in only)
        }
        by_id = {entry.group.id: entry.group for entry in entries}
        events, told_budgets = {}, {}
        for user_id, caller in callers.items():
            view = views[user_id]
            event: dict[str, Any] = {"groups": _groups_event(view, changed, before, told)}
            budgets = told_budgets[user_id] = _budgets(view, found[caller], by_id)
            if self._told_budgets.get(user_id, []) != budgets:
                event["budgets"] = budgets
            if event["groups"] or "budgets" in event:
                events[user_id] = event
        return events, told, told_budgets

    async def _visibility(self, user_id: str, role: str) -> Visibility:
        if role == "admin":
            return Visibility(None)
        models = await self._host_models.visible_to(SimpleNamespace(id=user_id, role=role))
        return Visibility((model.id, model.base) for model in models)


def _states(entries: Iterable[GroupUsage], now: datetime) -> dict[str, _State]:
    periods: dict[tuple[str, str], str] = {}
    states = {}
    for entry in entries:
        group = entry.group
        kind = (group.period, group.timezone)
        if kind not in periods:
            periods[kind] = period_at(group.period, group.timezone, now).key
        states[group.name] = (entry, periods[kind])
    return states


def _groups_event(
    view: Visibility, changed: Iterable[str], before: Mapping[str, _State], told: Mapping[str, _State]
) -> dict[str, dict[str, Any] | None]:
    """The changed groups that a user may see; null for those that are gone, or that the user no longer sees."""
    event: dict[str, dict[str, Any] | None] = {}
    for name in changed:
        now = told.get(name)
        if now is not None and view.sees(now[0].group):
            event[name] = view.group(now[0]).model_dump(by_alias=True)
        elif name in before and view.sees(before[name][0].group):
            event[name] = None
    return event


def _budgets(view: Visibility, found: list[BudgetStatus], groups: Mapping[str, Group]) -> list[dict[str, Any]]:
    return [budget.model_dump() for budget in view.budgets(found, groups)] if found else []


class _Sessions:
    """Who is connected. With several workers the host keeps that in Redis, behind a client that blocks."""

    def __init__(self, host_socket: Any) -> None:
        """Asks nothing yet."""
        self.sio = host_socket.sio
        self.is_shared = host_socket.WEBSOCKET_MANAGER == "redis"
        """Whether an event of one worker reaches the sockets of all."""
        self._pool = host_socket.SESSION_POOL
        self._asking: concurrent.futures.Future[list[Any]] | None = None

    async def users(self) -> dict[str, str]:
        """Ids and roles of verified users with an open socket. Raises TimeoutError where Redis hangs.

        Asked in a thread of its own, and never twice at once: on the event loop a Redis that hangs would stop the host.
        """
        if isinstance(self._pool, dict):
            return _verified(self._pool.values())
        if self._asking is None or self._asking.done():
            self._asking = concurrent.futures.Future()
            # A daemon, unlike those of a pool: it does not keep a process from ending.
            threading.Thread(target=self._ask, args=(self._asking,), name="usage-sessions", daemon=True).start()
        asking = asyncio.wrap_future(self._asking)
        try:
            return _verified(await asyncio.wait_for(asyncio.shield(asking), REDIS_TIMEOUT))
        except TimeoutError:
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise TimeoutError("Redis does not say who is connected") from None

    def _ask(self, answer: concurrent.futures.Future[list[Any]]) -> None:
        try:
            answer.set_result(list(self._pool.values()))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            answer.set_exception(error)


def _verified(sessions: Iterable[Any]) -> dict[str, str]:
    return {
        session["id"]: session.get("role", "")
        for session in list(sessions)
        if isinstance(session, dict) and session.get("id") and session.get("role") in ("user", "admin")
    }
