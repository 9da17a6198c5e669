"""Saved views in SQL: what somebody looked at on a page, under a name, for themselves or for all who may read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, func, insert, select, update

from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.errors import TooManyViews, ViewMissing, ViewOfAnother
from openwebui_usage.ledger.schema import usage_view

MOST_VIEWS = 100
"""Of one user, and as many that are shared."""
SHARED = ""
"""The owner of a shared view."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page showed, as the query of its address says."""

    name: str
    page: str
    state: str
    is_shared: bool
    author: str
    """The id of whoever saved it last."""
    author_name: str
    saved_at: float = 0.0
    """Seconds since the epoch; the ledger fills it in."""


class Views:
    """The saved views of one ledger. Every method is one short transaction and blocks: call it off the event loop."""

    def __init__(self, engine: Engine) -> None:
        """`engine` already knows the schema."""
        self._engine = engine

    def of(self, user_id: str, *, with_shared: bool) -> list[View]:
        """A user's own and, where they may see those, the shared ones; by name."""
        owners = [user_id, SHARED] if with_shared else [user_id]
        query = select(usage_view).where(usage_view.c.owner.in_(owners)).order_by(usage_view.c.name, usage_view.c.owner)
        with self._engine.connect() as connection:
            return [_view(row) for row in connection.execute(query)]

    def get(self, owner: str, name: str) -> View:
        """One view, of a user or `SHARED`. Raises `ViewMissing`."""
        with self._engine.connect() as connection:
            return _view(_row(connection, owner, name))

    def put(self, view: View, *, is_admin: bool) -> View:
        """Save a view, in the place of one with its name. `is_admin` is about its author.

        Raises `TooManyViews`, and `ViewOfAnother` for a shared one that somebody else saved.
        """
        owner = SHARED if view.is_shared else view.author
        values = {
            "page": view.page,
            "state": view.state,
            "author": view.author,
            "author_name": view.author_name,
            "saved_at": time.time(),
        }
        with writing(self._engine) as connection:
            try:
                known = _row(connection, owner, view.name)
            except ViewMissing:
                of_owner = select(func.count()).where(usage_view.c.owner == owner)
                if connection.execute(of_owner).scalar_one() >= MOST_VIEWS:
                    raise TooManyViews(view.name) from None
                connection.execute(insert(usage_view), {"owner": owner, "name": view.name, **values})
            else:
                _check_author(known, view.author, is_admin=is_admin)
                connection.execute(update(usage_view).where(_is(owner, view.name)).values(values))
            return _view(_row(connection, owner, view.name))

    def delete(self, owner: str, name: str, user_id: str, *, is_admin: bool) -> None:
        """Remove a view. Raises `ViewMissing`, and `ViewOfAnother` for a shared one that somebody else saved."""
        with writing(self._engine) as connection:
            _check_author(_row(connection, owner, name), user_id, is_admin=is_admin)
            connection.execute(delete(usage_view).where(_is(owner, name)))


def _is(owner: str, name: str) -> ColumnElement[bool]:
    return (usage_view.c.owner == owner) & (usage_view.c.name == name)


def _row(connection: Connection, owner: str, name: str) -> Row[Any]:
    row = connection.execute(select(usage_view).where(_is(owner, name))).first()
    if row is None:
        raise ViewMissing(name)
    return row


def _check_author(row: Row[Any], user_id: str, *, is_admin: bool) -> None:
    if row.author != user_id and not is_admin:
        raise ViewOfAnother(row.name)


def _view(row: Row[Any]) -> View:
    return View(row.name, row.page, row.state, row.owner == SHARED, row.author, row.author_name, row.saved_at)
