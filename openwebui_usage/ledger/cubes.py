"""Sums for reports: which there are, and how calls get into them.

Cube 0 has what calls come to per quarter of an hour and combination of all dimensions; a commit adds to it in the same
transaction as the rows. All current offsets of time zones are multiples of a quarter, so any day of any zone is made of
whole ones. The other cubes have the same for longer spans or fewer dimensions: once a quarter is over for
`FOLD_AFTER` it is folded, which adds it to all of them. A row that comes later than that (a long call, a replay from
the spool) is added to all cubes at once, in its own transaction. So at any moment every cube is exact up to `folded`,
and cube 0 is exact altogether.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from openwebui_usage.ledger.bounds import bounded_sums
from openwebui_usage.ledger.database import Transaction
from openwebui_usage.ledger.schema import CUBE_SUMS
from openwebui_usage.ledger.statements import ROWS_PER_STATEMENT, addition, insertion, prefix

Family = Literal["all", "by_model", "by_user"]

QUARTER = 900
"""Seconds in a quarter of an hour."""
FOLD_AFTER = 4
"""Quarters. Clocks of several machines may differ by less than this without the loss of a row from the cubes."""
FAMILIES: Mapping[Family, frozenset[str]] = {
    "all": frozenset(
        ("user", "model", "called_model", "connection", "kind", "key", "outcome", "groups", "user_groups")
    ),
    "by_model": frozenset(("model", "called_model", "connection", "kind", "outcome", "groups")),
    "by_user": frozenset(("user", "kind", "key", "outcome", "user_groups")),
}
"""The dimensions that a family's combinations have; the others are 0 in them."""


class Combination(NamedTuple):
    """The number of a combination of all dimensions, and of the two of fewer that it is part of."""

    id: int
    by_model: int
    by_user: int


FIELDS: Mapping[Family, str] = {"all": "id", "by_model": "by_model", "by_user": "by_user"}
"""The field of `Combination` that has the number for each family."""

Span = Literal["quarter", "hour", "day", "month"]
"""Spans of time in UTC."""


@dataclass(frozen=True, slots=True)
class Cube:
    """One of the sums: for each `span` and each combination of the `family`."""

    id: int
    family: Family
    span: Span

    def start_of(self, quarter: int) -> int:
        """The start of the span that a quarter is in, in quarters since the epoch."""
        return start_of(self.span, quarter)


CUBES = (
    Cube(0, "all", "quarter"),
    Cube(1, "by_model", "quarter"),
    Cube(2, "by_model", "hour"),
    Cube(3, "all", "day"),
    Cube(4, "by_model", "day"),
    Cube(5, "by_user", "day"),
    Cube(6, "all", "month"),
    Cube(7, "by_model", "month"),
    Cube(8, "by_user", "month"),
)


UNVERIFIED = -1
"""The cube of calls that are in no report: it has their number per quarter of an hour and combination of all
dimensions, so that the list of calls finds them. It is not folded.
"""
FOLDED = "folded"
"""The name in `usage_progress` of the quarter up to which all quarters are in all cubes."""
_LATE = 2
"""Quarters. A row that is younger than this is in no quarter that anybody folds."""
KEYS = ("cube", "start", "combination")
"""The key of a row of the cubes."""
_COLUMNS = (*KEYS, *CUBE_SUMS)


class CubeAdditions:
    """What some calls add to the cubes."""

    def __init__(self) -> None:
        """Add calls by `add`."""
        self._added: dict[tuple[int, Combination], tuple[int, ...]] = {}
        self._unverified: dict[tuple[int, int], int] = {}

    def add(self, started_at: float, combination: Combination, sums: tuple[int, ...]) -> None:
        """Add one call, whose sums are in the order of `CUBE_SUMS`."""
        key = (quarter_of(started_at), combination)
        known = self._added.get(key)
        self._added[key] = sums if known is None else tuple(map(operator.add, known, sums))

    def add_unverified(self, started_at: float, combination: Combination) -> None:
        """Note one call that is in no report."""
        key = (quarter_of(started_at), combination.id)
        self._unverified[key] = self._unverified.get(key, 0) + 1

    def write(self, transaction: Transaction, schema: str | None, *, may_be_folded: bool = False) -> None:
        """Add them to cube 0, and to the others where those have the quarter already.

        `may_be_folded`: calls of any age are looked at for that, not only those that began a while ago.
        """
        late = quarter_of(time.time()) - _LATE
        folded = 0
        if self._added and (may_be_folded or min(self._added)[0] < late):
            folded = _read_folded(transaction, schema)
        others = (0,) * (len(CUBE_SUMS) - 1)
        rows: dict[tuple[int, int, int], tuple[int, ...]] = {
            (UNVERIFIED, *key): (calls, *others) for key, calls in self._unverified.items()
        }
        for (quarter, combination), sums in self._added.items():
            if quarter >= folded:
                keys = [(0, quarter, combination.id)]
            else:
                keys = [(cube.id, cube.start_of(quarter), getattr(combination, FIELDS[cube.family])) for cube in CUBES]
            for key in keys:
                known = rows.get(key)
                rows[key] = sums if known is None else tuple(map(operator.add, known, sums))
        # In one order everywhere, so that two workers never wait for each other's rows in a circle.
        ordered = [(*key, *bounded_sums(sums)) for key, sums in sorted(rows.items())]
        for start in range(0, len(ordered), ROWS_PER_STATEMENT):
            part = ordered[start : start + ROWS_PER_STATEMENT]
            statement = _addition(transaction.placeholder, schema, len(part), transaction.least)
            transaction.execute(statement, list(chain.from_iterable(part)))


@lru_cache(maxsize=256)
def _addition(placeholder: str, schema: str | None, count: int, least: str) -> str:
    inserted = insertion("usage_cube", _COLUMNS, placeholder, schema, count)
    return inserted + addition("usage_cube", KEYS, CUBE_SUMS, least)


def _read_folded(transaction: Transaction, schema: str | None) -> int:
    """Read how far the cubes are folded, and keep everybody from folding before this transaction ends."""
    lock = "" if transaction.connection.dialect.name == "sqlite" else " FOR SHARE"
    query = f"SELECT value FROM {prefix(schema)}usage_progress WHERE name = '{FOLDED}'{lock}"  # noqa: S608
    found = transaction.execute(query)
    return int(found[0][0]) if found else 0


def quarter_of(moment: float) -> int:
    """The quarter of an hour that a time (seconds since the epoch) is in, as a number since the epoch."""
    return int(moment) // QUARTER


def start_of(span: Span, quarter: int) -> int:
    """The start of the span that a quarter is in."""
    if span == "quarter":
        return quarter
    if span == "hour":
        return quarter - quarter % 4
    return quarter - quarter % 96 if span == "day" else _month(quarter // 96)[0]


def end_of(span: Span, start: int) -> int:
    """The end (not included) of the span that begins at `start`."""
    if span == "month":
        return _month(start // 96)[1]
    return start + {"quarter": 1, "hour": 4, "day": 96}[span]


@lru_cache(maxsize=4096)
def _month(day: int) -> tuple[int, int]:
    first = datetime.fromtimestamp(day * 86_400, UTC).replace(day=1)
    next_month = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()) // QUARTER, int(next_month.timestamp()) // QUARTER
