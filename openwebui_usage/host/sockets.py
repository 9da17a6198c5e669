"""The socket event `usage`: changed groups and budgets, to the users who may see them, and to nobody else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from types import SimpleNamespace
from typing import Any

from openwebui_usage.admission.allowances import Allowances
from openwebui_usage.admission.budget_status import BudgetStatus, counters_of
from openwebui_usage.api.answers.own_limit import own_budgets
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.compat import has_user_rooms
from openwebui_usage.host.models import HostModels
from openwebui_usage.ledger import Recorded, Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.known_totals import KnownTotals
from openwebui_usage.ledger.own_limits import OwnLimit, OwnLimitStatus
from openwebui_usage.ledger.schema import ALL_TIME_KEY
from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.groups import Group, GroupUsage
from openwebui_usage.rules.periods import PeriodKind, period_at, rolling_slots

log = logging.getLogger(__name__)

EVENT = "usage"
SHORTEST_INTERVAL = 0.25
"""Seconds between two events of one group: at most four a second."""
POLL_INTERVAL = 1.0
"""Seconds between two looks at who is connected, and at whether other workers counted something."""
WHOLE_INTERVAL = 15.0
"""Seconds after which everything is compared though nothing seems to have changed: a day may have begun, or somebody
may have joined a user group. Totals are not read for it, unless there are other workers that cannot tell theirs."""
REDIS_TIMEOUT = 2.0
"""Seconds that the host's Redis may take to tell who is connected, and to take an event."""

_State = tuple[GroupUsage, str]
"""A group with what it used, and the name of its period."""


