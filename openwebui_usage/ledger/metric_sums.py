"""What a monitoring system asks for every few seconds: what all calls ever came to, how long they took, and limits.

All of it is from sums that are kept anyway, so that every worker tells the same, also after a restart. What is older
than `_SETTLED_AFTER` does not change any more, and of refusals and durations it is read once by each process.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from openwebui_usage.ledger.credits import raised, read_allowances
from openwebui_usage.ledger.cubes import quarter_of
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.ended_credit import UsedUntil
from openwebui_usage.ledger.latency import DONE, Latencies, Latency
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.refusals import LimitKind
from openwebui_usage.ledger.report_query import Dimension, Named, ReportQuery, ReportSums, Value
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.ledger.rolling import in_windows
from openwebui_usage.ledger.schema import usage_dimension, usage_refusal
from openwebui_usage.ledger.totals import read_totals
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.budgets import Budget, Subject, Unit, budget_of_group
from openwebui_usage.rules.budgets import Counter as BudgetCounter
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.rates import is_rate

OTHER = "other"
"""The label of all models, or connections, that have none of their own."""
MOST_CONNECTIONS = 50
_DAY = 96
_SETTLED_AFTER = 9 * _DAY
"""Quarters: histograms of a week are looked at again for calls that came late."""
_FEW_QUARTERS = 16
"""As many may be read from rows. After an upgrade histograms of years are still to be made, and are waited for."""


class CallLabels(NamedTuple):
    """What calls are told apart by."""

    model: str
    connection: str
    kind: str
    outcome: str


class ModelLabels(NamedTuple):
    """What durations are told apart by."""

    model: str
    connection: str


class LimitStatus(NamedTuple):
    """A usage group's limit, or a budget that is one sum."""

    kind: LimitKind
    name: str
    unit: Unit
    limit: int
    """In `unit`: tokens, requests or nano-USD."""
    used: int
    resets_at: float | None
    """Seconds since the epoch; None for never."""


@dataclass(frozen=True, slots=True)
class LedgerMetrics:
    """Everything, of all time."""

    calls: Mapping[CallLabels, ReportSums]
    durations: Mapping[ModelLabels, Latency]
    """Of calls that did not end with an error."""
    refusals: Mapping[tuple[LimitKind, str], int]
    """By the limit's kind and name."""
    limits: Sequence[LimitStatus]


@dataclass(slots=True)
class _Settled:
    """What there was before some quarters of an hour, each its own."""

    refused_until: int = 0
    refusals: Counter[tuple[LimitKind, str]] = field(default_factory=Counter)
    """By the limit's kind and id."""
    durations_until: int = 0
    durations: dict[tuple[Value, ...], Latency] = field(default_factory=lambda: defaultdict(Latency))


