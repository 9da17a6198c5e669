"""Combinations: a small number for each set of values (who called what, where and how) that calls had together.

Known numbers are remembered, and new ones are made in the transaction that needs them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, TypeVar

from openwebui_usage.ledger.bounds import MOST_TEXT_BYTES, bounded_text
from openwebui_usage.ledger.cubes import FAMILIES, REDUCED, Combination, Family
from openwebui_usage.ledger.database import Transaction
from openwebui_usage.ledger.rows import CallInfo, Outcome
from openwebui_usage.ledger.schema import DIMENSIONS
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.groups import Group

_MOST_REMEMBERED = 20_000
_PER_STATEMENT = 50
_LONGEST_KEY = MOST_TEXT_BYTES
"""UTF-8 bytes. PostgreSQL refuses index entries above 2,704, see `ledger.bounds`."""
_DIGEST = "sha256:"
USER_ROLE = "user_role"
"""The kind of dimension whose names are the roles that users had at last, by the users' ids. No combination has one."""

Values = tuple[str | None, ...]
"""What a combination is of, in the order of `DIMENSIONS`; None for none or not recorded."""
Call = tuple[CallInfo, Outcome, tuple[Group, ...]]
"""What a call is grouped by: the usage groups are those that held its model."""
_Facts = tuple[object, ...]
"""All of a call that its combination and the names in it are made of, as it comes."""
Name = tuple[str, str]
"""A dimension's kind and key."""
_Value = TypeVar("_Value")
_Key = TypeVar("_Key")


@dataclass(slots=True)
class Resolved:
    """The combinations of some rows, and what is to be remembered once the transaction is committed."""

    combinations: dict[Values, Combination]
    new_dimensions: dict[Name, tuple[int, str | None]] = field(default_factory=dict)
    is_new: bool = False
    of_calls: list[Combination] = field(default_factory=list)
    """In the order of the calls, where calls were given."""
    new_facts: dict[_Facts, Combination] = field(default_factory=dict)


def values_of(info: CallInfo, outcome: Outcome | Literal["refused"], groups: Iterable[Group]) -> Values:
    """What a call is grouped by. `groups` are the usage groups that held its model.

    A call that a limit refused has no row: its combination is for the counters of refusals.
    """
    return (
        bounded_text(info.user_id),
        bounded_text(info.model),
        bounded_text(info.called_model),
        bounded_text(info.connection),
        info.kind,
        bounded_text(info.key),
        outcome,
        set_key([group.id for group in groups]),
        set_key(info.user_groups),
    )


def set_key(ids: Iterable[str]) -> str | None:
    """The key of a set: its members in order, or a digest where they are more than an index takes; None for none."""
    text = " ".join(sorted(ids))
    if len(text) * 4 <= _LONGEST_KEY or len(text.encode(errors="replace")) <= _LONGEST_KEY:
        return bounded_text(text) or None
    return _DIGEST + hashlib.sha256(text.encode(errors="replace")).hexdigest()


def members_of(key: str, name: str | None) -> tuple[str, ...]:
    """The ids of a set, by its dimension's key and name: behind a digest, the name has them."""
    return tuple(full_key(key, name).split())


def full_key(key: str, name: str | None) -> str:
    """A dimension's key as it was before it had to be a digest."""
    return (name or "") if key.startswith(_DIGEST) else key


def names_of(info: CallInfo, groups: Iterable[Group]) -> dict[Name, str]:
    """The names that what a call is grouped by has at this time, beside its keys."""
    names: dict[tuple[str, str | None], str | None] = {
        ("user", info.user_id): info.user_name,
        (USER_ROLE, info.user_id): info.user_role,
        ("connection", info.connection): info.connection_name,
        ("key", info.key): info.key_name,
        **{("usage_group", group.id): group.name for group in groups},
        **dict(zip((("user_group", id_) for id_ in info.user_groups), info.user_group_names, strict=False)),
    }
    known = {
        (kind, bounded_text(key) or ""): bounded_text(name) or "" for (kind, key), name in names.items() if key and name
    }
    return (
        known | names_of_set("groups", [group.id for group in groups]) | names_of_set("user_groups", info.user_groups)
    )


