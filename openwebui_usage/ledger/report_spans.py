"""Which rows of which cubes a report reads: the fewest that make up its time exactly.

Rows of a longer span may be taken with the rest of that span taken away again: a day of Berlin is a day of UTC, with
the two hours before it and without its own last two.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from openwebui_usage.ledger.cubes import CUBES, FAMILIES, FOLDED, Cube, Family, Marks, Span, end_of

_SPANS: tuple[Span, ...] = ("quarter", "hour", "day", "third", "month", "year")
_LONGEST: dict[Span, int] = {"year": 366 * 96, "month": 31 * 96, "third": 11 * 96, "day": 96, "hour": 4, "quarter": 1}
"""In quarters."""
_COMBINATIONS: dict[Family, int] = {
    "models": 30,
    "teams": 200,
    "by_model": 90,
    "team_models": 600,
    "users": 5000,
    "by_user": 10_000,
    "all": 15_000,
}
_CALLS = 300
"""A large ledger as an example: how many combinations are in use, and how many calls a quarter has. Only what is quick
depends on it.
"""


class Stretch(NamedTuple):
    """Rows of a cube that begin from `start` to `end` (not included), in parts of `width` quarters; the first belongs
    to the report's part number `part`, the next to the next one. `sign` is 1, or -1 where they are taken away.
    """

    cube: int
    start: int
    end: int
    part: int
    width: int
    sign: int = 1


class _Piece(NamedTuple):
    """Rows of a cube for one part."""

    cube: Cube
    start: int
    end: int
    sign: int


class _Covered(NamedTuple):
    """What covers a time, and about how many rows that is."""

    cost: float
    pieces: tuple[_Piece, ...] = ()


_NOTHING = _Covered(0)


def stretches(parts: Sequence[tuple[int, int, int]], columns: Collection[str], marks: Marks) -> list[Stretch]:
    """The rows to read for sums by some `columns` of `usage_combination`, in order of the cubes.

    `parts` are start, end and number of each part of the time, in order.
    """
    cover = _Cover(_cubes_for(frozenset(columns), marks), marks.folded)
    found: dict[tuple[int, int], list[Stretch]] = {}
    for start, end, part in parts:
        for cube, first, last, sign in cover.pieces(start, end):
            _put(found.setdefault((cube.id, sign), []), Stretch(cube.id, first, last, part, last - first, sign))
    return [stretch for key in sorted(found) for stretch in found[key]]


def runs(parts: Sequence[tuple[int, int, int]]) -> list[Stretch]:
    """Whole parts, for tables that only know quarters of an hour."""
    found: list[Stretch] = []
    for start, end, part in parts:
        _put(found, Stretch(0, start, end, part, end - start))
    return found


def _cubes_for(needed: frozenset[str], marks: Marks) -> tuple[Cube, ...]:
    """The cubes that have these columns: of each span the smallest one, from long spans to quarters of an hour."""
    # While a newer version still fills its cubes, those of the older one answer alone.
    usable = [cube for cube in CUBES if cube.mark == FOLDED or marks.folded_more == marks.folded]
    found: list[Cube] = []
    for span in _SPANS:
        fitting = [cube for cube in usable if cube.span == span and needed <= FAMILIES[cube.family]]
        cube = min(fitting, key=_rows, default=None)
        if cube is None:
            continue
        # A long span of many dimensions may have more rows than its parts have with fewer.
        if not found or _rows(cube) < _rows(found[-1]) * _LONGEST[span] / _LONGEST[found[-1].span]:
            found.append(cube)
    return tuple(reversed(found))


def _rows(cube: Cube) -> float:
    """About how many there are for one span: all combinations, or as many as had calls within it."""
    combinations, calls = _COMBINATIONS[cube.family], _CALLS * _LONGEST[cube.span]
    return combinations * (1 - math.exp(-calls / combinations))


class _Cover:
    """Covers times with rows of some cubes."""

    def __init__(self, cubes: Sequence[Cube], folded: int) -> None:
        """All cubes have what was before `folded`, cube 0 has the rest."""
        self._cubes = cubes
        self._folded = folded
        self._rows = [_rows(cube) for cube in cubes]
        self._lengths = [_LONGEST[cube.span] for cube in cubes]
        self._known: dict[tuple[int, int, int], _Covered] = {}

    def pieces(self, start: int, end: int) -> Iterator[_Piece]:
        """What covers the time from `start` to `end`."""
        folded = min(end, self._folded)
        if start < folded:
            # A span that is much longer has more to take away than to give.
            levels = range(len(self._cubes))
            first = next((level for level in levels if self._lengths[level] < 2 * (folded - start)), levels[-1])
            yield from self._cover(start, folded, first).pieces
        if end > self._folded:
            yield _Piece(CUBES[0], max(start, self._folded), end, 1)

    def _cover(self, start: int, end: int, level: int) -> _Covered:
        """The cheapest of all ways to take spans of this level, or none, and to cover what is left or too much."""
        end = min(end, self._folded)
        if start >= end:
            return _NOTHING
        cube = self._cubes[level]
        if level + 1 == len(self._cubes):
            return _Covered((end - start) * self._rows[level], (_Piece(cube, start, end, 1),))
        key = (start, end, level)
        if key not in self._known:
            self._known[key] = self._cheapest(start, end, level)
        return self._known[key]

    def _cheapest(self, start: int, end: int, level: int) -> _Covered:
        cube, finer = self._cubes[level], level + 1
        before, within = cube.start_of(start), cube.start_of(end)
        after = within if within == end else end_of(cube.span, within)
        best = self._cover(start, end, finer) if before < start or end < after else None
        for first in {before, before if before == start else end_of(cube.span, before)}:
            for last in {within, after}:
                if first >= last:
                    continue
                count = max(1, round((last - first) / self._lengths[level]))
                whole = _Covered(count * self._rows[level], (_Piece(cube, first, last, 1),))
                found = _sum(whole, self._difference(first, start, finer), self._difference(end, last, finer))
                if best is None or found.cost < best.cost:
                    best = found
        return best or _NOTHING

    def _difference(self, start: int, end: int, level: int) -> _Covered:
        """What was added from `start` to `end` is taken away; where `end` is before `start`, what is there is added."""
        if end <= start:
            return self._cover(end, start, level)
        found = self._cover(start, end, level)
        return _Covered(found.cost, tuple(piece._replace(sign=-piece.sign) for piece in found.pieces))


def _sum(*found: _Covered) -> _Covered:
    return _Covered(sum(each.cost for each in found), tuple(piece for each in found for piece in each.pieces))


def _put(found: list[Stretch], new: Stretch) -> None:
    """Parts of one length that follow each other are one stretch: a year of hours is a single range of rows."""
    if found:
        last = found[-1]
        parts = (last.end - last.start) // last.width
        if (new.start, new.width, new.part) == (last.end, last.width, last.part + parts):
            found[-1] = last._replace(end=new.end)
            return
    found.append(new)
