"""What changes in a check's sentence: as English writes it, and raw, for those who put it into another language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Raw = str | int | float | Mapping[str, str] | Mapping[str, int]
"""Strings are names, texts of others and times (ISO 8601, UTC); what a number counts, the name of its value tells."""

_GIGABYTE = 10**9
_MEGABYTE = 10**6
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Value:
    """One of them."""

    raw: Raw
    english: str

    def __str__(self) -> str:
        """What stands in the English sentence."""
        return self.english


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def count(number: int, one: str, several: str | None = None) -> Value:
    """How many of something there are, with the noun that English needs."""
    return Value(number, counted(number, one, several))


def figure(number: float, english: str) -> Value:
    """A number in the unit that its name tells; `english` is how to write it: `{:,.0f} seconds`."""
    return Value(number, english.format(number))


def size(number: int) -> Value:
    """Bytes."""
    large = number >= _GIGABYTE
    return Value(number, f"{number / _GIGABYTE:,.1f} GB" if large else f"{number / _MEGABYTE:,.1f} MB")


def time(moment: datetime | float, spec: str = "%Y-%m-%d %H:%M UTC") -> Value:
    """A moment, to the second; a number is in seconds since the epoch."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    moment = moment.astimezone(UTC).replace(microsecond=0)
    return Value(moment.isoformat().replace("+00:00", "Z"), format(moment, spec))


def some(names: Sequence[str]) -> Value:
    """The first of some names. The sentence goes on with the `rest` of them."""
    told = ", ".join(names[:_MOST_NAMES])
    return Value(told, told)


def some_counted(numbers: Mapping[str, int], one: str) -> Value:
    """The same of names with a number each: `a (1 call), b (2 calls)`."""
    first = dict(list(numbers.items())[:_MOST_NAMES])
    return Value(first, ", ".join(f"{name} ({counted(number, one)})" for name, number in first.items()))


def rest(names: Sequence[str] | Mapping[str, int]) -> Value:
    """How many more names there are than are told: ` and 2 more`, or nothing."""
    more = max(0, len(names) - _MOST_NAMES)
    return Value(more, f" and {more:,} more" if more else "")


def times(numbers: Mapping[str, int]) -> Value:
    """How often each of these came: `a (1 time); b (2 times)`."""
    return Value(dict(numbers), "; ".join(f"{what} ({counted(often, 'time')})" for what, often in numbers.items()))
