"""Which efforts a model takes at which provider, and with which other fields: the data of `effort_levels.toml`."""

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
"""Values that mean the same as leaving the field out."""


@dataclass(frozen=True, slots=True)
class EffortLevels:
    """The efforts of one model at one provider."""

    levels: tuple[Level, ...]
    """Weakest first; empty for a model that takes no effort."""
    preset: Level | None = None
    """Sent if nobody has chosen. None: nothing is sent."""
    field: Field = "reasoning_effort"
    """The field of a chat completion that takes the effort."""
    unsaid: Level | None = None
    """The level that applies if no effort is sent."""
    conflicts: tuple[str, ...] = ()
    """Fields of a chat completion that the provider refuses together with an effort."""

    def is_refused_beside(self, level: Level, body: Mapping[str, Any]) -> bool:
        """Whether the provider would refuse `level` because of other fields in `body`."""
        return level != "none" and any(_says(body, name) for name in self.conflicts)


UNKNOWN = EffortLevels(("low", "medium", "high"))
"""For a model that an admin lists as reasoning, but the table lacks."""


@lru_cache(maxsize=4096)
def effort_levels(model_id: str, host: str | None = None) -> EffortLevels | None:
    """The levels of `model_id` (the called model, as its connection names it) at the provider `host`.

    None if the table lacks it.
    """
    names = names_of(model_id)
    for entry in _table():
        if entry.providers and not _any_fits(entry.providers, [(host or "").lower()]):
            continue
        if _any_fits(entry.models, names):
            return entry.levels
    return None


def names_of(model_id: str) -> list[str]:
    """A model id in lower case, followed by what remains after each of its prefixes is cut off.

    A prefix ends with a slash, or with a dot before a letter: the dots of "gemini-2.5" and "llama3.1" end none.
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
