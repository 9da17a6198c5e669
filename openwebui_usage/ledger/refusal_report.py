"""Who was refused, by which limit, how often: what the counters of refusals come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from openwebui_usage.ledger.database import reading
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.folding import summed
from openwebui_usage.ledger.refusals import LimitKind
from openwebui_usage.ledger.report_filters import Filters
from openwebui_usage.ledger.report_query import Dimension, Named, Readable
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.schema import usage_refusal
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.budgets import Unit

_IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class RefusalQuery:
    """Which refusals: those of a time that fit one value of each filter, as a report's."""

    time: TimeRange
    filters: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)
    readable: Readable = field(default_factory=Readable)
    most: int = 100
    """Rows of the answer."""


class RefusalSum(NamedTuple):
    """The calls of one user for one model that one limit refused."""

    user: Named | None
    """None for nobody."""
    model: str
    limit_kind: LimitKind
    limit_id: str
    limit_name: str
    """The one of today; of a limit that is gone the last one."""
    unit: Unit
    calls: int
    amount: int
    """What they would probably have used, in `unit`: tokens, requests or nano-USD."""
    first_at: float
    last_at: float
    limit_is_gone: bool
    """Whether it was deleted since."""


class RefusedCalls:
    """Reads the refused calls of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def find(self, query: RefusalQuery, definitions: Definitions) -> list[RefusalSum]:
        """Most calls first."""
        with reading(self._engine) as connection:
            values = Values(connection)
            condition = Filters(values, query.filters, query.readable).condition(recorded=True)
            if condition is None:
                return []
            rows = [tuple(row) for row in connection.exec_driver_sql(self._statement(connection, query, condition))]
            values.know(int(number) for user, model, *_ in rows for number in (user, model) if number)
            names = _limit_names(connection, definitions, {str(row[3]) for row in rows})
        there = {group.id for group in definitions.groups} | {budget.id for budget in definitions.budgets}
        return [
            RefusalSum(
                _user(values, user),
                str(values.shown("model", model)[0]) if model else "",
                kind,
                id_,
                names.get(id_, id_),
                unit,
                int(calls),
                int(amount),
                float(first_at),
                float(last_at),
                id_ not in there,
            )
            for user, model, kind, id_, unit, calls, amount, first_at, last_at in rows
        ]

    def _statement(self, connection: Connection, query: RefusalQuery, condition: str) -> str:
        """Only numbers are written into it, so nothing needs to be escaped."""
        calls, amount = (summed(f"r.{name}", connection.dialect.name) for name in ("calls", "amount"))
        where = [f"r.start >= {query.time.start}", f"r.start < {query.time.end}"]
        tables = (f"{prefix(self._schema)}usage_{name}" for name in ("refusal r", "combination c"))
        return (
            f'SELECT c."user", c.model, r.limit_kind, r.limit_id, r.unit, {calls} AS calls, {amount}, '  # noqa: S608
            f"min(r.first_at), max(r.last_at) AS last_at FROM {' JOIN '.join(tables)} ON c.id = r.combination "
            f"WHERE {' AND '.join(filter(None, (*where, condition)))} GROUP BY 1, 2, 3, 4, 5 "
            f"ORDER BY calls DESC, last_at DESC, 1, 2, 3, 4, 5 LIMIT {query.most}"
        )


def _user(values: Values, number: int) -> Named | None:
    (user,) = values.shown("user", number) if number else (None,)
    return user if isinstance(user, Named) else None


def _limit_names(connection: Connection, definitions: Definitions, ids: set[str]) -> dict[str, str]:
    """The names of some limits, by id."""
    names = {group.id: group.name for group in definitions.groups}
    names |= {budget.id: budget.name for budget in definitions.budgets}
    gone = sorted(ids - names.keys())
    refusal = usage_refusal.c
    for start in range(0, len(gone), _IDS_PER_QUERY):
        query = select(refusal.limit_id, refusal.limit_name).where(refusal.limit_id.in_(gone[start:][:_IDS_PER_QUERY]))
        for id_, name in connection.execute(query.order_by(refusal.last_at.desc())):
            names.setdefault(id_, name)
    return names
