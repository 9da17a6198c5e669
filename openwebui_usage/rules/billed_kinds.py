"""Tokens that some providers bill at a separate price: sound, pictures, hour-long cache writes. And searches.

Each kind is a subset of what `TokenUsage` already counts, and matters to the price alone. So it has no columns of its
own, but is read from the usage payload that is stored with the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_fields import CACHE_DETAILS, OUTPUT_DETAILS, PROMPT_DETAILS, as_count, name_of


@dataclass(frozen=True, slots=True)
class BilledKinds:
    """Counts of one call. `input` includes what was read from a cache."""

    audio_input: int = 0
    audio_cached: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_cached: int = 0
    image_output: int = 0
    written_for_an_hour: int = 0
    searches: int = 0

    def within(self, usage: TokenUsage) -> BilledKinds:
        """The same, with no part larger than its whole: providers report these numbers less reliably."""
        cached, output = usage.cached_input, usage.output
        plain = max(0, usage.input - usage.cached_input - usage.cache_write)
        audio_cached, audio_plain, audio_output = _within(
            (self.audio_cached, self.audio_input, self.audio_output), (cached, plain, output)
        )
        left = (cached - audio_cached, plain - audio_plain, output - audio_output)
        image_cached, image_plain, image_output = _within(
            (self.image_cached, self.image_input, self.image_output), left
        )
        return BilledKinds(
            audio_input=audio_cached + audio_plain,
            audio_cached=audio_cached,
            audio_output=audio_output,
            image_input=image_cached + image_plain,
            image_cached=image_cached,
            image_output=image_output,
            written_for_an_hour=min(self.written_for_an_hour, usage.cache_write),
            searches=self.searches,
        )


def _within(told: tuple[int, int, int], left: tuple[int, int, int]) -> tuple[int, int, int]:
    cached = min(told[0], left[0])
    return cached, min(max(0, told[1] - cached), left[1]), min(told[2], left[2])


NONE = BilledKinds()
_HOUR_NAMES = ("claude_cache_creation_1_h_tokens", "ephemeral_1h_input_tokens")
_MODALITIES = {"AUDIO": "audio", "IMAGE": "image"}
_LISTS = {
    "prompt_tokens_details": "input",
    "tool_use_prompt_tokens_details": "input",
    "cache_tokens_details": "cached",
    "candidates_tokens_details": "output",
    "response_tokens_details": "output",
}


def read_kinds(raw: Mapping[str, Any] | None) -> BilledKinds:
    """The kinds that a usage payload reports. Never raises."""
    if not raw or not _tells(raw):
        return NONE
    counts = dict.fromkeys(BilledKinds.__slots__, 0)
    for key, value in raw.items():
        name = name_of(key)
        if isinstance(value, dict):
            _read_object(counts, name, value)
        elif isinstance(value, list):
            _read_list(counts, name, value)
        elif name in _HOUR_NAMES:
            _raise(counts, "written_for_an_hour", value)
    return BilledKinds(**counts)


def _tells(raw: Mapping[str, Any]) -> bool:
    """Whether a payload reports any. A quick test, because every row is asked and hardly any payload does."""
    for key, value in raw.items():
        if isinstance(value, dict):
            get = value.get
            if get("audio_tokens") or get("image_tokens") or get("ephemeral_1h_input_tokens"):
                return True
            if get("web_search_requests") or get("cache_creation") or not CACHE_DETAILS.isdisjoint(value):
                return True
        elif isinstance(value, list) or (value and key in _HOUR_NAMES):
            return True
    return False


def _read_object(counts: dict[str, int], name: str, value: Mapping[str, Any]) -> None:
    if name in PROMPT_DETAILS:
        _raise(counts, "audio_input", value.get("audio_tokens"))
        _raise(counts, "image_input", value.get("image_tokens"))
        for key, detail in value.items():
            if isinstance(detail, dict):
                _read_object(counts, name_of(key), detail)
    elif name in OUTPUT_DETAILS:
        _raise(counts, "audio_output", value.get("audio_tokens"))
        _raise(counts, "image_output", value.get("image_tokens"))
    elif name in CACHE_DETAILS:
        _raise(counts, "audio_cached", value.get("audio_tokens"))
        _raise(counts, "image_cached", value.get("image_tokens"))
    elif name == "cache_creation":
        _raise(counts, "written_for_an_hour", value.get("ephemeral_1h_input_tokens"))
    elif name == "server_tool_use":
        _raise(counts, "searches", value.get("web_search_requests"))


def _read_list(counts: dict[str, int], name: str, items: list[Any]) -> None:
    direction = _LISTS.get(name)
    for item in items:
        if not isinstance(item, dict):
            continue
        if name == "cache_details" and item.get("ttl") == "1h":
            counts["written_for_an_hour"] += as_count(item.get("inputTokens")) or 0
        kind = item.get("modality")
        modality = _MODALITIES.get(kind) if isinstance(kind, str) else None
        if direction and modality:
            counts[f"{modality}_{direction}"] += as_count(item.get("tokenCount")) or 0


def _raise(counts: dict[str, int], name: str, value: object) -> None:
    counts[name] = max(counts[name], as_count(value) or 0)
