"""Rolling budgets: what is used in the last hours or days.

A rolling budget counts twice, in the transaction of the row: in its total of all time, and in one total a slot (a
quarter of an hour, see `rules.periods`). What is used in the window is the total of all time without what has left the
window, and that stays the same for as long as the slot lasts. So the gate holds the total of all time, which only
grows, and raises the limit by what has left: reservations, Redis, several workers, a replay from the spool and a
restart need no rule of their own, and every worker comes to the same number, whenever it asks. A call counts in the
slot of its beginning, and those under way are reserved whichever slot it is.

What has left is the total without the slots of the window, read in one statement: a commit changes both or neither.
A row that is written only after its own slot has left the window (a spool that was replayed late) is in both, so it
counts as used for the minute in which the gate remembers what has left. Slots that have left are removed by and by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, case, delete, func, select

from openwebui_usage.ledger.database import sharing
from openwebui_usage.ledger.schema import ALL_TIME_KEY, usage_total
from openwebui_usage.rules.budgets import Budget, Counter
from openwebui_usage.rules.groups import SUM_FIELDS, Sums
from openwebui_usage.rules.periods import SLOT, free_at, rolling_slots, slot_of

_PREFIX = "slot "
_DIGITS = 9
_LAST = f"{_PREFIX}{'9' * _DIGITS}"
_SUBJECTS_PER_QUERY = 500
SLOTS_KEPT = 96
"""For which slots are kept that have left, so that a mark that use goes about is told once a day."""
_SLOTS_PER_STEP = 500


def slot_key(slot: int) -> str:
    """The period of a slot's total."""
    return f"{_PREFIX}{slot:0{_DIGITS}}"


def has_left(connection: Connection, counters: Iterable[Counter], now: datetime) -> dict[tuple[str, str], Sums]:
    """What rolling counters counted before their windows, by their keys. Others are left out."""
    return {(subject, ALL_TIME_KEY): sums for subject, sums in _sums(connection, counters, now).items()}


def in_windows(
    connection: Connection, found: Sequence[tuple[Counter, Sums]], now: datetime
) -> list[tuple[Counter, Sums]]:
    """Counters with their totals, of which rolling ones become what is used in their windows.

    The period of one whose limit is reached ends when there is room again.
    """
    left = _sums(connection, (counter for counter, _ in found), now)
    if not left:
        return list(found)
    return [
        (counter, sums)
        if rolling_slots(counter.budget.period) is None
        else _in_window(connection, counter, minus(sums, left.get(counter.subject, Sums())), now)
        for counter, sums in found
    ]


def until_free(connection: Connection, counter: Counter, now: datetime) -> Counter:
    """A rolling counter at its limit with a period that ends when there is room again."""
    budget = counter.budget
    length = rolling_slots(budget.period)
    if length is None or budget.limit is None:
        return counter
    slots = slot_sums(connection, counter, now)
    moment = free_at([(slot, budget.used(sums)) for slot, sums in slots], length, budget.limit)
    return replace(counter, period=replace(counter.period, ends_at=moment))


def slot_sums(connection: Connection, counter: Counter, now: datetime) -> list[tuple[int, Sums]]:
    """What each slot of a rolling counter's window counts, in order of time. Those that count nothing are left out."""
    first = slot_key(slot_of(now) - (rolling_slots(counter.budget.period) or 0))
    columns = (usage_total.c[name] for name in SUM_FIELDS)
    query = select(usage_total.c.period, *columns).where(
        usage_total.c.subject == counter.subject, usage_total.c.period.between(first, _LAST)
    )
    rows = connection.execute(query.order_by(usage_total.c.period))
    return [(int(period.removeprefix(_PREFIX)), Sums(*map(int, sums))) for period, *sums in rows]


def highest_of_late(connection: Connection, counter: Counter, now: datetime) -> int:
    """The most that a rolling counter's window held when the slots of the last day ended, in the budget's unit."""
    length, current = rolling_slots(counter.budget.period) or 0, slot_of(now)
    slots = dict(slot_sums(connection, counter, now - timedelta(seconds=SLOTS_KEPT * SLOT)))
    used = {slot: counter.budget.used(sums) for slot, sums in slots.items()}
    held = sum(amount for slot, amount in used.items() if current - SLOTS_KEPT - length <= slot <= current - SLOTS_KEPT)
    highest = held
    for slot in range(current - SLOTS_KEPT + 1, current):
        held += used.get(slot, 0) - used.get(slot - length - 1, 0)
        highest = max(highest, held)
    return highest


def minus(sums: Sums, others: Sums) -> Sums:
    """The difference, never below zero."""
    return Sums(*(max(0, getattr(sums, name) - getattr(others, name)) for name in SUM_FIELDS))


def remove_old_slots(engine: Engine, budgets: Iterable[Budget], now: datetime) -> bool:
    """Remove some totals of slots that have left their windows. Whether some may be left."""
    subject, period = usage_total.c.subject, usage_total.c.period
    for budget in budgets:
        length = rolling_slots(budget.period)
        if length is None:
            continue
        # By the key, as LIKE is not in SQLite: ";" follows ":".
        mine = (
            subject.between(budget.id, f"{budget.id};")
            if engine.dialect.name == "sqlite"
            else subject.startswith(budget.id, autoescape=True)
        )
        old = period.between(slot_key(0), slot_key(slot_of(now) - length - SLOTS_KEPT - 1))
        with engine.connect() as connection:
            keys = connection.execute(select(subject, period).where(mine, old).limit(_SLOTS_PER_STEP)).all()
        if keys:
            with sharing(engine) as connection:
                for one, slot in keys:
                    connection.execute(delete(usage_total).where(subject == one, period == slot))
            return True
    return False


def _in_window(connection: Connection, counter: Counter, sums: Sums, now: datetime) -> tuple[Counter, Sums]:
    limit = counter.budget.limit
    if limit is None or counter.budget.used(sums) < limit:
        return counter, sums
    return until_free(connection, counter, now), sums


def _sums(connection: Connection, counters: Iterable[Counter], now: datetime) -> Mapping[str, Sums]:
    """What has left the windows, by subject."""
    by_length: dict[int, set[str]] = defaultdict(set)
    for counter in counters:
        length = rolling_slots(counter.budget.period)
        if length is not None:
            by_length[length].add(counter.subject)
    found: dict[str, Sums] = {}
    for length, subjects in by_length.items():
        first, ordered = slot_key(slot_of(now) - length), sorted(subjects)
        is_all = usage_total.c.period == ALL_TIME_KEY
        sums = [func.sum(case((is_all, usage_total.c[name]), else_=-usage_total.c[name])) for name in SUM_FIELDS]
        query = (
            select(usage_total.c.subject, *sums)
            .where(is_all | usage_total.c.period.between(first, _LAST))
            .group_by(usage_total.c.subject)
        )
        for start in range(0, len(ordered), _SUBJECTS_PER_QUERY):
            part = query.where(usage_total.c.subject.in_(ordered[start : start + _SUBJECTS_PER_QUERY]))
            for subject, *numbers in connection.execute(part):
                found[subject] = Sums(*(max(0, int(number or 0)) for number in numbers))
    return found
