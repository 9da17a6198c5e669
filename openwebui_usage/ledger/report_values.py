"""The values that calls are grouped by: which numbers they have in the ledger, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import Connection, or_, select

from openwebui_usage.ledger.combinations import members_of
from openwebui_usage.ledger.report_query import COLUMNS, NAMED, Dimension, Named, Value
from openwebui_usage.ledger.schema import usage_dimension
from openwebui_usage.rules.groups import is_glob, matches

_IDS_PER_QUERY = 500
SETS: frozenset[Dimension] = frozenset(("usage_group", "user_group"))
"""A call may be in several of these; the ledger numbers each set of them."""
_MODELS: frozenset[Dimension] = frozenset(("model", "called_model"))

Entry = tuple[str, str | None]
"""A value's key, and the name that it last had."""
Fits = Callable[[str, str | None], bool]
"""Whether a key and a name are asked for."""

_ROW = select(usage_dimension.c.id, usage_dimension.c.key, usage_dimension.c.name)


def fitting(dimension: Dimension, wanted: Collection[str]) -> Fits:
    """Whether a value is one of `wanted`: ids or names; of models, ids or globs."""
    texts = frozenset(wanted)
    if dimension in _MODELS:
        globs = [text for text in texts if is_glob(text)]
        return lambda key, _: key in texts or any(matches(glob, key) for glob in globs)
    return lambda key, name: key in texts or name in texts


class Values:
    """The values as one transaction sees them. What is asked for is read once."""

    def __init__(self, connection: Connection) -> None:
        """In the transaction that reads the sums, too."""
        self._connection = connection
        self._kinds: dict[str, dict[int, Entry]] = {}
        self._known: dict[int, Entry] = {}

    def number(self, kind: str, key: str) -> int | None:
        """The number of one value, by its key."""
        query = select(usage_dimension.c.id).where(usage_dimension.c.kind == kind, usage_dimension.c.key == key)
        found: int | None = self._connection.execute(query).scalar()
        return found

    def numbers(self, dimension: Dimension, wanted: Collection[str]) -> set[int]:
        """The numbers of all values that are asked for; of sets, those that have such a member."""
        if dimension in SETS:
            return self.sets(dimension, {*self._keys(dimension, wanted), *wanted})
        if dimension in _MODELS:
            fits = fitting(dimension, wanted)
            return {number for number, entry in self._of_kind(dimension).items() if fits(*entry)}
        is_asked = or_(usage_dimension.c.key.in_(wanted), usage_dimension.c.name.in_(wanted))
        found = self._connection.execute(_ROW.where(usage_dimension.c.kind == dimension, is_asked))
        return {int(number) for number, _, _ in found}

    def sets(self, dimension: Dimension, members: Collection[str]) -> set[int]:
        """The numbers of the sets that have one of `members`, which are ids."""
        wanted = frozenset(members)
        sets = self._of_kind(COLUMNS[dimension])
        return {number for number, entry in sets.items() if not wanted.isdisjoint(members_of(*entry))}

    def know(self, numbers: Iterable[int]) -> None:
        """Read all of these at once, for `shown`."""
        missing = sorted(set(numbers) - self._known.keys())
        for start in range(0, len(missing), _IDS_PER_QUERY):
            part = _ROW.where(usage_dimension.c.id.in_(missing[start : start + _IDS_PER_QUERY]))
            for number, key, name in self._connection.execute(part):
                self._known[int(number)] = (key, name)

    def shown(self, dimension: Dimension, number: int, fits: Iterable[Fits] = ()) -> tuple[Value, ...]:
        """What a report shows of a number: several values where it is a set, of which only those that fit."""
        key, name = self._known.get(number, (str(number), None))
        if dimension not in SETS:
            return (_shown(dimension, key, name),)
        names = dict(self._of_kind(dimension).values())
        members = ((member, names.get(member)) for member in members_of(key, name))
        shown = (_shown(dimension, *member) for member in members if all(fit(*member) for fit in fits))
        return tuple(dict.fromkeys(shown))

    def _keys(self, dimension: Dimension, wanted: Collection[str]) -> Iterable[str]:
        fits = fitting(dimension, wanted)
        return (key for key, name in self._of_kind(dimension).values() if fits(key, name))

    def _of_kind(self, kind: str) -> Mapping[int, Entry]:
        if kind not in self._kinds:
            rows = self._connection.execute(_ROW.where(usage_dimension.c.kind == kind))
            self._kinds[kind] = {int(number): (key, name) for number, key, name in rows}
        return self._kinds[kind]


def _shown(dimension: Dimension, key: str, name: str | None) -> Value:
    return Named(key, name or key) if dimension in NAMED else name or key
