"""The roles that users had when they last called: rows do not tell them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from openwebui_usage.ledger.combinations import USER_ROLE
from openwebui_usage.ledger.schema import usage_dimension

_IDS_PER_QUERY = 500


def read_roles(connection: Connection, users: Collection[str] | None = None) -> dict[str, str]:
    """By the users' ids: of some users, or all. Left out where no role is known."""
    query = select(usage_dimension.c.key, usage_dimension.c.name).where(usage_dimension.c.kind == USER_ROLE)
    if users is None:
        return {key: name for key, name in connection.execute(query) if name}
    ids, found = sorted(users), dict[str, str]()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        part = query.where(usage_dimension.c.key.in_(ids[start : start + _IDS_PER_QUERY]))
        found |= {key: name for key, name in connection.execute(part) if name}
    return found


def users_with_role(connection: Connection, role: str) -> set[int]:
    """The numbers of the users who had it."""
    user, known = usage_dimension.alias(), usage_dimension.alias()
    same = (user.c.key == known.c.key) & (user.c.kind == "user")
    query = select(user.c.id).select_from(user.join(known, same))
    return set(connection.execute(query.where(known.c.kind == USER_ROLE, known.c.name == role)).scalars())