class Publisher:
    """Tells browsers what changed. One task per worker.

    What a commit of this worker changed is taken from `Recorded`, so nothing is read while nothing changed, and nothing
    while nobody is connected. Totals are read when somebody connects, when a definition changed, and where other
    workers have counted what they could not tell the pages of this one.
    """

    def __init__(self, store: Store, host_models: HostModels, definitions: Callable[[], Definitions]) -> None:
        """`definitions` are the current ones, from memory. `start` it on the event loop."""
        self._store = store
        self._host_models = host_models
        self._definitions = definitions
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._totals = KnownTotals(store.totals)
        self._allowances = Allowances(store)
        self._others = _OtherWorkers(store)
        self._news = _News()
        self._told: dict[str, _State] = {}
        """Each group as browsers were told of it last, by name."""
        self._told_budgets: dict[str, list[dict[str, Any]]] = {}
        self._told_revision: int | None = None
        self._own_limits: dict[str, OwnLimit] = {}
        """Those of all users, as of the revision that was told last."""
        self._own_status: dict[str, OwnLimitStatus] = {}
        """How those of connected users stand, asked again where this worker wrote calls of theirs."""
        self._own_status_until = 0.0
        self._unsure: set[str] | None = None
        """The groups of the last event, where other workers tell them, too: events may have passed each other on their
        way, so that the older sum came last. They are looked at once more.
        """
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

    def counted(self, recorded: Recorded) -> None:
        """Calls were written. May be called from any thread."""
        self._tell(self._note, recorded)

    def changed(self, names: Iterable[str]) -> None:
        """Somebody made, changed or deleted groups or budgets. May be called from any thread."""
        self._tell(self._note_definition, frozenset(names))

    def _tell(self, note: Callable[[Any], None], what: Recorded | frozenset[str]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(note, what)

    def _note(self, recorded: Recorded) -> None:
        self._totals.note(recorded)
        self._others.note(recorded)
        self._news.users.update(row.info.user_id for row in recorded.rows if row.info.user_id is not None)
        if recorded.changes:
            self._news.groups |= recorded.groups
            self._news.is_counted = True
        self._wake.set()

    def _note_definition(self, names: frozenset[str]) -> None:
        self._news.groups |= names
        self._news.is_defined = True
        self._wake.set()

    async def _run(self) -> None:
        from open_webui.socket import main as host_socket

        sessions = _Sessions(host_socket)
        failing = False
        while True:
            news = _News()
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_INTERVAL)
                self._wake.clear()
                news, self._news = self._news, _News()
                users = await sessions.users()
                if not users:
                    self._nobody_is_there()
                elif await self._is_news(sessions, users, news):
                    await self._publish(sessions, users, news)
                else:  # Calls that no group and no budget counts are in somebody's reports all the same.
                    for user_id in news.users & users.keys():
                        await _emit(sessions, user_id, {"groups": {}, "own_calls": True})
                failing = False
                await asyncio.sleep(SHORTEST_INTERVAL)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not failing:  # Once, however long the host's Redis is away.
                    log.warning("The usage event cannot be sent, pages ask for the numbers themselves: %s", error)
                    log.debug("This is where it failed", exc_info=True)
                failing = True
                self._whole_at = 0.0
                self._news.add(news)
                await asyncio.sleep(POLL_INTERVAL)

    def _nobody_is_there(self) -> None:
        """Keep nothing up that nobody sees.

        A new group is remembered: to a page that comes later it is no news, but it may be gone again by the time of the
        next look.
        """
        self._totals.forget()
        self._whole_at = 0.0
        definitions = self._definitions()
        if definitions.revision != self._told_revision:
            self._told_revision = definitions.revision
            known = {entry.group.id: entry for entry, _ in self._told.values()}
            periods = _periods(definitions.groups, datetime.now(UTC))
            self._told = {
                group.name: (replace(known.get(group.id, GroupUsage(group)), group=group), periods[group.id])
                for group in definitions.groups
            }

    async def _is_news(self, sessions: _Sessions, users: Mapping[str, str], news: _News) -> bool:
        """Whether there may be something to tell. This worker knows, but for what others count and cannot tell."""
        is_whole = time.monotonic() >= self._whole_at
        # With a shared Redis, other workers tell all pages what they count.
        is_gap = not sessions.is_shared and await self._others.have_counted(is_late=is_whole)
        if is_gap:
            self._totals.forget()
        if is_gap or news or self._unsure is not None or is_whole or not users.keys() <= self._told_budgets.keys():
            self._whole_at = time.monotonic() + WHOLE_INTERVAL
            return True
        return self._definitions().revision != self._told_revision

    async def _publish(self, sessions: _Sessions, users: Mapping[str, str], news: _News) -> None:
        """Tell each of `users` what changed for them."""
        callers = {
            user_id: Subject(user_id, frozenset(await self._host_models.user_groups(user_id)), role)
            for user_id, role in users.items()
        }
        views = {user_id: await self._visibility(user_id, role) for user_id, role in users.items()}
        definitions, now = self._definitions(), datetime.now(UTC)
        periods = _periods(definitions.groups, now)
        counters = {
            user_id: await self._allowances.applied(definitions, counters_of(definitions, caller, now), caller, now)
            for user_id, caller in callers.items()
        }
        own_keys = {counter.key for found in counters.values() for counter in found}
        # Of what other workers count as well, a sum may be older by now than the one that they told.
        unsure = self._unsure or set()
        redefined = self._redefined(definitions.groups, periods)
        is_stale = news or self._unsure is not None or not users.keys() <= self._told_budgets.keys()
        stale = set(own_keys) if sessions.is_shared and is_stale else set()
        keys = set(own_keys)
        for group in definitions.groups:
            of_group = ((group.id, periods[group.id]), (group.id, ALL_TIME_KEY))
            keys.update(of_group)
            if sessions.is_shared and group.name in news.groups | unsure | redefined:
                stale.update(of_group)
        self._totals.defined_by(definitions.revision)
        if stale:
            self._totals.forget(stale)
        sums = await self._totals.of(keys)
        told = {
            group.name: (
                GroupUsage(group, sums[group.id, periods[group.id]], sums[group.id, ALL_TIME_KEY]),
                periods[group.id],
            )
            for group in definitions.groups
        }
        found = {user_id: [(counter, sums[counter.key]) for counter in own] for user_id, own in counters.items()}
        if any(rolling_slots(budget.period) for budget in definitions.budgets):
            found = await asyncio.to_thread(self._in_windows, found, now)
        changed = {name for name in told.keys() | self._told.keys() if told.get(name) != self._told.get(name)}
        if sessions.is_shared:  # What other workers count they publish themselves.
            changed = (changed & (unsure | redefined)) | news.groups
        own = await self._own(users, news, is_new=definitions.revision != self._told_revision)
        events, told_budgets = await asyncio.to_thread(self._events, views, told, found, own, changed)
        for user_id in news.users & users.keys():
            events.setdefault(user_id, {"groups": {}})["own_calls"] = True
        for user_id, event in events.items():
            await _emit(sessions, user_id, event)
        # Only now: what could not be sent is sent the next time.
        self._told, self._told_budgets, self._told_revision = told, told_budgets, definitions.revision
        self._unsure = changed if sessions.is_shared and events else None

    def _in_windows(self, found: Mapping[str, list[BudgetStatus]], now: datetime) -> dict[str, list[BudgetStatus]]:
        statuses = iter(self._store.in_windows([status for own in found.values() for status in own], now))
        return {user_id: list(islice(statuses, len(own))) for user_id, own in found.items()}

    def _redefined(self, groups: Iterable[Group], periods: Mapping[str, str]) -> set[str]:
        """Groups that are others than browsers were told, or whose new period has begun: nobody else may tell of it."""
        if self._told_revision is None:
            return set()
        told = {name: (entry.group, period) for name, (entry, period) in self._told.items()}
        now = {group.name: (group, periods[group.id]) for group in groups}
        return {name for name in told.keys() | now.keys() if told.get(name) != now.get(name)}

    async def _own(self, users: Iterable[str], news: _News, *, is_new: bool) -> Mapping[str, OwnLimitStatus]:
        """How the connected users' own limits stand. Each is a report of its own, so it is asked only where it may have
        changed; what other workers counted shows after a while.
        """
        if is_new:
            self._own_limits = await asyncio.to_thread(self._store.own_limits.all)
        if is_new or time.monotonic() >= self._own_status_until:
            self._own_status, self._own_status_until = {}, time.monotonic() + WHOLE_INTERVAL
        limits = {user_id: self._own_limits[user_id] for user_id in users if user_id in self._own_limits}
        asked = {user: limit for user, limit in limits.items() if user in news.users or user not in self._own_status}
        if asked:
            try:
                self._own_status |= await asyncio.to_thread(self._store.own_limits.status, asked, datetime.now(UTC))
            except Exception:
                log.exception("Own limits cannot be read: pages are told without them")
        return {user_id: self._own_status[user_id] for user_id in limits if user_id in self._own_status}

    def _events(
        self,
        views: Mapping[str, Visibility],
        told: Mapping[str, _State],
        found: Mapping[str, list[BudgetStatus]],
        own: Mapping[str, OwnLimitStatus],
        changed: set[str],
    ) -> tuple[dict[str, dict[str, Any]], dict[str, list[dict[str, Any]]]]:
        """The event of each user who has one, and the budgets that all will have been told by them. Thousands of groups
        take a while.
        """
        before = self._told
        by_id = {entry.group.id: entry.group for entry, _ in told.values()}
        events, told_budgets = {}, {}
        for user_id, view in views.items():
            event: dict[str, Any] = {"groups": _groups_event(view, changed, before, told)}
            budgets = told_budgets[user_id] = _budgets(view, found[user_id], by_id, own.get(user_id))
            if self._told_budgets.get(user_id, []) != budgets:
                event["budgets"] = budgets
            if event["groups"] or "budgets" in event:
                events[user_id] = event
        return events, told_budgets

    async def _visibility(self, user_id: str, role: str) -> Visibility:
        if role == "admin":
            return Visibility(None)
        models = await self._host_models.visible_to(SimpleNamespace(id=user_id, role=role))
        return Visibility((model.id, model.base) for model in models)


