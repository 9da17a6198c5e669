"""Limits that users set for themselves: only they see them, and nothing is ever refused by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, Select, delete, insert, select

from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import raise_revision
from openwebui_usage.ledger.report_query import Readable, ReportQuery, ReportSums
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.schema import usage_own_limit
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.periods import period_at

OwnPeriod = Literal["day", "week", "month"]

_QUARTER = 900
"""Seconds."""


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """How much somebody means to use in a period, of all models together: tokens, requests or nano-USD."""

    limit: int
    unit: Unit
    period: OwnPeriod
    timezone: str
    name: str = "Own limit"
    """As whoever set it likes to read it."""


@dataclass(frozen=True, slots=True)
class OwnLimitStatus:
    """A limit of somebody's own, and what is used of it."""

    limit: OwnLimit
    used: int
    """In the limit's unit, in the current period."""
    resets_at: datetime


class OwnLimits:
    """Of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, reports: Reports) -> None:
        """What is used is what a report of the user says."""
        self._engine = engine
        self._reports = reports

    def put(self, user_id: str, limit: OwnLimit | None) -> None:
        """Set somebody's limit; None removes it. Where it is another, a new revision tells every worker."""
        if self.of(user_id).get(user_id) == limit:
            return
        with writing(self._engine) as connection:
            connection.execute(delete(usage_own_limit).where(usage_own_limit.c.user_id == user_id))
            if limit is not None:
                connection.execute(insert(usage_own_limit), {"user_id": user_id, **asdict(limit)})
            raise_revision(connection)

    def of(self, user_id: str) -> dict[str, OwnLimit]:
        """The limit of one user, by the user's id; nothing where there is none."""
        return self._read(select(usage_own_limit).where(usage_own_limit.c.user_id == user_id))

    def all(self) -> dict[str, OwnLimit]:
        """Those of all users, by their ids."""
        return self._read(select(usage_own_limit))

    def status(self, limits: Mapping[str, OwnLimit], now: datetime) -> dict[str, OwnLimitStatus]:
        """How limits stand, by their users' ids. A query for each."""
        return {user_id: self._status(user_id, limit, now) for user_id, limit in limits.items()}

    def _read(self, query: Select[Any]) -> dict[str, OwnLimit]:
        with self._engine.connect() as connection:
            return {row.user_id: _limit_of(row) for row in connection.execute(query)}

    def _status(self, user_id: str, limit: OwnLimit, now: datetime) -> OwnLimitStatus:
        period = period_at(limit.period, limit.timezone, now)
        assert period.starts_at is not None
        assert period.ends_at is not None
        time = TimeRange(_quarter(period.starts_at), _quarter(period.ends_at), limit.timezone)
        totals = self._reports.answer(ReportQuery(time, readable=Readable(user=user_id))).totals
        return OwnLimitStatus(limit, _used(totals, limit.unit), period.ends_at)


def _limit_of(row: Row[Any]) -> OwnLimit:
    return OwnLimit(int(row.limit), row.unit, row.period, row.timezone, row.name)


def _quarter(moment: datetime) -> int:
    return int(moment.timestamp()) // _QUARTER


def _used(sums: ReportSums, unit: Unit) -> int:
    match unit:
        case "tokens":
            return sums.total
        case "usd":
            return sums.cost_nano
        case "requests":
            return sums.calls
