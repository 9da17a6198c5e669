"""Sums for reports: which there are, and how calls get into them.

Cube 0 has what calls come to per quarter of an hour and combination of all dimensions; a commit adds to it in the same
transaction as the rows. All current offsets of time zones are multiples of a quarter, so any day of any zone is made of
whole ones. The other cubes have the same for longer spans or fewer dimensions: once a quarter is over for
`FOLD_AFTER` it is folded, which adds it to all of them. A row that comes later than that (a long call, a replay from
the spool) is added to all cubes at once, in its own transaction. So at any moment every cube is exact up to its `mark`,
and cube 0 is exact altogether.

Cubes that a version adds have a mark of their own. It begins at nothing, so the quarters of a ledger that was there
before are folded into them in the background, from the first one on.
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

Family = Literal["all", "by_model", "by_user", "models", "users", "teams", "team_models"]

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
    "models": frozenset(("model", "called_model", "connection", "outcome", "groups")),
    "users": frozenset(("user", "outcome")),
    "teams": frozenset(("user_groups", "outcome")),
    "team_models": frozenset(("user_groups", "model", "outcome")),
}
"""The dimensions that a family's combinations have; the others are 0 in them.

All have the outcome, which tells errors. Most models have one base, one connection and one set of usage groups, so
`models` has hardly more combinations than there are models.
"""


class Combination(NamedTuple):
    """The number of a combination of all dimensions, and of those of fewer that it is part of."""

    id: int
    by_model: int
    by_user: int
    models: int
    users: int
    teams: int
    team_models: int


REDUCED: tuple[Family, ...] = ("by_model", "by_user", "models", "users", "teams", "team_models")
"""The families of fewer dimensions, in the order of a combination's numbers."""
FIELDS: Mapping[Family, str] = {"all": "id", **{family: family for family in REDUCED}}
"""The field of `Combination` that has the number for each family."""

Span = Literal["quarter", "hour", "day", "third", "month", "year"]
"""Spans of time in UTC. The thirds of a month begin on its 1st, 11th and 21st."""
FOLDED = "folded"
"""The name in `usage_progress` of the quarter up to which all quarters are in the cubes of the first version."""
FOLDED_MORE = "folded_more"
"""The same of the cubes that came later. Never after `FOLDED`."""
MARKS = (FOLDED, FOLDED_MORE)


@dataclass(frozen=True, slots=True)
class Cube:
    """One of the sums: for each `span` and each combination of the `family`."""

    id: int
    family: Family
    span: Span
    mark: str = FOLDED
    """The name in `usage_progress` of the quarter up to which all quarters are in it."""

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
    Cube(9, "models", "hour", FOLDED_MORE),
    Cube(10, "models", "day", FOLDED_MORE),
    Cube(11, "users", "third", FOLDED_MORE),
    Cube(12, "users", "month", FOLDED_MORE),
    Cube(13, "users", "year", FOLDED_MORE),
    Cube(14, "all", "third", FOLDED_MORE),
    Cube(15, "all", "year", FOLDED_MORE),
    Cube(16, "by_user", "year", FOLDED_MORE),
    Cube(17, "teams", "hour", FOLDED_MORE),
    Cube(18, "teams", "day", FOLDED_MORE),
    Cube(19, "teams", "month", FOLDED_MORE),
    Cube(20, "team_models", "hour", FOLDED_MORE),
    Cube(21, "team_models", "day", FOLDED_MORE),
    Cube(22, "team_models", "month", FOLDED_MORE),
)


UNVERIFIED = -1
"""The cube of calls that are in no report: it has their number per quarter of an hour and combination of all
dimensions, so that the list of calls finds them. It is not folded.
"""


class Marks(NamedTuple):
    """How far the cubes of each mark are folded."""

    folded: int = 0
    folded_more: int = 0

    def of(self, cube: Cube) -> int:
        """How far one is."""
        return self[MARKS.index(cube.mark)]


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
        marks = Marks()
        if self._added and (may_be_folded or min(self._added)[0] < late):
            marks = _read_marks(transaction, schema)
        others = (0,) * (len(CUBE_SUMS) - 1)
        rows: dict[tuple[int, int, int], tuple[int, ...]] = {
            (UNVERIFIED, *key): (calls, *others) for key, calls in self._unverified.items()
        }
        for (quarter, combination), sums in self._added.items():
            if quarter >= max(marks):
                keys = [(0, quarter, combination.id)]
            else:
                keys = [
                    (cube.id, cube.start_of(quarter), getattr(combination, FIELDS[cube.family]))
                    for cube in CUBES
                    if cube.id == 0 or quarter < marks.of(cube)
                ]
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


def _read_marks(transaction: Transaction, schema: str | None) -> Marks:
    """Read how far the cubes are folded, and keep everybody from folding before this transaction ends."""
    lock = "" if transaction.connection.dialect.name == "sqlite" else " ORDER BY name FOR SHARE"
    names = ", ".join(f"'{name}'" for name in MARKS)
    query = f"SELECT name, value FROM {prefix(schema)}usage_progress WHERE name IN ({names}){lock}"  # noqa: S608
    return marks_of(dict(transaction.execute(query)))


def marks_of(progress: Mapping[str, str]) -> Marks:
    """The marks in what `usage_progress` says."""
    return Marks(*(int(progress.get(name, 0)) for name in MARKS))


def quarter_of(moment: float) -> int:
    """The quarter of an hour that a time (seconds since the epoch) is in, as a number since the epoch."""
    return int(moment) // QUARTER


def start_of(span: Span, quarter: int) -> int:
    """The start of the span that a quarter is in."""
    if span == "quarter":
        return quarter
    if span == "hour":
        return quarter - quarter % 4
    if span == "day":
        return quarter - quarter % 96
    return _calendar(span, quarter // 96)[0]


def end_of(span: Span, start: int) -> int:
    """The end (not included) of the span that begins at `start`."""
    if span == "quarter":
        return start + 1
    if span == "hour":
        return start + 4
    return start + 96 if span == "day" else _calendar(span, start // 96)[1]


@lru_cache(maxsize=8192)
def _calendar(span: Span, day: int) -> tuple[int, int]:
    """Where the third, month or year that a day is in begins and ends."""
    moment = datetime.fromtimestamp(day * 86_400, UTC)
    first = moment.replace(day=1, month=1 if span == "year" else moment.month)
    if span == "year":
        following = first.replace(year=first.year + 1)
    else:
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    if span == "third":
        number = min(2, (moment.day - 1) // 10)
        first, following = (
            first.replace(day=number * 10 + 1),
            following if number == 2 else first.replace(day=number * 10 + 11),
        )
    return int(first.timestamp()) // QUARTER, int(following.timestamp()) // QUARTER
