"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]
"""`warn`: somebody should look at it, but calls are counted and limited."""


@dataclass(frozen=True, slots=True)
class Check:
    """How one thing is, in words."""

    id: str
    """The same in all versions."""
    state: State
    text: str
    """One or two sentences."""
    mend: str | None = None
    """What to do, where there is something to do."""


def ok(id_: str, text: str) -> Check:
    """It works."""
    return Check(id_, "ok", text)


def warn(id_: str, text: str, mend: str) -> Check:
    """Somebody should look at it."""
    return Check(id_, "warn", text, mend)


def fail(id_: str, text: str, mend: str) -> Check:
    """It does not work."""
    return Check(id_, "fail", text, mend)


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
