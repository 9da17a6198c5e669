"""How large the ledger is, and other numbers of it that cost next to nothing: no row is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.report_query import ReportQuery
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.schema import usage_call, usage_notice
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.buckets import TimeRange

DAYS = 30
_DAY = 24 * 3600 // QUARTER
_MOST_NOTICES = 1000
"""That are looked at."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one ledger. None where its database does not know."""

    database: str
    """`SQLite 3.45.1`, `PostgreSQL 16.4`."""
    rows: int | None
    """Rows of calls, about."""
    size: int | None
    """Bytes."""
    newest: float | None
    """When the newest call began, in seconds since the epoch."""
    clock: float | None
    """What time the database has; None for SQLite, which has this machine's."""


class PendingNotices(NamedTuple):
    """Notices for the webhook that it has not taken."""

    tried: int
    """At most 1,000; those that nobody tried yet are not among them."""
    oldest: float | None
    most_tries: int


class Unpriced(NamedTuple):
    """A model that somebody called and that has no price."""

    model: str
    calls: int


class LedgerFigures:
    """Asks the database of one ledger for its figures. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def read(self) -> Figures:
        """As they are now."""
        with self._engine.connect() as connection:
            newest = _seconds(connection.execute(select(func.max(usage_call.c.id))).scalar())
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            if connection.dialect.name == "sqlite":
                rows, size = self._sqlite(connection)
                return Figures(f"SQLite {version}", rows, size, newest, None)
            rows, size = self._postgres(connection)
            clock = float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
            return Figures(f"PostgreSQL {version}", rows, size, newest, clock)

    def notices(self) -> PendingNotices:
        """What the webhook has not taken."""
        notice = usage_notice.c
        some = (
            select(notice.created_at, notice.tries)
            .where(notice.tries > 0)
            .order_by(notice.due_at)
            .limit(_MOST_NOTICES)
            .subquery()
        )
        query = select(func.count(), func.min(some.c.created_at), func.max(some.c.tries)).select_from(some)
        with self._engine.connect() as connection:
            tried, oldest, most = connection.execute(query).one()
        return PendingNotices(int(tried), oldest, int(most or 0))

    def _sqlite(self, connection: Connection) -> tuple[int | None, int | None]:
        table = f"{prefix(self._schema)}usage_call"
        try:
            # The first and the last are found at once; what lies between is only less where old rows were removed.
            rows = connection.exec_driver_sql(
                f"SELECT (SELECT max(rowid) FROM {table}) - (SELECT min(rowid) FROM {table}) + 1"  # noqa: S608
            ).scalar()
        except SQLAlchemyError:
            rows = None
        pages, bytes_ = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size"))
        return (None if rows is None else int(rows)), int(pages or 0) * int(bytes_ or 0)

    def _postgres(self, connection: Connection) -> tuple[int | None, int | None]:
        """By what its own statistics say."""
        query = text(
            "SELECT c.relname, c.reltuples, pg_total_relation_size(c.oid) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = coalesce(:schema, current_schema()) "
            "AND c.relname LIKE 'usage\\_%' AND c.relkind = 'r'"  # Not the whole of calls beside its months.
        )
        found = connection.execute(query, {"schema": self._schema}).all()
        calls = [float(rows) for name, rows, _ in found if str(name).startswith("usage_call")]
        known = [rows for rows in calls if rows >= 0]  # -1: nobody has looked at the table yet.
        return (round(sum(known)) if known else None), sum(int(size) for _, _, size in found)


def unpriced_models(reports: Reports, now: datetime) -> list[Unpriced]:
    """Models that were called in the last 30 days and have calls without a price, those with most calls first."""
    end = -(-int(now.timestamp()) // QUARTER)
    start = (end // _DAY - DAYS) * _DAY
    report = reports.answer(ReportQuery(TimeRange(start, end), group_by=("called_model",)))
    found = [Unpriced(str(row.values[0]), row.sums.unpriced_calls) for row in report.rows if row.sums.unpriced_calls]
    return sorted(found, key=lambda each: (-each.calls, each.model))


def _seconds(id_: str | None) -> float | None:
    """When a call began, by its id."""
    try:
        return int(id_[:16], 16) / 1e9 if id_ else None
    except ValueError:
        return None
