"""YAML with the place of each value, so that an error can name it.

Plain values, lists and mappings alone: no anchors (a few lines of them can stand for gigabytes), no tags, no key twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_BYTES = 1_000_000
_DEEPEST = 20
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_AS_TEXT = "tag:yaml.org,2002:timestamp"
"""A name may look like a date."""

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


class Place(NamedTuple):
    """Where something is in a text, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    path: Path
    place: Place | None
    text: str

    def __str__(self) -> str:
        at = "" if self.place is None else f"line {self.place.line}, column {self.place.column}: "
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")
        return f"{at}{path}: {self.text}" if path else f"{at}{self.text}"


class NotValid(ValueError):
    """A text is no configuration."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """All that is wrong with it."""
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and where."""

    value: Any
    places: Mapping[Path, Place]

    def place(self, path: Path) -> Place | None:
        """Of a value; of one that is missing, the place of what it is missing in."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path)


def parse(text: str | bytes) -> Document:
    """Raises `NotValid`."""
    import yaml

    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > MOST_BYTES:
        raise NotValid([Fault((), None, f"must have at most {MOST_BYTES:,} bytes (got {len(data):,})")])
    try:
        read = data.decode()
    except UnicodeDecodeError as error:
        raise NotValid([Fault((), None, f"must be UTF-8 ({error.reason} at byte {error.start})")]) from error
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check(yaml.parse(read, loader))
        node = yaml.compose(read, loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise NotValid([Fault((), None if mark is None else _place(mark), str(error.problem))]) from error
    except yaml.YAMLError as error:
        raise NotValid([Fault((), None, str(error).replace("\n", " "))]) from error
    walk = _Walk(yaml.constructor.SafeConstructor())
    value = None if node is None else walk.value(node, ())
    if walk.faults:
        raise NotValid(walk.faults)
    return Document(value, walk.places)


def _check(events: Iterable[Any]) -> None:
    """Before any of it is built: what composes nodes calls itself for each level."""
    depth = 0
    for event in events:
        name = type(event).__name__
        if name == "AliasEvent" or getattr(event, "anchor", None):
            raise NotValid([Fault((), _place(event.start_mark), "anchors and aliases are not taken: write it out")])
        depth += name.endswith(("SequenceStartEvent", "MappingStartEvent"))
        depth -= name.endswith(("SequenceEndEvent", "MappingEndEvent"))
        if depth > _DEEPEST:
            raise NotValid([Fault((), _place(event.start_mark), "is nested too deeply")])


class _Walk:
    def __init__(self, constructor: Any) -> None:
        self._constructor = constructor
        self.places: dict[Path, Place] = {}
        self.faults: list[Fault] = []

    def value(self, node: Any, path: Path) -> Any:
        self.places[path] = _place(node.start_mark)
        if node.id == "sequence":
            return [self.value(child, (*path, number)) for number, child in enumerate(node.value)]
        if node.id == "mapping":
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in node.value:
            if key.id != "scalar":
                self._fault(key, path, "a key must be a text")
                continue
            name = str(key.value)
            if name in found:
                self._fault(key, (*path, name), "is there twice")
                continue
            found[name] = self.value(child, (*path, name))
            self.places[(*path, name)] = _place(key.start_mark)
        return found

    def _scalar(self, node: Any, path: Path) -> Any:
        if node.tag == _AS_TEXT:
            return node.value
        if node.tag not in _SCALARS:
            self._fault(node, path, f"must be a plain value, without a tag (got {node.tag})")
            return None
        try:
            return self._constructor.construct_object(node)
        except (ValueError, LookupError):  # Such as `!!int no number`, `!!bool perhaps`.
            self._fault(node, path, f"is not what its tag says (got {node.value!r})")
            return None

    def _fault(self, node: Any, path: Path, text: str) -> None:
        self.faults.append(Fault(path, _place(node.start_mark), text))


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)
