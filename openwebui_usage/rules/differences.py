"""What a change of definitions changes, told entry by entry and field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Fields = Mapping[str, Any]
Sections = Mapping[str, Mapping[str, Fields]]
"""Fields of entries by the entry's name, by section."""
Kind = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field. None stands for what is not there, too."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One entry."""

    section: str
    name: str
    kind: Kind
    fields: tuple[FieldChange, ...]
    """Of an entry that is new or gone, all that it has."""


def differences(before: Sections, after: Sections) -> Iterator[EntryChange]:
    """By section, in the order of `after`; what is removed comes last in its section."""
    for section, entries in after.items():
        known = before.get(section, {})
        for name, fields in entries.items():
            if name not in known:
                yield EntryChange(section, name, "added", tuple(_changes({}, fields)))
            elif known[name] != fields:
                yield EntryChange(section, name, "changed", tuple(_changes(known[name], fields)))
        for name, fields in known.items():
            if name not in entries:
                yield EntryChange(section, name, "removed", tuple(_changes(fields, {})))


def _changes(before: Fields, after: Fields) -> Iterator[FieldChange]:
    for field in dict.fromkeys((*before, *after)):
        was, is_now = before.get(field), after.get(field)
        if was != is_now:
            yield FieldChange(field, was, is_now)
