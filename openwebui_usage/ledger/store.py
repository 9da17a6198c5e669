"""Groups and totals in SQL, and the one transaction that writes rows and totals together."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from openwebui_usage.groups import Counting, Group, GroupUsage, Sums
from openwebui_usage.ledger.calls import CallRow
from openwebui_usage.ledger.database import migrate, writing
from openwebui_usage.ledger.schema import EVER, usage_call, usage_group, usage_revision, usage_total

SUMS = tuple(item.name for item in fields(Sums))
_IDS_PER_QUERY = 500
_REMEMBERED_MODELS = 10_000
_LONGEST_RAW_USAGE = 10_000


class GroupExists(Exception):
    """The name is taken."""


class GroupMissing(Exception):
    """No group has that name."""


class Store:
    """The ledger's tables on `engine`. Every method is one short transaction and blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None = None) -> None:
        """`schema` is PostgreSQL's, where the host keeps its tables in one of its own."""
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._schema = schema
        self._groups: tuple[Group, ...] = ()
        self._groups_revision = -1
        self._holding: dict[frozenset[str], list[Group]] = {}

    def migrate(self) -> None:
        """Make or upgrade the tables."""
        migrate(self._engine, self._schema)

    # -- groups ---------------------------------------------------------------------------------------------------

    def groups(self) -> list[GroupUsage]:
        """Every group with what it used, in the order of creation."""
        with self._engine.connect() as connection:
            return _read_groups(connection)

    def group(self, name: str) -> GroupUsage:
        """One group by its name. Raises `GroupMissing`."""
        with self._engine.connect() as connection:
            return _one_group(connection, name)

    def create_group(self, name: str, models: Sequence[str], limit: int | None, counting: Counting) -> GroupUsage:
        """A new group, counted from now on. Raises `GroupExists`."""
        row = {
            "id": uuid.uuid4().hex,
            "name": name,
            "models": list(models),
            "limit": limit,
            "counting": counting,
            "created_at": time.time(),
        }
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(usage_group), row)
                _touch_groups(connection)
                return _one_group(connection, name)
        except IntegrityError as error:
            raise GroupExists(name) from error

    def update_group(self, name: str, changes: Mapping[str, Any]) -> GroupUsage:
        """Change some columns of a group (`models`, `limit`, …). Raises `GroupMissing`."""
        with writing(self._engine) as connection:
            if changes:
                connection.execute(update(usage_group).where(usage_group.c.name == name).values(dict(changes)))
                _touch_groups(connection)
            return _one_group(connection, name)

    def delete_group(self, name: str) -> None:
        """Remove a group and its totals; the ledger keeps its rows. Raises `GroupMissing`."""
        with writing(self._engine) as connection:
            group = _one_group(connection, name).group
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            connection.execute(delete(usage_group).where(usage_group.c.id == group.id))
            _touch_groups(connection)

    def reset_group(self, name: str) -> GroupUsage:
        """Set a group's counters to zero; the ledger keeps its rows. Raises `GroupMissing`."""
        with writing(self._engine) as connection:
            group = _one_group(connection, name).group
            connection.execute(delete(usage_total).where(usage_total.c.subject == group.id))
            return GroupUsage(group)

    # -- calls ----------------------------------------------------------------------------------------------------

    def record(self, rows: Sequence[CallRow], *, maybe_written: bool = False) -> frozenset[str]:
        """Write `rows` and add them to the totals of their groups, all or nothing. The names of groups that changed.

        `maybe_written`: some may already be in the ledger (a commit whose answer was lost, a spool file that was
        replayed before); those are left out.
        """
        with writing(self._engine) as connection:
            if maybe_written:
                known = _known_ids(connection, [row.id for row in rows])
                rows = list({row.id: row for row in rows if row.id not in known}.values())
            if not rows:
                return frozenset()
            self._refresh_groups(connection)
            totals: dict[str, dict[str, int]] = {}
            calls, changed = [], set()
            for row in rows:
                holding = [] if row.unverified else self._groups_of(row.model_ids)
                calls.append(_call_values(row, holding))
                for group in holding:
                    changed.add(group.name)
                    _add(totals.setdefault(group.id, dict.fromkeys(SUMS, 0)), row)
            connection.execute(insert(usage_call), calls)
            if totals:
                # In one order everywhere, so that two workers never wait for each other's rows in a circle.
                values = [{"subject": subject, "period": EVER, **totals[subject]} for subject in sorted(totals)]
                connection.execute(_increment(connection), values)
        return frozenset(changed)

    def _refresh_groups(self, connection: Connection) -> None:
        """See the groups as this very transaction does; they are read only when somebody changed one."""
        query = select(usage_revision.c.value).where(usage_revision.c.name == "groups")
        revision = connection.execute(query).scalar_one()
        if revision != self._groups_revision:
            self._groups = tuple(_group(row) for row in connection.execute(select(usage_group)))
            self._groups_revision = revision
            self._holding = {}

    def _groups_of(self, model_ids: frozenset[str]) -> list[Group]:
        known = self._holding.get(model_ids)
        if known is None:
            if len(self._holding) >= _REMEMBERED_MODELS:
                self._holding.clear()
            known = self._holding[model_ids] = [group for group in self._groups if group.holds(model_ids)]
        return known