def names_of_set(kind: str, ids: Iterable[str]) -> dict[Name, str]:
    """The members of a set whose key is a digest."""
    members = sorted(ids)
    key = set_key(members)
    return {(kind, key): " ".join(members)} if key is not None and key.startswith(_DIGEST) else {}


def _facts_of(info: CallInfo, outcome: Outcome, groups: tuple[Group, ...]) -> _Facts:
    return (
        info.model,
        info.called_model,
        info.user_id,
        info.user_name,
        info.connection,
        info.connection_name,
        info.kind,
        info.key,
        info.key_name,
        info.user_groups,
        info.user_group_names,
        info.user_role,
        outcome,
        tuple([group.id for group in groups]),
    )


class Combinations:
    """The combinations that one process has met lately. Not to be used by two threads at once."""

    def __init__(self) -> None:
        """Each is looked up when it is first met."""
        self._known: OrderedDict[Values, Combination] = OrderedDict()
        self._dimensions: OrderedDict[Name, tuple[int, str | None]] = OrderedDict()
        self._facts: OrderedDict[_Facts, Combination] = OrderedDict()

    def of_calls(self, transaction: Transaction, calls: Sequence[Call], schema: str | None) -> Resolved:
        """The numbers of the combinations of some calls, see `resolve`. Nearly always one look at what is known."""
        facts = [_facts_of(*call) for call in calls]
        known = [self._facts.get(each) for each in facts]
        found = [combination for combination in known if combination is not None]
        if len(found) == len(calls):
            return Resolved({}, of_calls=found)
        wanted = [values_of(*call) for call in calls]
        names = {name: text for info, _, groups in calls for name, text in names_of(info, groups).items()}
        resolved = self.resolve(transaction, set(wanted), names, schema)
        resolved.is_new = True
        resolved.of_calls = [resolved.combinations[values] for values in wanted]
        resolved.new_facts = dict(zip(facts, resolved.of_calls, strict=True))
        return resolved

    def resolve(
        self, transaction: Transaction, wanted: Collection[Values], names: Mapping[Name, str], schema: str | None
    ) -> Resolved:
        """The numbers of combinations, made where there were none. `names` are of what they are made of.

        What is new is only remembered by `remember`: the transaction may be undone.
        """
        known, dimensions = self._known, self._dimensions
        found = {values: known[values] for values in wanted if values in known}
        renamed = {name: text for name, text in names.items() if dimensions.get(name, (0, None))[1] != text}
        if len(found) == len(wanted) and not renamed:
            return Resolved(found)
        numbers = self._resolve_dimensions(transaction, wanted, renamed, schema)
        resolved = Resolved(found, numbers, is_new=True)
        missing = sorted({values for values in wanted if values not in found}, key=str)
        keys = {values: tuple(self._number(numbers, *pair) for pair in _named(values)) for values in missing}
        made = _make_with_reduced(transaction, keys.values(), schema)
        resolved.combinations |= {values: made[key] for values, key in keys.items()}
        return resolved

    def remember(self, resolved: Resolved) -> None:
        """Its transaction is committed."""
        if resolved.is_new:
            _remember(self._dimensions, resolved.new_dimensions)
            _remember(self._known, resolved.combinations)
            _remember(self._facts, resolved.new_facts)

    def _number(self, numbers: Mapping[Name, tuple[int, str | None]], kind: str, key: str | None) -> int:
        if key is None:
            return 0
        return (numbers.get((kind, key)) or self._dimensions[kind, key])[0]

    def _resolve_dimensions(
        self, transaction: Transaction, wanted: Iterable[Values], renamed: Mapping[Name, str], schema: str | None
    ) -> dict[Name, tuple[int, str | None]]:
        pairs = {(kind, key) for values in wanted for kind, key in _named(values) if key is not None}
        missing = sorted({pair for pair in pairs if pair not in self._dimensions} | renamed.keys())
        table, mark = f"{prefix(schema)}usage_dimension", transaction.placeholder
        found: dict[Name, tuple[int, str | None]] = {}
        for start in range(0, len(missing), _PER_STATEMENT):
            part = missing[start : start + _PER_STATEMENT]
            rows = ", ".join([f"({mark}, {mark}, {mark})"] * len(part))
            given = list(chain.from_iterable((*pair, renamed.get(pair)) for pair in part))
            # The update makes every row answer, whether it was there or not, and takes the newer name.
            statement = (
                f"INSERT INTO {table} (kind, key, name) VALUES {rows} ON CONFLICT (kind, key) DO UPDATE "  # noqa: S608
                f"SET name = coalesce(excluded.name, {table.rpartition('.')[2]}.name) RETURNING id, kind, key, name"
            )
            for id_, kind, key, name in transaction.execute(statement, given):
                found[kind, key] = (int(id_), name)
        return found


