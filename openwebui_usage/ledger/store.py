"""The ledger's interface: definitions and totals in SQL, and the transaction that writes rows and totals together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from openwebui_usage.ledger.budget_store import BudgetStore
from openwebui_usage.ledger.call_details import DetailedCalls
from openwebui_usage.ledger.call_facts import read_connections
from openwebui_usage.ledger.call_log import CallLog
from openwebui_usage.ledger.chats import Chats
from openwebui_usage.ledger.checking import Check
from openwebui_usage.ledger.combinations import Combinations
from openwebui_usage.ledger.configuration import ConfigurationStore
from openwebui_usage.ledger.credits import CreditStore, raised, read_allowances
from openwebui_usage.ledger.database import Recorder, Transaction, migrate, sharing
from openwebui_usage.ledger.definitions import (
    Definitions,
    read_definitions,
    read_revision,
)
from openwebui_usage.ledger.deliveries import Deliveries
from openwebui_usage.ledger.figures import LedgerFigures
from openwebui_usage.ledger.focus import Focus
from openwebui_usage.ledger.forecasts import Forecasts
from openwebui_usage.ledger.group_store import GroupStore
from openwebui_usage.ledger.journal import Journal
from openwebui_usage.ledger.latency import Latencies
from openwebui_usage.ledger.metric_sums import MetricSums
from openwebui_usage.ledger.outbox import Outbox, put_notices
from openwebui_usage.ledger.own_limits import OwnLimits
from openwebui_usage.ledger.price_store import PriceStore
from openwebui_usage.ledger.rates import rate_standings
from openwebui_usage.ledger.reader_store import ReaderStore
from openwebui_usage.ledger.recording import Batch, Change, Key, Recorded, insert_probe
from openwebui_usage.ledger.refusal_report import RefusedCalls
from openwebui_usage.ledger.refusals import Mark, RefusalCount, RefusalKey, is_written, write_refusals
from openwebui_usage.ledger.report_query import Named
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.reservations import Reservations
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.revision import LedgerRevision, read_ledger_revision
from openwebui_usage.ledger.rolling import has_left, highest_of_late, in_windows, minus, until_free
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import usage_call, usage_total
from openwebui_usage.ledger.sent_reports import SentReports
from openwebui_usage.ledger.totals import IDS_PER_QUERY, read_totals
from openwebui_usage.ledger.typical import TypicalCalls
from openwebui_usage.ledger.unusual import UnusualUsers
from openwebui_usage.ledger.upkeep import Upkeep
from openwebui_usage.ledger.views import Views
from openwebui_usage.rules.budgets import Counter, Subject
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import rolling_slots
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.schedules import Schedule

Notices = Callable[[Change, datetime], Iterable[Mapping[str, Any]]]
"""Makes the notices for a change."""


class _Mine(threading.local):
    """What each thread that writes rows keeps for itself: the writer, and whoever replays the spool."""

    def __init__(self) -> None:
        self.combinations = Combinations()


class Store(GroupStore, BudgetStore, CreditStore, PriceStore, ReaderStore, ConfigurationStore):
    """The ledger: definitions, and the one transaction that writes rows and totals together. Every method is one short
    transaction and blocks: call it off the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        schema: str | None = None,
        fallback_price: Price | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """`schema`: the schema of the host's tables in PostgreSQL. For `fallback_price` see `PriceBook`.

        `prepare` is called before the tables are made. Nothing is written as long as it raises.
        """
        super().__init__(engine, schema, fallback_price)
        self.notices: Notices | None = None
        """Its notices are put into the outbox, in the transaction that makes the change."""
        self._recorder = Recorder(self._engine)
        self._mine = _Mine()
        self._refused_combinations = Combinations()
        self._prepare = prepare
        self.outbox = Outbox(self._engine)
        self.deliveries = Deliveries(self._engine)
        self.reports = Reports(self._engine, schema)
        self.latencies = Latencies(self._engine, schema)
        self.call_log = CallLog(self._engine, schema)
        self.forecasts = Forecasts(self._engine, schema, self.used_until)
        self.refused_calls = RefusedCalls(self._engine, schema)
        self.focus = Focus(self._engine, schema)
        self.detailed_calls = DetailedCalls(self._engine, self.call_log)
        self.unusual_users = UnusualUsers(self.reports)
        self.typical_calls = TypicalCalls(self._engine)
        self.figures = LedgerFigures(self._engine, schema)
        self.views = Views(self._engine)
        self.journal = Journal(self._engine)
        self.own_limits = OwnLimits(self._engine, self.reports)
        self.chats = Chats(self._engine, schema)
        self.reservations = Reservations(self._engine)

    def close(self) -> None:
        """Close the connection on which this thread writes rows."""
        self._recorder.close()

    def migrate(self) -> None:
        """Make or upgrade the tables. Raises `NewerLedger`, and any error of the database."""
        if self._prepare is not None:
            self._prepare()
            self._prepare = None
        migrate(self._engine, self._schema)

    def upkeep(self, retention: Retention) -> Upkeep:
        """What is done to the ledger in the background."""
        return Upkeep(self._engine, self._schema, retention)

    def sent_reports(self, schedule: Schedule) -> SentReports:
        """Which reports of a schedule were sent."""
        return SentReports(self._engine, schedule)

    def revision(self) -> LedgerRevision:
        """Which revision the tables are of."""
        return read_ledger_revision(self._engine, self._schema)

    @property
    def place(self) -> str:
        """Where the ledger is, as it may be shown: a file, or a URL without its password."""
        url = self._engine.url
        return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)

    def metric_sums(self, most_models: int) -> MetricSums:
        """What monitoring systems ask for. `most_models` are told apart."""
        return MetricSums(self._engine, self.reports, self.latencies, self.used_until, most_models)

    def check_sums(self) -> Check:
        """What compares cubes and totals with the rows."""
        return Check(self._engine, self._schema)

    def rate_standings(
        self, definitions: Definitions, callers: Sequence[Subject], now: datetime
    ) -> dict[Subject, list[tuple[Counter, Sums]]]:
        """How the budgets of a minute stand, see `ledger.rates`."""
        with self._engine.connect() as connection:
            return rate_standings(connection, definitions, callers, now)

    def newest_call(self) -> str:
        """The id of the call that began last; empty where there is none."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(usage_call.c.id))).scalar() or ""

    def totals(self, keys: Iterable[Key]) -> dict[Key, Sums]:
        """The sums of some counters: zeros for a counter that has not counted anything."""
        wanted = list(keys)
        with self._engine.connect() as connection:
            found = read_totals(connection, wanted)
        return {key: found.get(key, Sums()) for key in wanted}

    def has_left(self, counters: Iterable[Counter], now: datetime) -> dict[Key, Sums]:
        """What rolling counters counted before their windows, see `ledger.rolling`."""
        with self._engine.connect() as connection:
            return has_left(connection, counters, now)

    def in_windows(self, found: Sequence[tuple[Counter, Sums]], now: datetime) -> list[tuple[Counter, Sums]]:
        """Counters with their totals, of which rolling ones become what is used in their windows."""
        with self._engine.connect() as connection:
            return in_windows(connection, found, now)

    def until_free(self, counter: Counter, now: datetime) -> Counter:
        """A rolling counter at its limit with a period that ends when there is room again."""
        with self._engine.connect() as connection:
            return until_free(connection, counter, now)

    def state(self) -> tuple[int, int]:
        """Two numbers that change with every change: the revision of the definitions, and the number of calls in all
        counters together.
        """
        with self._engine.connect() as connection:
            revision = read_revision(connection)
            return revision, int(connection.execute(select(func.sum(usage_total.c.calls))).scalar() or 0)

    def record(self, rows: Sequence[CallRow], *, maybe_written: bool = False) -> Recorded:
        """Write `rows` and add them to every total that counts them, in one transaction.

        `maybe_written`: some may already be in the ledger (the answer to a commit was lost, a spool file was replayed
        before). They are left out.
        """
        given = tuple(rows)
        definitions = self._definitions
        is_stale = False
        while True:
            with self._recorder.transaction() as transaction:
                if is_stale:  # They cannot change before this transaction ends, so the second attempt succeeds.
                    definitions = self._definitions = read_definitions(transaction.connection, self._fallback_price)
                if maybe_written:
                    known = _known_ids(transaction.connection, [row.id for row in given])
                    rows = list({row.id: row for row in given if row.id not in known}.values())
                if not rows:
                    return Recorded(given)
                written = Batch(rows, definitions).write(transaction, self._schema, self._mine.combinations)
                if written is None:
                    is_stale = True
                    transaction.undo()
                    continue
                changes = self._as_limited(transaction.connection, definitions, written.changes, rows)
                notices = self._put_notices(transaction.connection, changes)
            self._mine.combinations.remember(written.resolved)
            return Recorded(given, written.groups, written.changes, notices, written.totals, written.revision)

    def add_refusals(self, counts: Mapping[RefusalKey, RefusalCount], mark: Mark | None = None) -> None:
        """Add to the counters of refused calls. A batch that has a mark is added once, however often it is tried.

        Not to be called by two threads at once.
        """
        with sharing(self._engine) as connection:
            if mark is not None and is_written(connection, mark):
                return
            transaction = Transaction(connection, connection.connection.cursor())
            resolved = write_refusals(transaction, counts, self._schema, self._refused_combinations)
        self._refused_combinations.remember(resolved)

    def _as_limited(
        self, connection: Connection, definitions: Definitions, changes: Sequence[Change], rows: Iterable[CallRow]
    ) -> Sequence[Change]:
        """The changes, each with the limit that holds for its subject with credit and remainders."""
        if self.notices is None or not definitions.any_may_exceed:
            return changes
        callers = {row.info.user_id: row.info.caller for row in rows}
        asked = {
            change.counter.key: (
                change.counter,
                callers.get(change.counter.subject.partition(":")[2] or None, Subject()),
            )
            for change in changes
            if _may_tell(change) and definitions.may_exceed(change.counter.budget)
        }
        given = dict(zip(asked, read_allowances(connection, definitions, asked.values(), None), strict=True))
        now = datetime.now(UTC)
        return [
            replace(change, counter=raised(change.counter, given.get(change.counter.key), now)) for change in changes
        ]

    def _put_notices(self, connection: Connection, changes: Iterable[Change]) -> int:
        if self.notices is None:
            return 0
        now = datetime.now(UTC)
        limited = [change for change in changes if change.counter.budget.limit is not None]
        afters = in_windows(connection, [(change.counter, change.after) for change in limited], now)
        told: list[Mapping[str, Any]] = []
        for change, (counter, after) in zip(limited, afters, strict=True):
            seen = change
            if rolling_slots(counter.budget.period) is not None:
                seen = Change(counter, minus(after, minus(change.after, change.before)), after)
            crossed = list(self.notices(seen, now))
            if crossed and seen is not change:  # What a window holds goes up and down.
                highest = highest_of_late(connection, counter, now) * 100
                crossed = [each for each in crossed if each["percent"] * (counter.budget.limit or 0) > highest]
            told += crossed
        return put_notices(connection, told, now.timestamp()) if told else 0

    def check(self) -> None:
        """Raise the error of the database if it accepts no calls at all. Leaves nothing behind."""
        with self._recorder.transaction() as transaction:
            insert_probe(transaction, self._schema)
            transaction.undo()

    def connections(self) -> list[tuple[int, Named]]:
        """All connections of the host that calls went to, each with its number."""
        with self._engine.connect() as connection:
            return read_connections(connection)

    def message(self, message_id: str) -> list[CallRow]:
        """The calls for one chat message, in order of time."""
        query = select(usage_call).where(usage_call.c.message_id == message_id).order_by(usage_call.c.started_at)
        with self._engine.connect() as connection:
            return [CallRow.from_row(row) for row in connection.execute(query)]

    def latest(self, count: int) -> list[CallRow]:
        """The latest calls by their beginning, in order of time."""
        query = select(usage_call).order_by(usage_call.c.id.desc()).limit(count)  # Ids increase with time.
        with self._engine.connect() as connection:
            return [CallRow.from_row(row) for row in connection.execute(query)][::-1]


def _may_tell(change: Change) -> bool:
    """Whether a mark of the limit is reached: of a higher one it can only be so, too. Others need not wait for more."""
    budget = change.counter.budget
    least = min((*budget.soft_limits, 100))
    return budget.limit is not None and budget.used(change.after) * 100 >= least * budget.limit


def _known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        query = select(usage_call.c.id).where(usage_call.c.id.in_(ids[start : start + IDS_PER_QUERY]))
        known.update(connection.execute(query).scalars())
    return known
