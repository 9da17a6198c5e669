"""Forecasts: when each limit will be reached, from what is used now and what the cubes say of the days before.

A past day counts what the limit would have counted as it is defined now, even if it did not exist then: a new budget
for models that are in use has a pace at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Connection, Engine, select

from openwebui_usage.ledger.combinations import full_key, members_of
from openwebui_usage.ledger.credits import raised, read_allowances
from openwebui_usage.ledger.cubes import quarter_of
from openwebui_usage.ledger.database import reading
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.ended_credit import UsedUntil
from openwebui_usage.ledger.folding import read_marks
from openwebui_usage.ledger.report_query import Named
from openwebui_usage.ledger.report_spans import stretches
from openwebui_usage.ledger.report_sums import Grouping, SumReader
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.roles import read_roles, users_with_role
from openwebui_usage.ledger.rolling import has_left, in_windows, slot_sums
from openwebui_usage.ledger.schema import CUBE_SUMS, usage_budget, usage_combination, usage_dimension, usage_group
from openwebui_usage.ledger.totals import read_totals
from openwebui_usage.rules.budgets import Budget, Counter, Subject, budget_of_group, subject_of
from openwebui_usage.rules.forecast import MOST_DAYS, Forecast, days_before, forecast, rolling_forecast
from openwebui_usage.rules.groups import Group, Sums
from openwebui_usage.rules.periods import rolling_slots
from openwebui_usage.rules.rates import is_rate

MOST_USERS = 10
"""How many users a budget that counts them separately is forecast for: those who used the most of it."""
_FEW_USERS = 50

_Days = list[Sums]
"""The sums of each of the `MOST_DAYS` days before today, the latest last."""


@dataclass(frozen=True, slots=True)
class LimitForecast:
    """What is to be expected of one limit of one period."""

    kind: Literal["group", "budget"]
    counter: Counter
    user: Named | None
    """Whose sum it is; None where it is shared."""
    used: int
    """In the budget's unit, in the current period."""
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class UnlimitedUse:
    """What is used of a budget that has no limit, in the current period."""

    counter: Counter
    user: Named | None
    """Whose sum it is; None where it is shared."""
    used: int
    """In the budget's unit."""


class _Target(NamedTuple):
    kind: Literal["group", "budget"]
    counter: Counter
    user: str | None = None
    """Whose sum it is."""
    caller: Subject = Subject()
    """Whose credit it may use."""


