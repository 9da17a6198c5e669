"""The socket event `usage`: changed groups and budgets, to the users who may see them, and to nobody else.

Each worker tells the sockets that it holds, and hears from the others what they counted (`worker_channel`). A room for
each group, which sockets join, would not do: what is told of a group depends on which of its models somebody can use,
thousands of sockets in thousands of rooms are millions of memberships, and a room that another worker's socket has to
leave is left when Redis has passed that on. So users who may see the same are one audience (`audiences`), and one event
is sent at once to all sockets whose users are told the same (`local_sockets`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from openwebui_usage.admission.budget_status import BudgetStatus
from openwebui_usage.api.answers.own_limit import own_budgets
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.audiences import Audiences, Person
from openwebui_usage.host.bound_budgets import BoundBudgets, Told
from openwebui_usage.host.changes import Changes
from openwebui_usage.host.group_events import GroupEvents, GroupState, period_keys
from openwebui_usage.host.local_sockets import LocalSockets
from openwebui_usage.host.models import HostModels
from openwebui_usage.host.other_workers import OtherWorkers
from openwebui_usage.host.own_limit_watch import OwnLimitWatch
from openwebui_usage.host.worker_channel import WorkerChannel
from openwebui_usage.ledger import Recorded, Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.known_totals import KnownTotals
from openwebui_usage.ledger.recording import Key
from openwebui_usage.ledger.schema import ALL_TIME_KEY
from openwebui_usage.rules.groups import Group, GroupUsage, Sums

log = logging.getLogger(__name__)

SHORTEST_INTERVAL = 0.25
"""Seconds between two events of one group: at most four a second."""
POLL_INTERVAL = 1.0
"""Seconds between two looks at who is connected, and at whether other workers counted something."""
WHOLE_INTERVAL = 15.0
"""Seconds after which everything is compared though nothing seems to have changed: a day may have begun, or somebody
may have joined a user group."""
_ROOMS_PER_SECOND = 5000
"""How many users are told something in a second, at most: calls are served by the same event loop."""

_Event = tuple[dict[str, Any], list[str]]
"""What is told, and to which users."""


class Publisher:
    """Tells browsers what changed. One task per worker.

    What a commit changed is taken from what it says, so nothing is read while nothing changed, and nothing while nobody
    is connected. Only users whom it concerns are looked at. Totals are read when somebody comes whom other budgets
    bind, when a definition changed, and where other workers have counted what they could not tell.
    """

    def __init__(
        self,
        store: Store,
        host_models: HostModels,
        definitions: Callable[[], Definitions],
        channel: Callable[[], WorkerChannel | None] = lambda: None,
        refresh: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`definitions` are the current ones, from memory; `refresh` reads them anew. `channel` leads to other workers,
        if there are any. `start` it on the event loop.
        """
        self._store = store
        self._definitions = definitions
        self._refresh = refresh
        self._new_channel = channel
        self._channel: WorkerChannel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._totals = KnownTotals(store.totals)
        self._audiences = Audiences(host_models)
        self._budgets = BoundBudgets(store)
        self._own_limits = OwnLimitWatch(store)
        self._others = OtherWorkers(store)
        self._has_missed = False
        """Other workers may have told something that was not heard."""
        self._news = Changes()
        self._told: dict[str, GroupState] = {}
        """Each group as browsers were told of it last, by name."""
        self._told_budgets: dict[str, list[Told]] = {}
        self._views: dict[str, Visibility] = {}
        """What everybody could see when they were told something last."""
        self._told_revision: int | None = None
        self._whole_at = 0.0

    def start(self) -> None:
        """Begin to publish."""
        self._loop = asyncio.get_running_loop()
        try:
            self._channel = self._new_channel()
            if self._channel is not None:
                self._channel.start(self._hear, self._miss)
        except Exception as error:  # noqa: BLE001 - without it the ledger is looked at
            log.warning("Pages show a second later what other workers count, Redis does not tell: %s", error)
        self._task = self._loop.create_task(self._run(), name="usage-publisher")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.stop()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def counted(self, recorded: Recorded) -> None:
        """Calls were written. May be called from any thread."""
        self._soon(Changes.by_commit(recorded))

    def changed(self, names: Iterable[str]) -> None:
        """Somebody made, changed or deleted groups or budgets. May be called from any thread."""
        self._soon(Changes.by_admin(names))

    def _soon(self, changes: Changes) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed: the host is going down.
                self._loop.call_soon_threadsafe(self._note_own, changes)

    def _note_own(self, changes: Changes) -> None:
        if self._channel is not None:
            self._channel.tell(changes)
        self._note(changes, is_own=True)

    def _note(self, changes: Changes, *, is_own: bool) -> None:
        self._totals.note(changes)
        if changes.calls:
            self._others.note(changes.calls, is_own=is_own)
        self._news.add(changes)
        self._wake.set()

    async def _hear(self, changes: Changes) -> None:
        """Another worker has told of what it counted, or of what an admin changed there."""
        if changes.is_defined and self._refresh is not None:
            await self._refresh()
        self._note(changes, is_own=False)

    def _miss(self) -> None:
        self._has_missed = True
        self._wake.set()

    async def _run(self) -> None:
        from open_webui.socket import main as host_socket

        sockets = LocalSockets(host_socket)
        failing = False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_INTERVAL)
            self._wake.clear()
            try:
                told = await self._look(sockets)
                failing = False
                pause = max(SHORTEST_INTERVAL, told / _ROOMS_PER_SECOND)
            except Exception as error:
                if not failing:  # Once, however long the host's Redis is away.
                    log.warning("The usage event cannot be sent, pages ask for the numbers themselves: %s", error)
                    log.debug("This is where it failed", exc_info=True)
                failing = True
                pause = POLL_INTERVAL
            await asyncio.sleep(pause)

    async def _look(self, sockets: LocalSockets) -> int:
        """See whether there is something to tell, and tell it. Returns how many times somebody was told something.

        After an error all is compared the next time, and what was news still is.
        """
        news, self._news = self._news, Changes()
        is_whole = time.monotonic() >= self._whole_at
        try:
            users = await sockets.users(anew=is_whole)
            if not users:
                self._nobody_is_there()
                return 0
            is_whole = await self._is_gap(is_whole=is_whole) or is_whole or self._are_others()
            if is_whole or news or users.keys() != self._told_budgets.keys():
                return await self._publish(sockets, users, news, is_whole=is_whole)
        except Exception:
            self._whole_at = 0.0
            self._news.add(news)
            raise
        return 0

    def _nobody_is_there(self) -> None:
        """Keep nothing up that nobody sees.

        A new group is remembered: to a page that comes later it is no news, but it may be gone again by the time of the
        next look.
        """
        self._totals.forget()
        self._audiences.clear()
        self._budgets.clear()
        self._told_budgets, self._views = {}, {}
        self._whole_at = 0.0
        definitions = self._definitions()
        if definitions.revision != self._told_revision:
            self._told_revision = definitions.revision
            known = {entry.group.id: entry for entry, _ in self._told.values()}
            periods = period_keys(definitions.groups, datetime.now(UTC))
            self._told = {
                group.name: (replace(known.get(group.id, GroupUsage(group)), group=group), periods[group.id])
                for group in definitions.groups
            }

    def _are_others(self) -> bool:
        """Whether an admin changed definitions since browsers were told something."""
        return self._definitions().revision != self._told_revision

    async def _is_gap(self, *, is_whole: bool) -> bool:
        """Whether other workers counted something of which nothing was heard. Totals are then to be read anew."""
        can_tell = self._channel is not None and self._channel.is_open
        if can_tell and not is_whole and not self._has_missed:
            return False
        has_missed, self._has_missed = self._has_missed, False
        is_gap = await self._others.have_counted(is_late=is_whole, can_tell=can_tell) or has_missed
        if is_gap:
            self._totals.forget()
        return is_gap

    async def _publish(self, sockets: LocalSockets, users: Mapping[str, str], news: Changes, *, is_whole: bool) -> int:
        """Tell those of `users` whom it concerns what changed. `is_whole`: compare all groups and budgets, not only
        what is in the news. Returns how many times somebody was told something.
        """
        definitions, now = self._definitions(), datetime.now(UTC)
        people = await self._audiences.of(users, anew=is_whole or self._audiences.is_old)
        concerned = await self._budgets.bind(people, definitions, now) | (users.keys() - self._told_budgets.keys())
        concerned |= self._budgets.whom(news.totals)
        if definitions.rates:  # No total counts what a budget of a minute does.
            concerned |= news.users & users.keys()
        concerned |= await self._own_limits.look(users, news.users, definitions.revision)
        if is_whole:
            concerned |= users.keys()
            self._budgets.renew()
        groups = {group.name: group for group in definitions.groups if is_whole or group.name in news.groups}
        periods = period_keys(groups.values(), now)
        keys = self._budgets.keys(concerned)
        for group in groups.values():
            keys.update(((group.id, periods[group.id]), (group.id, ALL_TIME_KEY)))
        self._totals.defined_by(definitions.revision)
        sums = await self._totals.of(keys, and_no_others=is_whole)
        states = {name: _state(group, periods[group.id], sums) for name, group in groups.items()}
        names = states.keys() | self._told.keys() if is_whole else states.keys()
        changed = {name for name in names if states.get(name) != self._told.get(name)}
        statuses = await self._budgets.statuses(concerned, sums, now)
        groups_told = GroupEvents(changed, self._told, states)
        # Thousands of groups, or of users, take a while.
        events, budgets = await asyncio.to_thread(self._events, people, groups_told, statuses, news.users)
        told = 0
        for event, receivers in events:
            told += await sockets.tell(receivers, event)
        # Only now: what could not be sent is sent the next time.
        self._told = states if is_whole else self._told | states
        self._told_budgets = {
            user_id: budgets[user_id] if user_id in budgets else self._told_budgets[user_id] for user_id in users
        }
        self._views = {user_id: person.view for user_id, person in people.items()}
        self._told_revision = definitions.revision
        if is_whole:
            self._whole_at = time.monotonic() + WHOLE_INTERVAL
        return told

    def _events(
        self,
        people: Mapping[str, Person],
        groups: GroupEvents,
        statuses: Mapping[str, list[BudgetStatus]],
        callers: Collection[str],
    ) -> tuple[Iterable[_Event], dict[str, list[Told]]]:
        """The events, and the budgets of everybody in `statuses`, who will have been told of them."""
        told_budgets: dict[str, list[Told]] = {}
        events: dict[tuple[int, tuple[int, ...] | None, bool], _Event] = {}
        for user_id in people if groups.changed else people.keys() & {*statuses, *callers}:
            view, has_called = people[user_id].view, user_id in callers
            before = self._views.get(user_id, view)
            shown = groups.of(view) if before is view else groups.of_changed(before, view)
            budgets = None
            if user_id in statuses:
                budgets = told_budgets[user_id] = [
                    *self._budgets.told(view, statuses[user_id]),
                    *(budget.model_dump() for budget in own_budgets(self._own_limits.of(user_id))),
                ]
                if budgets == self._told_budgets.get(user_id, []):
                    budgets = None
            if shown or budgets is not None or has_called:
                # By identity, as what is the same for many is the same object.
                alike = (id(shown), None if budgets is None else tuple(map(id, budgets)), has_called)
                if alike not in events:
                    events[alike] = (_event(shown, budgets, has_called=has_called), [])
                events[alike][1].append(user_id)
        return events.values(), told_budgets


def _state(group: Group, period: str, sums: Mapping[Key, Sums]) -> GroupState:
    return GroupUsage(group, sums[group.id, period], sums[group.id, ALL_TIME_KEY]), period


def _event(groups: Mapping[str, Any], budgets: list[Told] | None, *, has_called: bool) -> dict[str, Any]:
    event: dict[str, Any] = {"groups": groups}
    if budgets is not None:
        event["budgets"] = budgets
    if has_called:
        event["own_calls"] = True
    return event
