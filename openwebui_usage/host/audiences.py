"""Who may see which usage groups: users who can use the same models are one audience.

What the host tells of one user costs a query or two, and there are thousands of users. Which models a user can use
depends on the role, the user groups, and on whether the user is named by a model's access or owns one. So the host is
asked once for all users who do not differ in these; and again for nobody, as long as none of it has changed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.models import HostModels, ModelAccess
from openwebui_usage.rules.budgets import Subject

SHORTEST_TRUST, LONGEST_TRUST = 5.0, 15.0
"""Seconds after which somebody who may no longer see something is found out."""
_SHARE = 0.01
"""Of the time, which finding out takes at most, as long as the above allows."""

_Likeness = tuple[str, frozenset[str], str | None]
"""Role, user groups, and the user's id where that matters."""


@dataclass(frozen=True, slots=True)
class Person:
    """A connected user."""

    subject: Subject
    view: Visibility
    """The same object for all of one audience."""


class Audiences:
    """Those of one worker's sockets."""

    def __init__(self, host_models: HostModels) -> None:
        """Asks nothing yet."""
        self._host_models = host_models
        self._all = Visibility(None)
        self._people: dict[str, Person] = {}
        self._access: ModelAccess | None = None
        self._views: dict[_Likeness, Visibility] = {}
        self._by_models: dict[frozenset[tuple[str, str | None]], Visibility] = {}
        self._known_until = 0.0
        self._ids: frozenset[str] = frozenset()
        """Of the host's models when it was found out last."""

    def clear(self) -> None:
        """Nobody is there."""
        self._people, self._views, self._by_models = {}, {}, {}
        self._access, self._known_until = None, 0.0

    @property
    def is_old(self) -> bool:
        """Whether it is time to find out anew before anything is told. A host that has just started knows no models."""
        return time.monotonic() >= self._known_until or self._host_models.ids_at_hand != self._ids

    async def of(self, users: Mapping[str, str], *, anew: bool) -> Mapping[str, Person]:
        """Everybody in `users`, roles by ids, by id. A person who is not the same object as before has changed.

        `anew`: those who are known already are asked for again, too.
        """
        began, ids = time.monotonic(), self._host_models.ids_at_hand
        people = {user_id: self._people[user_id] for user_id in users if user_id in self._people}
        asked = [
            user_id
            for user_id, role in users.items()
            if anew or user_id not in people or people[user_id].subject.role != role
        ]
        if not asked:
            self._people = people
            return people
        if anew or self._access is None:
            await self._ask_for_access()
        groups = await self._host_models.user_groups_of(asked)
        views: dict[_Likeness, Visibility] = {}
        for user_id in asked:
            subject = Subject(user_id, groups.get(user_id, frozenset()), users[user_id])
            likeness = self._likeness(subject)
            view = views[likeness] = await self._view(likeness, user_id)
            known = people.get(user_id)
            if known is None or known.subject != subject or known.view is not view:
                people[user_id] = Person(subject, view)
        if anew:
            self._views = views
            used = set(views.values())
            self._by_models = {models: view for models, view in self._by_models.items() if view in used}
            took = time.monotonic() - began
            self._ids = ids
            self._known_until = began + min(max(took / _SHARE, SHORTEST_TRUST), LONGEST_TRUST)
        self._people = people
        return people

    async def _ask_for_access(self) -> None:
        access = await self._host_models.access()
        if access != self._access:
            self._access, self._views = access, {}

    def _likeness(self, subject: Subject) -> _Likeness:
        named = self._access.named if self._access is not None else frozenset()
        return str(subject.role), subject.user_groups, subject.user_id if subject.user_id in named else None

    async def _view(self, likeness: _Likeness, user_id: str) -> Visibility:
        role = likeness[0]
        if role == "admin":
            return self._all
        if likeness not in self._views:
            found = await self._host_models.visible_now(user_id, role)
            models = frozenset([(model.id, model.base) for model in found])
            if models not in self._by_models:
                self._by_models[models] = Visibility((model.id, model.base) for model in found)
            self._views[likeness] = self._by_models[models]
        return self._views[likeness]