class Forecasts:
    """Forecasts on one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None, used_until: UsedUntil) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema
        self._used_until = used_until

    def of_all(self, definitions: Definitions, now: datetime) -> list[LimitForecast]:
        """A forecast for every limit, in the order in which they will be reached.

        A budget that counts users separately has one for each of the `MOST_USERS` who used the most.
        """
        with reading(self._engine) as connection:
            users = _users(connection)
            targets = list(_groups(definitions.groups, definitions, now))
            for budget in definitions.budgets:
                if is_rate(budget):
                    continue
                if budget.scope.is_shared:
                    targets.append(_shared(budget, definitions, now))
                elif budget.least_limit is not None:
                    targets += _greatest(connection, users, budget, definitions, now)
            return self._answer(connection, users, targets, definitions, now)

    def without_limit(self, definitions: Definitions, now: datetime) -> list[UnlimitedUse]:
        """What is used of each budget that has no limit; where it counts users separately, by whoever used the most."""
        with reading(self._engine) as connection:
            users = _users(connection)
            targets: list[_Target] = []
            for budget in definitions.budgets:
                if is_rate(budget) or budget.least_limit is not None:
                    continue
                if budget.scope.is_shared:
                    targets.append(_shared(budget, definitions, now))
                else:
                    targets += _greatest(connection, users, budget, definitions, now)[:1]
            totals = read_totals(connection, [target.counter.key for target in targets])
            sums = [(target.counter, totals.get(target.counter.key, Sums())) for target in targets]
            return [
                UnlimitedUse(counter, _named(target.user, users), counter.budget.used(found))
                for target, (counter, found) in zip(targets, in_windows(connection, sums, now), strict=True)
            ]

    def of_caller(
        self,
        caller: Subject,
        groups: Iterable[Group],
        budgets: Iterable[Budget],
        definitions: Definitions,
        now: datetime,
    ) -> list[LimitForecast]:
        """The limits of some groups, and of those of some budgets that bind the caller."""
        targets = list(_groups(groups, definitions, now))
        for budget in budgets:
            if budget.scope.binds(caller) and not is_rate(budget):
                counter = Counter(
                    budget.for_caller(caller), subject_of(budget, caller), definitions.period(budget, now)
                )
                is_own = budget.scope.kind == "user" or not budget.scope.is_shared
                targets.append(_Target("budget", counter, caller.user_id if is_own else None, caller))
        with reading(self._engine) as connection:
            return self._answer(connection, _users(connection), targets, definitions, now)

    def _answer(
        self,
        connection: Connection,
        users: Mapping[str, _User],
        targets: Iterable[_Target],
        definitions: Definitions,
        now: datetime,
    ) -> list[LimitForecast]:
        limited = [target for target in targets if target.counter.budget.limit is not None]
        asked = [(target.counter, target.caller) for target in limited]
        given = read_allowances(connection, definitions, asked, self._used_until)
        limited = [
            target._replace(counter=raised(target.counter, extra, now))
            for target, extra in zip(limited, given, strict=True)
        ]
        totals = read_totals(connection, [target.counter.key for target in limited])
        created = _created(connection)
        history = _History(connection, self._schema, limited, users, definitions.groups, now)
        standing = in_windows(
            connection, [(target.counter, totals.get(target.counter.key, Sums())) for target in limited], now
        )
        found = []
        for target, (counter, sums) in zip(limited, standing, strict=True):
            budget, used = counter.budget, counter.budget.used(sums)
            days = [budget.used(sums) for sums in history.days(target, created.get(budget.id, now.timestamp()))]
            length, limit = rolling_slots(budget.period), budget.limit or 0
            if length is None:
                expected = forecast(days, used, limit, counter.period, budget.timezone, now)
            else:
                slots = [(slot, budget.used(of_slot)) for slot, of_slot in slot_sums(connection, counter, now)]
                expected = rolling_forecast(days, slots, length, limit, budget.timezone, now)
            found.append(LimitForecast(target.kind, counter, _named(target.user, users), used, expected))
        return sorted(found, key=_soonest)


def _soonest(found: LimitForecast) -> tuple[float, float, str]:
    at, limit = found.forecast.reached_at, found.counter.budget.limit or 0
    return (at.timestamp() if at else float("inf"), -found.used / max(1, limit), found.counter.budget.name)


def _named(user: str | None, users: Mapping[str, _User]) -> Named | None:
    if user is None:
        return None
    return Named(user, (user in users and users[user].name) or user)


def _groups(groups: Iterable[Group], definitions: Definitions, now: datetime) -> Iterator[_Target]:
    for group in groups:
        budget = budget_of_group(group)
        yield _Target("group", Counter(budget, budget.id, definitions.period(budget, now)))


def _shared(budget: Budget, definitions: Definitions, now: datetime) -> _Target:
    counter = Counter(budget, budget.id, definitions.period(budget, now))
    return _Target("budget", counter, budget.scope.id if budget.scope.kind == "user" else None)


def _greatest(
    connection: Connection, users: Mapping[str, _User], budget: Budget, definitions: Definitions, now: datetime
) -> list[_Target]:
    """Those who used the most of a budget that counts users separately."""
    period = definitions.period(budget, now)
    subjects = {subject_of(budget, Subject(user)): user for user in users}
    totals = read_totals(connection, [(subject, period.key) for subject in subjects])
    left = has_left(connection, [Counter(budget, subject, period) for subject, _ in totals], now)
    used = sorted(
        ((budget.used(sums) - budget.used(left.get(key, Sums())), key[0]) for key, sums in totals.items()), reverse=True
    )
    greatest = [subject for amount, subject in used[:MOST_USERS] if amount]
    callers = _callers(connection, {user: users[user] for user in map(subjects.__getitem__, greatest)})
    found = []
    for subject in greatest:
        user = subjects[subject]
        counter = Counter(budget.for_caller(callers[user]), subject, period)
        found.append(_Target("budget", counter, user, callers[user]))
    return found


def _callers(connection: Connection, users: Mapping[str, _User]) -> dict[str, Subject]:
    """Users as budgets see them: with the user groups and the role that they had at last."""
    roles, combination, dimension = read_roles(connection, users), usage_combination.c, usage_dimension.c
    callers = {}
    for id_, user in users.items():
        sets = usage_combination.join(usage_dimension, combination.user_groups == dimension.id, isouter=True)
        query = select(dimension.key, dimension.name).select_from(sets)
        query = query.where(combination.user == user.number, combination.model > 0)
        latest = connection.execute(query.order_by(combination.id.desc()).limit(1)).first()
        groups = () if latest is None or latest.key is None else members_of(latest.key, latest.name)
        callers[id_] = Subject(id_, frozenset(groups), roles.get(id_))
    return callers


def _created(connection: Connection) -> dict[str, float]:
    """When each group and budget was created, by its id."""
    return {
        row.id: row.created_at
        for table in (usage_group, usage_budget)
        for row in connection.execute(select(table.c.id, table.c.created_at))
    }


class _User(NamedTuple):
    """Somebody who ever called."""

    number: int
    name: str | None


def _users(connection: Connection) -> dict[str, _User]:
    """By id."""
    dimension = usage_dimension.c
    query = select(dimension.key, dimension.id, dimension.name).where(dimension.kind == "user")
    return {key: _User(number, name) for key, number, name in connection.execute(query)}


class _History:
    """What was used on each of the last days, by all that decides whether a limit counts it."""

    def __init__(
        self,
        connection: Connection,
        schema: str | None,
        targets: Sequence[_Target],
        users: Mapping[str, _User],
        groups: tuple[Group, ...],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._users = users
        self._groups = groups
        self._now = now
        self._values = Values(connection)
        self._sums = SumReader(connection, schema, None)
        self._marks = read_marks(connection)
        self._starts: dict[str, list[tuple[datetime, datetime]]] = {}
        self._rows: dict[tuple[str, object], list[tuple[_Place, _Days]]] = {}
        self._read_all(targets)

    def days(self, target: _Target, created_at: float) -> _Days:
        """The days since something was counted: since the limit was made, or the first call that it would count."""
        budget = target.counter.budget
        days = [Sums()] * MOST_DAYS
        covered: dict[tuple[str, str], bool] = {}
        for place, sums in self._rows.get((budget.timezone, _source(target)), ()):
            models = (place.model, place.called_model)
            if models not in covered:
                covered[models] = budget.covers(models, self._groups)
            # Members of a user group together: whoever they are, they are somebody. Roles were looked at before.
            caller = Subject(target.user or "", place.user_groups, budget.scope.id if budget.scope.is_of_role else None)
            if covered[models] and budget.scope.binds(caller):
                days = [_plus(one, other) for one, other in zip(days, sums, strict=True)]
        starts = [start.timestamp() for start, _ in self._starts[budget.timezone]]
        known = next((number for number, start in enumerate(starts) if start >= created_at), MOST_DAYS)
        used = next((number for number, sums in enumerate(days) if sums.calls), MOST_DAYS)
        return days[min(known, used) :]

    def _read_all(self, targets: Sequence[_Target]) -> None:
        wanted: dict[str, set[object]] = defaultdict(set)
        for target in targets:
            wanted[target.counter.budget.timezone].add(_source(target))
        for timezone, sources in wanted.items():
            self._starts[timezone] = days_before(self._now, timezone)
            if None in sources:
                self._read(timezone, ("model", "called_model"), "", None)
            users = {source for source in sources if isinstance(source, str)}
            if users:
                numbers = [self._users[user].number for user in users if user in self._users]
                self._read(timezone, ("user", "user_groups", "model", "called_model"), _one_of("user", numbers), users)
            for source in sources:
                if isinstance(source, _Members):
                    sets = self._values.sets("user_group", [source.user_group])
                    columns = ("user_groups", "model", "called_model")
                    self._read(timezone, columns, _one_of("user_groups", sets), source)
                elif isinstance(source, _WithRole):
                    having = users_with_role(self._connection, source.role)
                    self._read(timezone, ("user", "model", "called_model"), _one_of("user", having), source)

    def _read(self, timezone: str, columns: Sequence[str], condition: str | None, source: object) -> None:
        """`source` is what `_source` says, or the users."""
        if condition is None:
            return
        parts = [
            (quarter_of(start.timestamp()), quarter_of(end.timestamp()), number)
            for number, (start, end) in enumerate(self._starts[timezone])
        ]
        rows: dict[tuple[int, ...], list[list[int]]] = {}
        grouping = Grouping(columns)
        users_first = condition.startswith('c."user"') and condition.count(",") < _FEW_USERS
        read = stretches(parts, columns, self._marks)
        for part, numbers, sums in self._sums.of_cubes(read, grouping, condition, users_first=users_first):
            days = rows.setdefault(numbers, [[0] * len(CUBE_SUMS) for _ in range(MOST_DAYS)])
            days[part] = [one + other for one, other in zip(days[part], sums, strict=False)]
        keys = self._keys({number for numbers in rows for number in numbers if number})
        for numbers, days in rows.items():
            texts = dict(zip(columns, (keys.get(number) for number in numbers), strict=True))
            place = _Place(
                texts["model"] or "",
                texts["called_model"] or "",
                texts.get("user"),
                frozenset((texts.get("user_groups") or "").split()),
            )
            key = place.user if isinstance(source, set) else source
            self._rows.setdefault((timezone, key), []).append((place, [_sums(day) for day in days]))

    def _keys(self, numbers: Collection[int]) -> dict[int, str]:
        ordered, found = sorted(numbers), {}
        for start in range(0, len(ordered), 500):
            query = select(usage_dimension.c.id, usage_dimension.c.key, usage_dimension.c.name)
            part = query.where(usage_dimension.c.id.in_(ordered[start : start + 500]))
            found.update({row.id: full_key(row.key, row.name) for row in self._connection.execute(part)})
        return found


class _Members(NamedTuple):
    """All members of a user group together."""

    user_group: str


class _WithRole(NamedTuple):
    """All users with a role together."""

    role: str


class _Place(NamedTuple):
    """All of some calls that decides whether a limit counts them."""

    model: str
    called_model: str
    user: str | None
    user_groups: frozenset[str]


def _source(target: _Target) -> object:
    """Whose calls are looked at: a user's, those of `_Members` or `_WithRole`, or everybody's (None)."""
    scope = target.counter.budget.scope
    if scope.kind == "group":
        return _Members(scope.id or "")
    if scope.kind == "role":
        return _WithRole(scope.id or "")
    return target.user


def _one_of(column: str, numbers: Collection[int]) -> str | None:
    return f'c."{column}" IN ({", ".join(map(str, sorted(numbers)))})' if numbers else None


_USED = {name: CUBE_SUMS.index(name) for name in ("calls", "input", "completion", "reasoning", "output", "cost_nano")}


def _sums(day: Sequence[int]) -> Sums:
    """All that a budget counts."""
    return Sums(**{name: day[place] for name, place in _USED.items()})


def _plus(one: Sums, other: Sums) -> Sums:
    return Sums(**{name: getattr(one, name) + getattr(other, name) for name in _USED})
