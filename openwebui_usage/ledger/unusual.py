"""Users whose last 24 hours are far beyond their own usual day, from the cubes.

Days before are whole days of UTC, which the cubes have per user: that reads few rows, whatever the ledger's size. And
only of users whose last day is beyond the floor, who are few.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.report_query import Dimension, Named, Readable, ReportQuery, ReportSums
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.rules.buckets import TimeRange
from openwebui_usage.rules.outliers import DAYS, Comparison, compare

DAY = 24 * 3600 // QUARTER
MOST_USERS = 100
"""In an answer; and the most whose days are looked at, by cost and then by tokens."""


@dataclass(frozen=True, slots=True)
class UnusualQuery:
    """What is far beyond a usual day."""

    now: datetime
    least_cost: int
    """Nano-dollars: less in a day is nothing to look at."""
    least_tokens: int
    deviations: float
    """Robust standard deviations beyond the median."""
    readable: Readable = field(default_factory=Readable)

    @property
    def last_day(self) -> TimeRange:
        """The last 24 hours, up to the end of the current quarter of an hour."""
        end = math.ceil(self.now.timestamp() / QUARTER)
        return TimeRange(end - DAY, end)

    @property
    def days_before(self) -> TimeRange:
        """The whole days of UTC before that."""
        end = self.last_day.start // DAY * DAY
        return TimeRange(end - DAYS * DAY, end)


class UnusualUser(NamedTuple):
    """One of them. Cost is in nano-dollars; tokens are counted as documented."""

    user: Named
    calls: int
    """In the last 24 hours."""
    cost: Comparison
    tokens: Comparison


class UnusualUsers:
    """Looks for unusual use in one ledger. Blocks: call it off the event loop."""

    def __init__(self, reports: Reports) -> None:
        """`reports` are the ledger's."""
        self._reports = reports

    def find(self, query: UnusualQuery) -> list[UnusualUser]:
        """Those furthest beyond their usual day first."""
        last = dict(self._last_day(query))
        if not last:
            return []
        costs, tokens = self._days_before(query, last)
        found = []
        for user, sums in last.items():
            cost = compare(costs[user.id], sums.cost_nano, floor=query.least_cost, deviations=query.deviations)
            token = compare(tokens[user.id], sums.total, floor=query.least_tokens, deviations=query.deviations)
            if cost.is_unusual or token.is_unusual:
                found.append(UnusualUser(user, sums.calls, cost, token))
        return sorted(found, key=_times, reverse=True)[:MOST_USERS]

    def _last_day(self, query: UnusualQuery) -> Iterator[tuple[Named, ReportSums]]:
        """Users whose last day is beyond a floor."""
        report = self._reports.answer(
            ReportQuery(query.last_day, group_by=("user",), readable=query.readable, top=10 * MOST_USERS)
        )
        for row in report.rows:
            (user,) = row.values
            is_much = row.sums.cost_nano >= query.least_cost or row.sums.total >= query.least_tokens
            if isinstance(user, Named) and is_much:
                yield user, row.sums

    def _days_before(
        self, query: UnusualQuery, users: Mapping[Named, ReportSums]
    ) -> tuple[Mapping[str, list[int]], Mapping[str, list[int]]]:
        """What each user's days came to, in nano-dollars and in tokens, by the user's id."""
        filters: dict[Dimension, tuple[str, ...]] = {"user": tuple(user.id for user in users)}
        report = self._reports.answer(
            ReportQuery(query.days_before, "day", ("user",), filters, readable=query.readable)
        )
        costs: dict[str, list[int]] = defaultdict(list)
        tokens: dict[str, list[int]] = defaultdict(list)
        for row in report.rows:
            (user,) = row.values
            if isinstance(user, Named):
                costs[user.id].append(row.sums.cost_nano)
                tokens[user.id].append(row.sums.total)
        return costs, tokens


def _times(found: UnusualUser) -> tuple[float, int]:
    """How many times their threshold somebody used."""
    return max(each.last / each.threshold for each in (found.cost, found.tokens)), found.cost.last
