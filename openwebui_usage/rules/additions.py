"""What we add to a request, and how it is taken back where a provider refuses it. Pure."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

_ABSENT: Final = object()
USAGE: Final = "stream_options"

_OTHER_NAMES: Mapping[str, frozenset[str]] = {
    "reasoning_effort": frozenset({"reasoning", "effort", "thinking", "think", "thinking_level", "thinking_budget"}),
    "reasoning": frozenset({"reasoning_effort", "effort", "thinking", "think"}),
    "think": frozenset({"thinking", "reasoning", "reasoning_effort"}),
    "thinking": frozenset({"think", "reasoning", "reasoning_effort"}),
    "output_config": frozenset({"effort", "reasoning_effort", "thinking"}),
}
"""What providers call a field that reached them under another name, or was turned into another on the way."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One top-level field of a request that we set or changed."""

    field: str
    before: object = _ABSENT
    """What the caller had there."""

    @property
    def names(self) -> frozenset[str]:
        """What a refusal of it names. Never what the caller sent as well: that would be refused without us, too."""
        if self.field == USAGE:
            if isinstance(self.before, Mapping) and self.before.keys() - {"include_usage"}:
                return frozenset({"include_usage"})
            return frozenset({USAGE, "include_usage"})
        return frozenset({self.field}) | _OTHER_NAMES.get(self.field, frozenset())

    def take_back(self, body: MutableMapping[str, Any]) -> None:
        """Put into `body` what the caller had there."""
        if self.before is _ABSENT:
            body.pop(self.field, None)
        else:
            body[self.field] = self.before


def ask_for_usage(body: MutableMapping[str, Any]) -> Addition | None:
    """Ask a stream of chat completions for its usage. None where the caller has done so.

    Only `true` asks: providers reject or ignore all other values.
    """
    before = body.get(USAGE, _ABSENT)
    options = before if isinstance(before, Mapping) else {}
    if options.get("include_usage") is True:
        return None
    body[USAGE] = {**options, "include_usage": True}
    return Addition(USAGE, before)


def additions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Addition]:
    """The top-level fields that were set or changed from `before` to `after`."""
    return [
        Addition(key, before.get(key, _ABSENT))
        for key, value in after.items()
        if before.get(key, _ABSENT) is not value and before.get(key, _ABSENT) != value
    ]


def kept_for_repetition(body: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `body` that stays as it is while the host works on `body`.

    The host puts system prompts into the list of messages in place, or changes the first of them; the others it leaves.
    """
    kept = dict(body)
    messages = kept.get("messages")
    if isinstance(messages, list) and messages:
        kept["messages"] = [_copied(messages[0]), *messages[1:]]
    return kept


def _copied(message: object) -> object:
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        return dict(message)
    return copy.deepcopy(message)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an addition is refused: by a model of a connection, and in requests with or without tools.

    Some providers take an effort, but not together with tools.
    """

    connection: str
    model: str
    has_tools: bool = False


class RefusedAdditions:
    """What providers have refused, until the process ends: later calls leave it out from the start."""

    def __init__(self, most: int = 1000) -> None:
        """Remembers the `most` last used targets."""
        self._most = most
        self._refused: OrderedDict[Target, frozenset[str]] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether anything was refused."""
        return bool(self._refused)

    def of(self, target: Target) -> frozenset[str]:
        """The fields that are not added for `target`."""
        found = self._refused.get(target, frozenset())
        if found:
            self._refused.move_to_end(target)
        return found

    def add(self, target: Target, fields: Iterable[str]) -> None:
        """`target` answered once these fields were gone."""
        self._refused[target] = self._refused.get(target, frozenset()) | frozenset(fields)
        self._refused.move_to_end(target)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def listed(self) -> list[dict[str, Any]]:
        """All of it, for people: `[{"connection", "model", "with_tools", "fields": […]}]`."""
        return [
            {
                "connection": target.connection,
                "model": target.model,
                "with_tools": target.has_tools,
                "fields": sorted(fields),
            }
            for target, fields in self._refused.items()
        ]
