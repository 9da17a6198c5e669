"""What each chat of one user came to: read from the rows, because sums know no chats.

Cube 0 tells in which quarters of an hour the user had calls at all, and only the ids of those are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, text

from openwebui_usage.ledger.call_log import EDGE
from openwebui_usage.ledger.cubes import QUARTER, UNVERIFIED
from openwebui_usage.ledger.database import reading
from openwebui_usage.ledger.report_query import ReportSums
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.statements import prefix

_RANGES = 32
"""Of ids that one statement reads."""
_SUMS = (
    "input",
    "cached_input",
    "cache_write",
    "completion",
    "reasoning",
    "output",
    "cost_nano",
    "cost_input",
    "cost_cached",
    "cost_cache_write",
    "cost_output",
)


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """One chat: all calls that were made for it, its title and other tasks included."""

    chat_id: str
    sums: ReportSums
    """Without what was refused, which belongs to no chat."""
    last_at: float
    """When its last call began, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class UserChats:
    """The chats of one user in a stretch of time."""

    chats: tuple[ChatUsage, ...]
    """The most expensive first, then those with the most tokens."""
    unverified_calls: int
    """Calls that only the browser saw. They are in no chat and no report."""


class Chats:
    """Of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what is written as text."""
        self._engine = engine
        self._prefix = prefix(schema)

    def of_user(self, user_id: str, start: int, end: int, most: int) -> UserChats:
        """At most `most` chats with calls from `start` to `end` (not included), in quarters of an hour since the epoch.

        Rows that retention has removed are no longer known.
        """
        found: dict[str, tuple[ReportSums, float]] = {}
        unverified = 0
        with reading(self._engine) as connection:
            number = Values(connection).number("user", user_id)
            if number is not None:
                for ranges in _batches(_ranges(self._quarters(connection, number, start, end))):
                    self._add(connection, found, user_id, ranges, start, end)
                unverified = self._unverified(connection, number, start, end)
        chats = [ChatUsage(chat_id, sums, last_at) for chat_id, (sums, last_at) in found.items()]
        chats.sort(key=lambda chat: (chat.sums.rank, chat.chat_id), reverse=True)
        return UserChats(tuple(chats[:most]), unverified)

    def _quarters(self, connection: Connection, user: int, start: int, end: int) -> list[int]:
        """Those in which the user has calls, in order."""
        statement = text(
            f"SELECT DISTINCT u.start FROM {self._prefix}usage_combination c "  # noqa: S608
            f'CROSS JOIN {self._prefix}usage_cube u WHERE c."user" = :user AND u.cube = 0 '
            f"AND u.combination = c.id AND u.start >= :start AND u.start < :end ORDER BY u.start"
        )
        return list(connection.execute(statement, {"user": user, "start": start, "end": end}).scalars())

    def _add(
        self,
        connection: Connection,
        found: dict[str, tuple[ReportSums, float]],
        user_id: str,
        ranges: Sequence[tuple[str, str]],
        start: int,
        end: int,
    ) -> None:
        within = " OR ".join(f"(r.id >= :low{n} AND r.id < :high{n})" for n in range(len(ranges)))
        sums = ", ".join(f"SUM(r.{name})" for name in _SUMS)
        errors_sum = _count("r.outcome = 'error'")
        statement = text(
            f"SELECT r.chat_id, MAX(r.started_at), COUNT(*), {_count('r.estimated')}, "  # noqa: S608
            f"{_count('r.cost_nano IS NULL')}, {errors_sum}, {sums} "
            f"FROM {self._prefix}usage_call r WHERE ({within}) AND r.user_id = :user AND r.chat_id IS NOT NULL "
            f"AND NOT r.unverified AND r.started_at >= :start AND r.started_at < :end GROUP BY r.chat_id"
        )
        bounds: dict[str, Any] = {"user": user_id, "start": start * QUARTER, "end": end * QUARTER}
        for n, (low, high) in enumerate(ranges):
            bounds |= {f"low{n}": low, f"high{n}": high}
        for chat_id, last_at, calls, estimated, unpriced, errors, *values in connection.execute(statement, bounds):
            before, last_before = found.get(chat_id, (ReportSums(), 0.0))
            counts = {"calls": calls, "estimated_calls": estimated, "unpriced_calls": unpriced, "errors": errors}
            counts |= dict(zip(_SUMS, values, strict=True))
            added = {name: getattr(before, name) + int(value or 0) for name, value in counts.items()}
            found[chat_id] = (ReportSums(**added), max(last_before, last_at))

    def _unverified(self, connection: Connection, user: int, start: int, end: int) -> int:
        statement = text(
            f"SELECT SUM(u.calls) FROM {self._prefix}usage_combination c "  # noqa: S608
            f'CROSS JOIN {self._prefix}usage_cube u WHERE c."user" = :user AND u.cube = {UNVERIFIED} '
            f"AND u.combination = c.id AND u.start >= :start AND u.start < :end"
        )
        return int(connection.execute(statement, {"user": user, "start": start, "end": end}).scalar() or 0)


def _count(condition: str) -> str:
    return f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)"


def _ranges(quarters: Iterable[int]) -> Iterator[tuple[str, str]]:
    """Ranges of ids, which overlap nowhere: quarters that follow each other are one."""
    first = last = None
    for quarter in quarters:
        if last is not None and quarter == last + 1:
            last = quarter
            continue
        if first is not None and last is not None:
            yield _bounds(first, last)
        first = last = quarter
    if first is not None and last is not None:
        yield _bounds(first, last)


def _bounds(first: int, last: int) -> tuple[str, str]:
    return id_at(first * QUARTER - EDGE), id_at((last + 1) * QUARTER)


def _batches(ranges: Iterator[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    while batch := list(islice(ranges, _RANGES)):
        yield batch
