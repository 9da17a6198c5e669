"""The names under which providers report usage: those of counts, and those that are stored with a row.

Names are compared in snake_case, so ``cacheReadInputTokens`` (Bedrock), ``promptTokenCount`` (Gemini) and
``prompt_tokens`` (OpenAI) need one entry each. To support a new name, add it to one of these tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeGuard

MAX_TOKENS = 10**9
"""Larger reports are not believed: one of them could use up a limit for good."""

CACHE_READ = frozenset(
    (
        *("cached_tokens", "cached_token_count", "cached_input_tokens", "cached_prompt_tokens", "num_cached_tokens"),
        *("cache_read_tokens", "cache_read_input_tokens", "cache_read_input_token_count", "cache_hit_tokens"),
        *("prompt_cache_hit_tokens", "prompt_cache_read_tokens", "prompt_cached_tokens", "cached_content_token_count"),
        *("input_cached_tokens", "input_cache_read", "input_cache_read_tokens", "cached_prompt_text_tokens"),
        *("cache_read", "cache_n", "prompt_eval_cached_count", "prompt_tokens_cached", "cached_content_tokens"),
    )
)
"""Prompt tokens that were read from a cache."""
CACHE_WRITE = frozenset(
    (
        *("cache_write_tokens", "cache_write_input_tokens", "cache_write_input_token_count", "cache_write"),
        *("cache_creation_tokens", "cache_creation_input_tokens", "cache_creation_input_token_count"),
        *("cached_creation_tokens", "cache_creation_token_count", "prompt_cache_write_tokens", "input_cache_write"),
        *("prompt_cache_creation_tokens", "input_cache_write_tokens", "input_cache_creation_tokens"),
    )
)
"""Prompt tokens that were written to a cache."""
CACHE_LIFETIMES = frozenset(("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"))
"""Parts of what was written to a cache, by how long it is kept (Anthropic, DashScope). They are added up."""
REASONING = frozenset(
    (
        *("reasoning_tokens", "reasoning_token_count", "reasoning_output_tokens", "num_reasoning_tokens"),
        *("thinking_tokens", "thoughts_token_count", "thought_tokens", "internal_reasoning_tokens"),
    )
)
"""Tokens of the model's reasoning."""
TOOL_PROMPT = frozenset(("tool_use_prompt_token_count", "tool_use_prompt_tokens"))
"""Prompt tokens that the results of the provider's own tools took."""
TOTAL = frozenset(("total_tokens", "total_token_count"))

PROMPT_DETAILS = frozenset(
    (
        *("prompt_tokens_details", "prompt_token_details", "prompt_details"),
        *("input_tokens_details", "input_token_details", "input_details", "cache_details"),
    )
)
OUTPUT_DETAILS = frozenset(
    (
        *("completion_tokens_details", "completion_token_details", "completion_details"),
        *("output_tokens_details", "output_token_details", "output_details"),
    )
)
CACHE_DETAILS = frozenset(("cached_tokens_details", "cached_token_details"))
"""What was read from a cache, by kind (OpenAI Realtime). Added up if the sum itself is missing."""


@dataclass(frozen=True, slots=True)
class Format:
    """One provider's names for input and output, and what it documents about the parts of both.

    A part with `…_beside` comes on top of its whole, unless the total or the sizes show otherwise.
    """

    input: str
    output: tuple[str, ...]
    cache_beside: bool = False
    """For cache counts of any name, wherever they are reported."""
    top_cache_beside: bool = False
    """Anthropic's ``cache_…`` counts next to ``input_tokens`` are not part of them. OpenAI's, in the details, are."""
    reasoning_beside: bool = False
    tools_beside: bool = False


FORMATS = (
    Format("prompt_tokens", ("completion_tokens",)),
    Format("input_tokens", ("output_tokens",), top_cache_beside=True),
    Format(
        *("prompt_token_count", ("candidates_token_count", "response_token_count")),
        reasoning_beside=True,
        tools_beside=True,
    ),
    Format("input_token_count", ("output_token_count", "generated_token_count"), top_cache_beside=True),
    Format("prompt_eval_count", ("eval_count",)),
    Format("prompt_n", ("predicted_n",), cache_beside=True),
)
"""OpenAI chat · OpenAI Responses, Anthropic, Bedrock Converse, Cohere · Gemini · Bedrock's metrics, watsonx · Ollama ·
llama.cpp's timings. The first format with a count is used."""

