"""Which rows of which cubes a report reads: the fewest that make up its time exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from openwebui_usage.ledger.cubes import CUBES, FAMILIES, Cube, Family, end_of


class Stretch(NamedTuple):
    """Rows that begin from `start` to `end` (not included), in parts of `width` quarters; the first belongs to the
    report's part number `part`, the next to the next one.
    """

    start: int
    end: int
    part: int
    width: int


def family_of(columns: Iterable[str]) -> Family:
    """The family with the fewest rows of those that have these columns of `usage_combination`."""
    needed = set(columns)
    families: tuple[Family, ...] = ("by_model", "by_user")
    return next((family for family in families if needed <= FAMILIES[family]), "all")


def stretches(parts: Sequence[tuple[int, int, int]], family: Family, folded: int) -> dict[int, list[Stretch]]:
    """For each cube the rows to read. `parts` are start, end and number of each part of the time, in order.

    All cubes have what was before `folded`, cube 0 has the rest.
    """
    cubes = tuple(cube for cube in reversed(CUBES) if cube.family == family)
    if cubes[-1].span != "quarter":
        cubes += CUBES[:1]
    found: dict[int, list[Stretch]] = {}
    for start, end, part in parts:
        for cube, first, last in _cut(start, min(end, folded), cubes):
            _put(found.setdefault(cube.id, []), Stretch(first, last, part, last - first))
        if end > folded:
            first = max(start, folded)
            _put(found.setdefault(0, []), Stretch(first, end, part, end - first))
    return found


def runs(parts: Sequence[tuple[int, int, int]]) -> list[Stretch]:
    """Whole parts, for tables that only know quarters of an hour."""
    found: list[Stretch] = []
    for start, end, part in parts:
        _put(found, Stretch(start, end, part, end - start))
    return found


def _cut(start: int, end: int, cubes: Sequence[Cube]) -> Iterator[tuple[Cube, int, int]]:
    """Whole spans, each from the first of `cubes` that has it: they go from long spans to quarters of an hour."""
    if start >= end:
        return
    cube, finer = cubes[0], cubes[1:]
    if not finer:
        yield cube, start, end
        return
    first, last = cube.start_of(start), cube.start_of(end)
    if first < start:
        first = end_of(cube.span, first)
    if first >= last:
        yield from _cut(start, end, finer)
        return
    yield from _cut(start, first, finer)
    yield cube, first, last
    yield from _cut(last, end, finer)


def _put(found: list[Stretch], new: Stretch) -> None:
    """Parts of one length that follow each other are one stretch: a year of hours is a single range of rows."""
    if found:
        last = found[-1]
        parts = (last.end - last.start) // last.width
        if (new.start, new.width, new.part) == (last.end, last.width, last.part + parts):
            found[-1] = last._replace(end=new.end)
            return
    found.append(new)