class MetricSums:
    """Reads one ledger. Blocks: call it off the event loop."""

    def __init__(
        self, engine: Engine, reports: Reports, latencies: Latencies, used_until: UsedUntil, most_models: int
    ) -> None:
        """`engine` already knows the schema. `most_models` have labels of their own: those that were called first.

        By what was used most another one would take a label over now and then, and counters would fall.
        """
        self._engine = engine
        self._reports = reports
        self._latencies = latencies
        self._used_until = used_until
        self._most_models = most_models
        self._settled = _Settled()
        self._lock = threading.Lock()

    def read(self, definitions: Definitions, now: float | None = None) -> LedgerMetrics:
        """As of now. Raises the errors of the database."""
        now = time.time() if now is None else now
        end = quarter_of(now) + 2  # Other machines' clocks may be ahead.
        group_by: tuple[Dimension, ...] = ("model", "connection", "kind", "outcome")
        rows = self._reports.answer(ReportQuery(TimeRange(0, end), group_by=group_by, with_refusals=False)).rows
        with self._lock:
            durations = self._durations(end)
            refusals = self._refusals(end)
        own = _Own(self._engine, rows_of=[row.values for row in rows], most_models=self._most_models)
        calls: dict[CallLabels, ReportSums] = {}
        for row in rows:
            model, connection, kind, outcome = row.values
            labels = CallLabels(own.model(model), own.connection(connection), _text(kind), _text(outcome))
            known = calls.get(labels)
            calls[labels] = row.sums if known is None else ReportSums(*map(sum, zip(known, row.sums, strict=True)))
        by_labels: dict[ModelLabels, Latency] = defaultdict(Latency)
        for (model, connection), latency in durations.items():
            _add(by_labels[ModelLabels(own.model(model), own.connection(connection))], latency)
        return LedgerMetrics(
            calls,
            by_labels,
            self._named(refusals, definitions),
            self._limits(definitions, datetime.fromtimestamp(now, UTC)),
        )

    def _durations(self, end: int) -> Mapping[tuple[Value, ...], Latency]:
        with self._engine.connect() as connection:
            done = int(read_progress(connection, DONE) or 0)
        last = end if end - done <= _FEW_QUARTERS else done
        settled = self._settled
        until = min(done, end - _SETTLED_AFTER) // _DAY * _DAY
        if until > settled.durations_until:
            for values, latency in self._durations_of(settled.durations_until, until):
                _add(settled.durations[values], latency)
            settled.durations_until = until
        found: dict[tuple[Value, ...], Latency] = defaultdict(Latency)
        for values, latency in (*settled.durations.items(), *self._durations_of(settled.durations_until, last)):
            _add(found[values], latency)
        return found

    def _durations_of(self, start: int, end: int) -> list[tuple[tuple[Value, ...], Latency]]:
        if start >= end:
            return []
        query = ReportQuery(TimeRange(start, end), group_by=("model", "connection"), with_refusals=False)
        report = self._reports.answer(query)
        latencies = self._latencies.of_report(report).rows
        return [(row.values, latency) for row, latency in zip(report.rows, latencies, strict=True)]

    def _refusals(self, end: int) -> Counter[tuple[LimitKind, str]]:
        settled = self._settled
        until = (end - _SETTLED_AFTER) // _DAY * _DAY
        if until > settled.refused_until:
            settled.refusals += self._refusals_of(settled.refused_until, until)
            settled.refused_until = until
        return settled.refusals + self._refusals_of(settled.refused_until, end)

    def _refusals_of(self, start: int, end: int) -> Counter[tuple[LimitKind, str]]:
        column = usage_refusal.c
        query = select(column.limit_kind, column.limit_id, func.sum(column.calls))
        query = query.where(column.start >= start, column.start < end)
        with self._engine.connect() as connection:
            found = connection.execute(query.group_by(column.limit_kind, column.limit_id)).all()
        return Counter({(kind, id_): int(calls) for kind, id_, calls in found})

    def _named(
        self, refusals: Mapping[tuple[LimitKind, str], int], definitions: Definitions
    ) -> dict[tuple[LimitKind, str], int]:
        """By names: those of today, or the last one of a limit that is gone."""
        names = {group.id: group.name for group in definitions.groups}
        names |= {budget.id: budget.name for budget in definitions.budgets}
        gone = sorted({id_ for _, id_ in refusals} - names.keys())
        if gone:
            column = usage_refusal.c
            query = select(column.limit_id, func.max(column.limit_name)).group_by(column.limit_id)
            with self._engine.connect() as connection:
                names |= {str(id_): str(name) for id_, name in connection.execute(query) if id_ in gone}
        found: Counter[tuple[LimitKind, str]] = Counter()
        for (kind, id_), calls in refusals.items():
            found[kind, names.get(id_, id_)] += calls
        return dict(found)

    def _limits(self, definitions: Definitions, now: datetime) -> list[LimitStatus]:
        """As they hold now, with credit and remainders. Budgets of each user separately have as many sums as users, and
        are left out; so are those of a minute, which the ledger does not count.
        """
        limits: list[tuple[LimitKind, Budget]] = [("group", budget_of_group(group)) for group in definitions.groups]
        limits += [
            ("budget", budget) for budget in definitions.budgets if budget.scope.is_shared and not is_rate(budget)
        ]
        counters = [
            (kind, BudgetCounter(budget, budget.id, definitions.period(budget, now)))
            for kind, budget in limits
            if budget.limit is not None
        ]
        if not counters:
            return []
        with self._engine.connect() as connection:
            asked = [(counter, Subject()) for _, counter in counters]
            given = read_allowances(connection, definitions, asked, self._used_until)
            holding = [raised(counter, extra, now) for (counter, _), extra in zip(asked, given, strict=True)]
            totals = read_totals(connection, [counter.key for counter in holding])
            found = in_windows(connection, [(each, totals.get(each.key, Sums())) for each in holding], now)
        return [
            LimitStatus(
                kind,
                counter.budget.name,
                counter.budget.unit,
                counter.budget.limit or 0,
                counter.budget.used(sums),
                None if counter.period.ends_at is None else counter.period.ends_at.timestamp(),
            )
            for (kind, _), (counter, sums) in zip(counters, found, strict=True)
        ]


class _Own:
    """Which values have labels of their own."""

    def __init__(self, engine: Engine, rows_of: Sequence[tuple[Value, ...]], most_models: int) -> None:
        """`rows_of` are the values of models and connections, and of more."""
        with engine.connect() as connection:
            column = usage_dimension.c
            query = select(column.kind, column.key, column.name).where(column.kind.in_(("model", "connection")))
            places = {
                (kind, name or key): number
                for number, (kind, key, name) in enumerate(connection.execute(query.order_by(column.id)))
            }
        self._models = _first({_text(values[0]) for values in rows_of}, "model", places, most_models)
        self._connections = _first({_text(values[1]) for values in rows_of}, "connection", places, MOST_CONNECTIONS)

    def model(self, value: Value) -> str:
        """The label of a model."""
        return _text(value) if _text(value) in self._models else OTHER

    def connection(self, value: Value) -> str:
        """The label of a connection."""
        return _text(value) if _text(value) in self._connections else OTHER


def _first(texts: set[str], kind: str, places: Mapping[tuple[str, str], int], most: int) -> frozenset[str]:
    """The first ones by when they were called first. What is no value, such as `none`, comes before them."""
    return frozenset(sorted(texts, key=lambda text: (places.get((kind, text), -1), text))[:most])


def _text(value: Value) -> str:
    return value.name if isinstance(value, Named) else value


def _add(whole: Latency, part: Latency) -> None:
    whole.calls += part.calls
    whole.duration.update(part.duration)
    whole.first_token.update(part.first_token)
