"""The fields that this package adds to a request, and how they are taken back when a provider refuses them."""

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
    "max_tokens": frozenset({"max_completion_tokens", "max_output_tokens"}),
    "options": frozenset({"num_predict"}),
}
"""Other names that a provider may use for a field in a refusal, because it was renamed or translated on the way."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One top-level field of a request that this package set or changed."""

    field: str
    before: object = _ABSENT
    """The caller's own value."""

    @property
    def names(self) -> frozenset[str]:
        """The names by which a refusal of this field is recognised, but none that the caller sent as well: the provider
        would refuse that one without us, too.
        """
        if self.field == USAGE:
            if isinstance(self.before, Mapping) and self.before.keys() - {"include_usage"}:
                return frozenset({"include_usage"})
            return frozenset({USAGE, "include_usage"})
        return frozenset({self.field}) | _OTHER_NAMES.get(self.field, frozenset())

    def take_back(self, body: MutableMapping[str, Any]) -> None:
        """Restore the caller's own value in `body`."""
        if self.before is _ABSENT:
            body.pop(self.field, None)
        else:
            body[self.field] = self.before


def ask_for_usage(body: MutableMapping[str, Any]) -> Addition | None:
    """Ask a stream of chat completions to report its usage. None if the caller already did.

    Only `true` counts as asking: providers reject or ignore any other value.
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
    """A copy of `body` for a retry, which stays unchanged while the host works on `body`.

    The host inserts system prompts into the list of messages in place, or changes its first message, but no other.
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
    """Where an addition is refused: by one model of one connection, in requests with or without tools.

    Some providers accept an effort, but not together with tools.
    """

    connection: str
    model: str
    has_tools: bool = False


class RefusedAdditions:
    """What providers have refused since the process started. Later calls leave these fields out from the start."""

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
        """`target` answered after these fields were removed."""
        self._refused[target] = self._refused.get(target, frozenset()) | frozenset(fields)
        self._refused.move_to_end(target)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def listed(self) -> list[dict[str, Any]]:
        """All refusals, to be shown: `[{"connection", "model", "with_tools", "fields": […]}]`."""
        return [
            {
                "connection": target.connection,
                "model": target.model,
                "with_tools": target.has_tools,
                "fields": sorted(fields),
            }
            for target, fields in self._refused.items()
        ]
