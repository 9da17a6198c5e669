"""All that is known of one call: its row, what the provider said of its usage, and which limits count it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from openwebui_usage.ledger.call_log import Call, CallLog, CallQuery
from openwebui_usage.ledger.cubes import quarter_of
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.ledger.roles import read_roles
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.groups import Group

_AROUND = 2
"""Quarters of an hour: a call begins a moment after its id is made."""


class CallDetails(NamedTuple):
    """One call."""

    call: Call
    raw_usage: Any
    """What the provider said, as JSON's values; None where it said nothing, or where that was removed."""
    groups: tuple[Group, ...]
    """The usage groups that held its model then and are still there."""
    budgets: tuple[Budget, ...]
    """The budgets that count such a call, as they are today."""


class DetailedCalls:
    """Finds calls of one ledger with all that is known of them. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, call_log: CallLog) -> None:
        """`engine` already knows the schema; `call_log` is the ledger's."""
        self._engine = engine
        self._call_log = call_log

    def find(self, id_: str, readable: Readable, definitions: Definitions) -> CallDetails | None:
        """The call of an id; None where there is none that may be read."""
        try:
            quarter = quarter_of(int(id_[:16], 16) / 1e9)
        except (ValueError, OverflowError):
            return None
        query = CallQuery(max(0, quarter - _AROUND), quarter + _AROUND, readable=readable)
        # Pages begin before an id. Nothing is between this one and itself with something behind it.
        page = self._call_log.page(query, 1, before=f"{id_}0")
        if not page.calls or page.calls[0].row.id != id_:
            return None
        call = page.calls[0]
        row = call.row
        with self._engine.connect() as connection:
            raw = connection.execute(select(usage_call.c.raw_usage).where(usage_call.c.id == id_)).scalar()
            role = read_roles(connection, [row.user_id or ""]).get(row.user_id or "")
        held_by = set(row.groups.split())
        subject = Subject(row.user_id, frozenset(group.id for group in call.facts.user_groups), role)
        models = (row.model, row.called_model)
        return CallDetails(
            call,
            _parsed(raw),
            tuple(group for group in definitions.groups if group.id in held_by),
            tuple(
                budget.for_caller(subject)
                for budget in definitions.budgets
                if not row.unverified and budget.scope.binds(subject) and budget.covers(models, definitions.groups)
            ),
        )


def _parsed(raw: str | None) -> Any:
    try:
        return None if raw is None else json.loads(raw)
    except ValueError:
        return raw