@dataclass(slots=True)
class _News:
    """What happened since the last look."""

    groups: set[str] = field(default_factory=set)
    """Names of the usage groups that counted something, or that an admin made, changed or deleted."""
    users: set[str] = field(default_factory=set)
    """Whose calls were counted."""
    is_counted: bool = False
    is_defined: bool = False

    def __bool__(self) -> bool:
        return self.is_counted or self.is_defined

    def add(self, other: _News) -> None:
        self.groups |= other.groups
        self.users |= other.users
        self.is_counted = self.is_counted or other.is_counted
        self.is_defined = self.is_defined or other.is_defined


class _OtherWorkers:
    """Notices by the newest call whether others count, too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: str | None = None
        """Id of the newest call that is known here; None before the first look."""
        self._unknown: str | None = None
        """The newest call, if nobody here has told of it so far."""
        self._exist = False

    def note(self, recorded: Recorded) -> None:
        """This worker wrote calls."""
        ids = {row.id for row in recorded.rows}
        if self._unknown in ids:
            self._unknown = None
        if self._newest is not None:
            self._newest = max(ids | {self._newest})

    async def have_counted(self, *, is_late: bool) -> bool:
        """Whether others have counted calls since the last look. One query of one id.

        `is_late`: or may have counted some that began before the newest one, which the query cannot tell.
        """
        if self._unknown is not None:  # This worker's own calls are told within moments.
            self._exist, self._unknown = True, None
        newest = await asyncio.to_thread(self._store.newest_call)
        if self._newest is None or newest <= self._newest:
            self._newest = self._newest or newest
            return is_late and self._exist
        self._newest = self._unknown = newest
        return True


async def _emit(sessions: _Sessions, user_id: str, event: dict[str, Any]) -> None:
    async with asyncio.timeout(REDIS_TIMEOUT):
        await sessions.emit(user_id, event)


def _periods(groups: Iterable[Group], now: datetime) -> dict[str, str]:
    """The names of the groups' current periods, by the groups' ids."""
    kinds: dict[tuple[PeriodKind, str], str] = {}
    periods = {}
    for group in groups:
        kind = (group.period, group.timezone)
        if kind not in kinds:
            kinds[kind] = period_at(*kind, now).key
        periods[group.id] = kinds[kind]
    return periods


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


def _budgets(
    view: Visibility, found: list[BudgetStatus], groups: Mapping[str, Group], own: OwnLimitStatus | None
) -> list[dict[str, Any]]:
    return [budget.model_dump() for budget in (*view.budgets(found, groups), *own_budgets(own))]


class _Sessions:
    """Who is connected. With several workers the host keeps that in Redis, behind a client that blocks."""

    def __init__(self, host_socket: Any) -> None:
        """Asks nothing yet."""
        self._sio = host_socket.sio
        self._has_rooms = has_user_rooms(host_socket)
        self._sids: dict[str, list[str]] = {}
        """The sockets of each user of the last look."""
        self.is_shared = host_socket.WEBSOCKET_MANAGER == "redis"
        """Whether an event of one worker reaches the sockets of all."""
        self._pool = host_socket.SESSION_POOL
        self._asking: concurrent.futures.Future[list[tuple[str, Any]]] | None = None

    async def users(self) -> dict[str, str]:
        """Ids and roles of verified users with an open socket. Raises TimeoutError where Redis hangs.

        Asked in a thread of its own, and never twice at once: on the event loop a Redis that hangs would stop the host.
        """
        if isinstance(self._pool, dict):
            return self._verified(self._pool.items())
        if self._asking is None or self._asking.done():
            self._asking = concurrent.futures.Future()
            # A daemon, unlike those of a pool: it does not keep a process from ending.
            threading.Thread(target=self._ask, args=(self._asking,), name="usage-sessions", daemon=True).start()
        asking = asyncio.wrap_future(self._asking)
        try:
            return self._verified(await asyncio.wait_for(asyncio.shield(asking), REDIS_TIMEOUT))
        except TimeoutError:
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise TimeoutError("Redis does not say who is connected") from None

    def _ask(self, answer: concurrent.futures.Future[list[tuple[str, Any]]]) -> None:
        try:
            answer.set_result(list(self._pool.items()))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            answer.set_exception(error)

    async def emit(self, user_id: str, event: Mapping[str, Any]) -> None:
        """Send `event` to all sockets of a user."""
        rooms = [f"user:{user_id}"] if self._has_rooms else self._sids.get(user_id, [])
        for room in rooms:
            await self._sio.emit(EVENT, event, room=room)

    def _verified(self, sessions: Iterable[tuple[str, Any]]) -> dict[str, str]:
        self._sids = {}
        users = {}
        for sid, session in list(sessions):
            if isinstance(session, dict) and session.get("id") and session.get("role") in ("user", "admin"):
                users[session["id"]] = session.get("role", "")
                self._sids.setdefault(session["id"], []).append(sid)
        return users
