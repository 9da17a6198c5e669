"""What the combinations of calls stand for: who, what, where and how, with the names that each last had."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select

from openwebui_usage.ledger.combinations import members_of
from openwebui_usage.ledger.report_query import Named
from openwebui_usage.ledger.schema import DIMENSIONS, usage_combination, usage_dimension, usage_group

_MOST_REMEMBERED = 20_000
_IDS_PER_QUERY = 500


class Facts(NamedTuple):
    """What one combination stands for. None where a call has none, or where that was not recorded."""

    user: Named | None
    connection: Named | None
    kind: str | None
    key: str | None
    usage_groups: tuple[str, ...]
    """Names."""
    user_groups: tuple[Named, ...]


def read_connections(connection: Connection) -> list[tuple[int, Named]]:
    """All connections of the host that calls went to, each with its number."""
    entry = usage_dimension.c
    query = select(entry.id, entry.key, entry.name).where(entry.kind == "connection")
    return [(int(number), Named(key, name or key)) for number, key, name in connection.execute(query)]


class CallFacts:
    """Looks up what combinations stand for, and remembers it for one list of calls. Not for two threads at once."""

    def __init__(self) -> None:
        """Each is looked up when it is first met."""
        self._known: dict[int, Facts] = {}
        self._entries: dict[int, Named] = {}
        self._members: dict[tuple[str, str], str] = {}
        """Names of usage groups and user groups, by kind and id."""

    def of(self, connection: Connection, combinations: Iterable[int | None]) -> Mapping[int, Facts]:
        """What some combinations stand for, by their numbers. There may be others in it, too."""
        missing = {number for number in combinations if number is not None} - self._known.keys()
        if missing:
            if len(self._known) + len(missing) > _MOST_REMEMBERED:
                self._known, self._entries, missing = {}, {}, missing | set(filter(None, combinations))
            self._read(connection, sorted(missing))
        return self._known

    def group_names(self, connection: Connection, ids: Iterable[str]) -> tuple[str, ...]:
        """The names of usage groups, for rows that have no combination yet."""
        missing = [id_ for id_ in ids if ("usage_group", id_) not in self._members]
        if missing:
            found = connection.execute(
                select(usage_group.c.id, usage_group.c.name).where(usage_group.c.id.in_(missing))
            )
            self._members |= {("usage_group", id_): name for id_, name in found}
            self._read_members(connection, "usage_group", missing)
        return tuple(self._members.get(("usage_group", id_), id_) for id_ in ids)

    def _read(self, connection: Connection, numbers: Collection[int]) -> None:
        combination = usage_combination.c
        columns = [combination.id, *(combination[name] for name in DIMENSIONS)]
        rows = [
            row._mapping
            for part in _parts(list(numbers))
            for row in connection.execute(select(*columns).where(combination.id.in_(part)))
        ]
        shown = ("user", "connection", "kind", "key", "groups", "user_groups")
        self._read_entries(connection, {row[name] for row in rows for name in shown} - {0})
        for column, kind in (("groups", "usage_group"), ("user_groups", "user_group")):
            ids = {id_ for row in rows for id_ in self._ids(row[column])}
            self._read_members(connection, kind, {id_ for id_ in ids if (kind, id_) not in self._members})
        for row in rows:
            key = self._entries.get(row["key"])
            kind_ = self._entries.get(row["kind"])
            self._known[row["id"]] = Facts(
                user=self._entries.get(row["user"]),
                connection=self._entries.get(row["connection"]),
                kind=kind_ and kind_.id,
                key=key and key.name,
                usage_groups=tuple(self._members.get(("usage_group", id_), id_) for id_ in self._ids(row["groups"])),
                user_groups=tuple(
                    Named(id_, self._members.get(("user_group", id_), id_)) for id_ in self._ids(row["user_groups"])
                ),
            )

    def _ids(self, number: int) -> list[str]:
        entry = self._entries.get(number)
        return list(members_of(entry.id, entry.name)) if entry else []

    def _read_entries(self, connection: Connection, numbers: Collection[int]) -> None:
        entry = usage_dimension.c
        for part in _parts([number for number in numbers if number not in self._entries]):
            query = select(entry.id, entry.key, entry.name).where(entry.id.in_(part))
            self._entries |= {id_: Named(key, name or key) for id_, key, name in connection.execute(query)}

    def _read_members(self, connection: Connection, kind: str, ids: Collection[str]) -> None:
        entry = usage_dimension.c
        for part in _parts(list(ids)):
            query = select(entry.key, entry.name).where(entry.kind == kind, entry.key.in_(part))
            for key, name in connection.execute(query):
                if name:
                    self._members[kind, key] = name


def _parts(items: list[int] | list[str]) -> Iterable[list[int] | list[str]]:
    return (items[start : start + _IDS_PER_QUERY] for start in range(0, len(items), _IDS_PER_QUERY))