def complete_combinations(transaction: Transaction, start: int, end: int, schema: str | None) -> None:
    """Make what is missing of the combinations that had calls from `start` to `end` (not included), in quarters.

    An older version, which may run beside this one, does not know all families.
    """
    columns = ", ".join(f'k."{name}"' for name in DIMENSIONS)
    cubes, combinations = (f"{prefix(schema)}usage_{name}" for name in ("cube", "combination"))
    mark = transaction.placeholder
    query = (
        f"SELECT DISTINCT {columns} FROM {cubes} c JOIN {combinations} k ON k.id = c.combination "  # noqa: S608
        f"WHERE c.cube = 0 AND c.start >= {mark} AND c.start < {mark} AND k.{REDUCED[-1]} = 0"
    )
    _make_with_reduced(transaction, [tuple(map(int, row)) for row in transaction.execute(query, (start, end))], schema)


def reduced_key(key: Sequence[int], family: Family) -> tuple[int, ...]:
    """A combination's numbers with 0 for each dimension that the family does not have."""
    kept = FAMILIES[family]
    return tuple(number if name in kept else 0 for name, number in zip(DIMENSIONS, key, strict=True))


def _named(values: Values) -> Iterable[tuple[str, str | None]]:
    return zip(DIMENSIONS, values, strict=True)


def _make_with_reduced(
    transaction: Transaction, wanted: Collection[tuple[int, ...]], schema: str | None
) -> dict[tuple[int, ...], Combination]:
    """The combinations of some numbers, and those of fewer dimensions that they are part of."""
    keys = {key: tuple(reduced_key(key, family) for family in REDUCED) for key in wanted}
    # In one order everywhere, the reduced ones first: two workers never wait for each other in a circle.
    reduced = dict.fromkeys(chain.from_iterable(keys.values()), (0,) * len(REDUCED))
    ids = _make(transaction, reduced, schema)
    parts = {key: tuple(ids[part] for part in its_parts) for key, its_parts in keys.items()}
    ids |= _make(transaction, parts, schema)
    return {key: Combination(ids[key], *numbers) for key, numbers in parts.items()}


def _make(
    transaction: Transaction, wanted: Mapping[tuple[int, ...], tuple[int, ...]], schema: str | None
) -> dict[tuple[int, ...], int]:
    """The ids of combinations by their numbers; `wanted` has the reduced ones of each."""
    columns = ", ".join(f'"{name}"' for name in DIMENSIONS)
    mark = transaction.placeholder
    row = f"({', '.join([mark] * (len(DIMENSIONS) + len(REDUCED)))})"
    # A call without a user is its own combination of fewer dimensions: what is known of it stays.
    known = ", ".join(
        f"{name} = CASE WHEN excluded.{name} > 0 THEN excluded.{name} ELSE usage_combination.{name} END"
        for name in REDUCED
    )
    ids: dict[tuple[int, ...], int] = {}
    ordered = sorted(wanted)
    for start in range(0, len(ordered), _PER_STATEMENT):
        part = ordered[start : start + _PER_STATEMENT]
        statement = (
            f"INSERT INTO {prefix(schema)}usage_combination ({columns}, {', '.join(REDUCED)}) "  # noqa: S608
            f"VALUES {', '.join([row] * len(part))} ON CONFLICT ({columns}) DO UPDATE SET {known} "
            f"RETURNING id, {columns}"
        )
        for id_, *key in transaction.execute(
            statement, list(chain.from_iterable((*key, *wanted[key]) for key in part))
        ):
            ids[tuple(map(int, key))] = int(id_)
    return ids


def _remember(known: OrderedDict[_Key, _Value], new: Mapping[_Key, _Value]) -> None:
    known.update(new)
    while len(known) > _MOST_REMEMBERED:
        known.popitem(last=False)