INPUT = tuple(form.input for form in FORMATS)
OUTPUT = tuple(name for form in FORMATS for name in form.output)
TELLING = frozenset((*INPUT, *OUTPUT, *TOTAL, *REASONING, "cache_n", "billed_units", "tokens"))
"""A payload without any of these has nothing to count."""

COHERE = ("billed_units", "tokens")
"""Cohere's counts: billed tokens, and all that the model saw. The first one that is reported is used."""

_LABELS = frozenset(
    ("service_tier", "tier", "speed", "currency", "type", "modality", "ttl", "traffic_type", "inference_geo")
)
_SWITCHES = frozenset(("is_byok",))
_LISTS = frozenset(
    (
        *("iterations", "cache_details", "prompt_tokens_details", "candidates_tokens_details", "cache_tokens_details"),
        *("response_tokens_details", "tool_use_prompt_tokens_details"),
    )
)
"""Lists of labelled counts: Anthropic's iterations, Bedrock's cache writes, Gemini's modalities."""
_ANSWERS = frozenset(("message", "choices", "response", "output", "delta", "context", "content"))
_LONGEST_NAME = 64
_LONGEST_LABEL = 40
_MOST_KEPT = 100
_DEEPEST = 3
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def name_of(key: object) -> str:
    """A key in snake_case, or an empty string if it is not a name."""
    if not isinstance(key, str) or len(key) > _LONGEST_NAME:
        return ""
    return key if key.islower() else _snake(key)


@lru_cache(maxsize=1024)
def _snake(key: str) -> str:
    return _WORD.sub("_", key).lower()


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number that JSON and the database can hold: no bool, NaN, infinity or absurd size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**15


def as_count(value: object) -> int | None:
    """`value` as a number of tokens. None if it cannot be one."""
    return int(value) if is_number(value) and 0 <= value <= MAX_TOKENS else None


def amount_of(value: object) -> Decimal | None:
    """`value`, a number or (from some gateways) a text, as an amount of money. None if it cannot be one."""
    if isinstance(value, str):
        if len(value) > _LONGEST_LABEL:
            return None
        try:
            value = Decimal(value.strip().removeprefix("$"))
        except InvalidOperation:
            return None
        return value if value.is_finite() and 0 <= value < 10**15 else None
    return Decimal(str(value)) if is_number(value) and value >= 0 else None


def plain_usage(usage: Mapping[str, Any], money: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The part of a usage payload that is stored: numbers, those of its details, and labels such as the service tier.

    No other text is, because Ollama and llama.cpp report their counts in the same object as the answer. Under the names
    in `money`, an amount that is written as text is stored as a number.
    """
    return _kept(usage, money, 0)


def _kept(usage: Mapping[str, Any], money: frozenset[str], depth: int) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in usage.items():
        name = name_of(key)
        if not name or len(kept) >= _MOST_KEPT:
            continue
        if is_number(value) or (isinstance(value, bool) and name in _SWITCHES):
            kept[key] = value
        elif isinstance(value, str):
            amount = amount_of(value) if name in money else None
            if amount is not None:
                kept[key] = float(amount)
            elif name in _LABELS and (depth or name == "service_tier"):
                kept[key] = value[:_LONGEST_LABEL]
        elif isinstance(value, dict) and name not in _ANSWERS and depth < _DEEPEST:
            details = _kept(value, money, depth + 1)
            kept |= {key: details} if details else {}
        elif isinstance(value, list) and name in _LISTS and depth < _DEEPEST:
            items = [_kept(item, money, depth + 1) for item in value[:_MOST_KEPT] if is_labelled(item)]
            kept |= {key: items} if items else {}
    return kept


def is_labelled(item: object) -> TypeGuard[dict[str, Any]]:
    """Whether an item of a list has a label for its counts."""
    return isinstance(item, dict) and any(isinstance(item.get(label), str) for label in ("type", "modality", "ttl"))
