"""Which efforts a model takes at which provider, and beside what else: `effort_levels.toml`, as values."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from openwebui_usage.rules.groups import matches

Level = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Weakest first."""
Field = Literal["reasoning_effort", "reasoning"]

_LONGEST_ID = 256
_PREFIX = re.compile(r"/|\.(?=[a-z])")
_NEUTRAL = {"temperature": 1, "top_p": 1, "tool_choice": ("auto", "none"), "logprobs": False}
"""Values that say no more than their absence."""


@dataclass(frozen=True, slots=True)
class EffortLevels:
    """What one model takes."""

    levels: tuple[Level, ...]
    """Weakest first; empty for a model that takes no effort."""
    preset: Level | None = None
    """Sent where nobody has chosen; None: nothing is."""
    field: Field = "reasoning_effort"
    """Of a chat completion."""
    unsaid: Level | None = None
    """The level that is asked for by saying nothing."""
    conflicts: tuple[str, ...] = ()
    """Fields of a chat completion beside which an effort is refused."""

    def is_refused_beside(self, level: Level, body: Mapping[str, Any]) -> bool:
        """Whether the provider would refuse `level` because of what else a chat completion says."""
        return level != "none" and any(_says(body, name) for name in self.conflicts)


UNKNOWN = EffortLevels(("low", "medium", "high"))
"""A model that an admin calls a reasoning one, and that the table does not know."""


@lru_cache(maxsize=4096)
def effort_levels(model_id: str, host: str | None = None) -> EffortLevels | None:
    """What the model `model_id` (the one that is called, as its connection names it) takes at the provider `host`.

    None where the table does not know it.
    """
    names = names_of(model_id)
    for entry in _table():
        if entry.providers and not _any_fits(entry.providers, [(host or "").lower()]):
            continue
        if _any_fits(entry.models, names):
            return entry.levels
    return None


def names_of(model_id: str) -> list[str]:
    """A model id in lower case, and what is left of it without each of its prefixes: all before a slash, or before a
    dot that a letter follows (the dots of "gemini-2.5" and "llama3.1" belong to the name).
    """
    name = model_id[:_LONGEST_ID].lower()
    return [name, *(name[match.end() :] for match in _PREFIX.finditer(name))]


@dataclass(frozen=True, slots=True)
class _Entry:
    models: tuple[str, ...]
    providers: tuple[str, ...]
    levels: EffortLevels


@cache
def _table() -> tuple[_Entry, ...]:
    text = (importlib.resources.files("openwebui_usage.rules") / "effort_levels.toml").read_text(encoding="utf-8")
    return tuple(
        _Entry(
            tuple(entry["models"]),
            tuple(entry.get("providers", ())),
            EffortLevels(
                tuple(entry["levels"]),
                entry.get("preset"),
                entry.get("field", "reasoning_effort"),
                entry.get("unsaid"),
                tuple(entry.get("conflicts", ())),
            ),
        )
        for entry in tomllib.loads(text)["entry"]
    )


def _any_fits(patterns: tuple[str, ...], names: list[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def _says(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None or value in ([], {}, ""):
        return False
    neutral = _NEUTRAL.get(name)
    return value not in neutral if isinstance(neutral, tuple) else value != neutral
