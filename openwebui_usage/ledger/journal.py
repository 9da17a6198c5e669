"""Who changed what, and when: written in the transaction that makes the change, and never deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Engine, insert, select

from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import usage_journal
from openwebui_usage.rules.json_values import to_json_amount

Section = Literal["group", "budget", "price", "credit", "cost_centers", "readers"]
Change = Literal["added", "changed", "removed", "reset"]
MOST_ENTRIES = 500
"""On one page."""
_UNTOLD = ("id", "group_id", "override", "reset_at", "pattern")
"""Fields that say nothing to people, or that the entry has anyway."""
_AMOUNTS = ("limit", "carry_over")


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever makes a change: one of the host's users, or whoever runs a command."""

    id: str | None
    name: str


COMMAND_LINE = Actor(None, "command line")
_actor: ContextVar[Actor] = ContextVar("openwebui_usage_actor", default=COMMAND_LINE)


def set_actor(actor: Actor) -> None:
    """Changes of this task, and of the threads that it starts, are by `actor`."""
    _actor.set(actor)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `before` and `after` have the fields that differ; None where there was, or is, nothing."""

    id: str
    at: float
    """Seconds since the epoch."""
    user_id: str | None
    user_name: str
    section: Section
    name: str
    change: Change
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class Journal:
    """The journal of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine) -> None:
        """`engine` already knows the schema."""
        self._engine = engine

    def entries(self, limit: int, before: str | None = None) -> list[Entry]:
        """The newest first, up to `limit`; those before the one with the id `before`."""
        query = select(usage_journal).order_by(usage_journal.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(usage_journal.c.id < before)
        with self._engine.connect() as connection:
            return [Entry(**row) for row in connection.execute(query).mappings()]


def note(connection: Connection, section: Section, name: str, change: Change, before: Any, after: Any) -> None:
    """Note a change, of which `before` and `after` are definitions, mappings or None; nothing where nothing differs."""
    old, new = _facts(before), _facts(after)
    if old is not None and new is not None and change == "changed":
        differ = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if not differ:
            return
        old, new = ({key: facts[key] for key in facts if key in differ} for facts in (old, new))
    actor = _actor.get()
    values = {
        "id": new_id(),
        "at": time.time(),
        "user_id": actor.id,
        "user_name": actor.name,
        "section": section,
        "name": name,
        "change": change,
        "before": old,
        "after": new,
    }
    connection.execute(insert(usage_journal), values)


def _facts(definition: Any) -> dict[str, Any] | None:
    """What a definition says, as the API has it: money in US dollars."""
    if definition is None:
        return None
    if isinstance(definition, Mapping):
        return _plain(definition)
    facts = {key: value for key, value in asdict(definition).items() if key not in _UNTOLD}
    unit = facts.get("unit", "tokens")
    for key in _AMOUNTS:
        if isinstance(facts.get(key), int):
            facts[key] = to_json_amount(facts[key], unit)
    for override in facts.get("overrides", ()):
        if override["limit"] is not None:
            override["limit"] = to_json_amount(override["limit"], unit)
    return _plain(facts)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(dict(facts), default=_number))
    return found


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