def _read_groups(connection: Connection, name: str | None = None) -> list[GroupUsage]:
    totals = (usage_total.c.subject == usage_group.c.id) & (usage_total.c.period == EVER)
    query = (
        select(usage_group, *(usage_total.c[key].label(f"sum_{key}") for key in SUMS))
        .outerjoin(usage_total, totals)
        .order_by(usage_group.c.created_at)
    )
    if name is not None:
        query = query.where(usage_group.c.name == name)
    return [GroupUsage(_group(row), _sums(row)) for row in connection.execute(query)]


def _one_group(connection: Connection, name: str) -> GroupUsage:
    found = _read_groups(connection, name)
    if not found:
        raise GroupMissing(name)
    return found[0]


def _group(row: Row[Any]) -> Group:
    return Group(id=row.id, name=row.name, models=tuple(row.models), limit=row.limit, counting=row.counting)


def _sums(row: Row[Any]) -> Sums:
    return Sums(*(getattr(row, f"sum_{key}") or 0 for key in SUMS))


def _touch_groups(connection: Connection) -> None:
    query = update(usage_revision).where(usage_revision.c.name == "groups")
    connection.execute(query.values(value=usage_revision.c.value + 1))


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = select(usage_call.c.id).where(usage_call.c.id.in_(ids[start : start + _IDS_PER_QUERY]))
        known.update(connection.execute(query).scalars())
    return known


def _call_values(row: CallRow, groups: Iterable[Group]) -> dict[str, Any]:
    usage = row.usage
    return {
        "id": row.id,
        "started_at": row.started_at,
        "user_id": row.user_id,
        "user_name": row.user_name,
        "model": row.model,
        "called_model": row.called_model,
        "chat_id": row.chat_id,
        "message_id": row.message_id,
        "task": row.task,
        "path": row.path,
        "groups": "".join(f" {group.id} " for group in groups),
        "input": usage.input,
        "cached_input": usage.cached_input,
        "cache_write": usage.cache_write,
        "completion": usage.completion,
        "reasoning": usage.reasoning,
        "output": usage.output,
        "estimated": usage.estimated,
        "unverified": row.unverified,
        "outcome": row.outcome,
        "first_token_after": row.first_token_after,
        "thinking": row.thinking,
        "duration": row.duration,
        "cost_nano": row.cost_nano,
        "cost_source": row.cost_source,
        "raw_usage": _raw(row.raw_usage),
    }


def _raw(usage: dict[str, Any] | None) -> str | None:
    if usage is None:
        return None
    raw = json.dumps(usage, default=str)
    return raw if len(raw) <= _LONGEST_RAW_USAGE else None


def _add(sums: dict[str, int], row: CallRow) -> None:
    usage = row.usage
    sums["calls"] += 1
    sums["estimated_calls"] += usage.estimated
    sums["input"] += usage.input
    sums["cached_input"] += usage.cached_input
    sums["cache_write"] += usage.cache_write
    sums["completion"] += usage.completion
    sums["reasoning"] += usage.reasoning
    sums["output"] += usage.output
    sums["cost_nano"] += row.cost_nano or 0


def _increment(connection: Connection) -> Insert:
    """`total = total + n`, done by the database: two workers never overwrite each other."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: sqlite.Insert = dialect.insert(usage_total)  # Both dialects spell it alike.
    return statement.on_conflict_do_update(
        index_elements=["subject", "period"],
        set_={key: usage_total.c[key] + statement.excluded[key] for key in SUMS},
    )
