"""Finding whose patterns match a model, of very many, without asking each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from openwebui_usage.rules.groups import is_glob, matches

_ByLength = dict[int, dict[str, list[tuple[int, str]]]]
"""Positions and globs, by the length of a literal part and by this part."""


class PatternIndex:
    """Lists of patterns, each known by its position. Exact ids are looked up; so is what a glob begins or ends with, up
    to its first or from its last `*` or `?`, whichever is longer, and what that finds is matched as a whole.
    """

    def __init__(self, lists: Iterable[Sequence[str]]) -> None:
        self._exact: dict[str, list[int]] = {}
        self._by_beginning: _ByLength = {}
        self._by_end: _ByLength = {}
        for position, patterns in enumerate(lists):
            for pattern in patterns:
                # A glob matches an id that is spelled like it, too.
                self._exact.setdefault(pattern, []).append(position)
                if is_glob(pattern):
                    beginning, end = _literal_ends(pattern)
                    is_begun = len(beginning) >= len(end)
                    table, literal = (self._by_beginning, beginning) if is_begun else (self._by_end, end)
                    table.setdefault(len(literal), {}).setdefault(literal, []).append((position, pattern))

    def find(self, model_ids: Iterable[str]) -> list[int]:
        """The positions of the lists that match any of `model_ids`, in order."""
        found: set[int] = set()
        for model_id in model_ids:
            found.update(self._exact.get(model_id, ()))
            candidates = [
                *(globs.get(model_id[:length], ()) for length, globs in self._by_beginning.items()),
                *(globs.get(model_id[-length:], ()) for length, globs in self._by_end.items()),
            ]
            for position, pattern in chain.from_iterable(candidates):
                if position not in found and matches(pattern, model_id):
                    found.add(position)
        return sorted(found)


def _literal_ends(glob: str) -> tuple[str, str]:
    """What `glob` begins and ends with, without anything special."""
    first = min(place for special in "*?" if (place := glob.find(special)) >= 0)
    return glob[:first], glob[max(glob.rfind("*"), glob.rfind("?")) + 1 :]
