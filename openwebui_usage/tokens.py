"""Any provider's usage payload as one `TokenUsage`. Pure: no I/O, and nothing here raises on any input.

Totals are inclusive, as in OpenTelemetry's gen_ai conventions: `input` contains what was read from or written to a
cache, `output` contains reasoning. Providers disagree about both, so each wire format has its rule here:

=====================  ==========================================  =====================  ==================
wire format            recognised by                               reasoning in output?   cache in input?
=====================  ==========================================  =====================  ==================
OpenAI chat            ``prompt_tokens``, ``completion_tokens``    yes                    yes
xAI chat               the same; total = prompt + compl. + reas.   no: added              yes
Gemini through OpenAI  the same; total > prompt + completion       no: total - prompt     yes
DeepSeek               ``prompt_cache_hit_tokens``                 yes                    yes
OpenAI Responses       ``input_tokens``, ``output_tokens``         yes                    yes
Anthropic Messages     ``cache_creation_``/``cache_read_input_…``  yes                    no: both added
Gemini native          ``promptTokenCount``                        no: thoughts added     yes
Ollama                 ``prompt_eval_count``, ``eval_count``       yes                    yes
llama.cpp timings      ``prompt_n``, ``predicted_n``               yes                    no: ``cache_n`` added
=====================  ==========================================  =====================  ==================

Sources: OpenAI's OpenAPI description ("completion_tokens … including reasoning tokens"), docs.x.ai "Understanding
token usage", Anthropic's "Prompt caching" and "Streaming messages", ai.google.dev ``UsageMetadata``,
api-docs.deepseek.com "Context caching", Ollama's ``docs/api.md``, llama.cpp's ``tools/server/README.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

MAX_TOKENS = 10**12
"""No single call is larger; a provider that claims more is not believed."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What one provider call used, in tokens."""

    input: int = 0
    """All prompt tokens, cache reads and writes included."""
    cached_input: int = 0
    """Subset of `input` that was read from a cache."""
    cache_write: int = 0
    """Subset of `input` that was written to a cache."""
    completion: int = 0
    """Completion tokens as the provider reported them."""
    reasoning: int = 0
    """Reasoning tokens as the provider reported them."""
    output: int = 0
    """All that was generated and billed: visible and reasoning, each once."""
    estimated: bool = False
    """True where the provider never told."""

    def merged(self, other: TokenUsage) -> TokenUsage:
        """Two reports of the *same* call: field by field the greatest, for providers repeat cumulative numbers."""
        counts = {name: max(getattr(self, name), getattr(other, name)) for name in _COUNTS}
        return TokenUsage(**counts, estimated=self.estimated and other.estimated)

    def followed_by(self, output: int) -> TokenUsage:
        """This report, and `output` more tokens that were seen after it and that nobody reported."""
        if output <= 0:
            return self
        return replace(self, completion=self.completion + output, output=self.output + output, estimated=True)


_COUNTS = tuple(field.name for field in fields(TokenUsage) if field.name != "estimated")


def find_usage(event: object) -> Mapping[str, Any] | None:
    """The usage payload inside a parsed response body or stream event, or None where it carries none.

    Knows the places of OpenAI chat and Responses (``response.usage``), Anthropic (``message.usage``), Groq
    (``x_groq.usage``), Gemini (``usageMetadata``), Ollama (top level) and llama.cpp (``timings``, only where there
    is no ``usage``: the two describe the same tokens).
    """
    if not isinstance(event, Mapping):
        return None
    for holder in (event, event.get("response"), event.get("message"), event.get("x_groq")):
        if isinstance(holder, Mapping):
            usage = holder.get("usage")
            if isinstance(usage, Mapping) and usage:
                return usage
    if "prompt_eval_count" in event or "eval_count" in event:
        return event
    for key in ("usageMetadata", "timings"):
        usage = event.get(key)
        if isinstance(usage, Mapping) and usage:
            return usage
    return None


def read_usage(usage: object) -> TokenUsage | None:
    """A usage payload of any known wire format as `TokenUsage`; None where it tells nothing that can be believed.

    A field that is missing, negative, not a number or absurdly large counts as not reported.
    """
    if not isinstance(usage, Mapping):
        return None
    reader = next((read for keys, read in _FORMATS if any(_count(usage, key) is not None for key in keys)), None)
    return reader(usage) if reader else None


def reported_cost(usage: object) -> float | None:
    """What the provider itself says the call cost, in US dollars (OpenRouter's ``usage.cost``)."""
    cost = usage.get("cost") if isinstance(usage, Mapping) else None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < 1_000_000:
        return None
    return float(cost)


def _chat(usage: Mapping[str, Any]) -> TokenUsage:
    prompt = _count(usage, "prompt_tokens")
    completion = _count(usage, "completion_tokens")
    cached = _first(
        _count(usage, "prompt_tokens_details", "cached_tokens"),
        _count(usage, "prompt_cache_hit_tokens"),
        _count(usage, "cache_read_input_tokens"),
    )
    written = _first(
        _count(usage, "prompt_tokens_details", "cache_write_tokens"),
        _count(usage, "prompt_tokens_details", "cache_creation_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    reasoning = _first(
        _count(usage, "completion_tokens_details", "reasoning_tokens"), _count(usage, "reasoning_tokens")
    )
    return _whole(prompt, cached, written, completion, reasoning, _count(usage, "total_tokens"))


def _responses_or_anthropic(usage: Mapping[str, Any]) -> TokenUsage:
    read = _count(usage, "cache_read_input_tokens") or 0
    written = _count(usage, "cache_creation_input_tokens") or 0
    prompt = _count(usage, "input_tokens") or 0
    if read or written:  # Anthropic's input_tokens leaves out both.
        prompt += read + written
    else:
        read = _count(usage, "input_tokens_details", "cached_tokens") or 0
        written = _count(usage, "input_tokens_details", "cache_write_tokens") or 0
    reasoning = _first(
        _count(usage, "output_tokens_details", "reasoning_tokens"),
        _count(usage, "output_tokens_details", "thinking_tokens"),
    )
    return _whole(prompt, read, written, _count(usage, "output_tokens"), reasoning, _count(usage, "total_tokens"))


def _gemini(usage: Mapping[str, Any]) -> TokenUsage:
    completion = _count(usage, "candidatesTokenCount") or 0
    thoughts = _count(usage, "thoughtsTokenCount") or 0
    return TokenUsage(
        input=(_count(usage, "promptTokenCount") or 0) + (_count(usage, "toolUsePromptTokenCount") or 0),
        cached_input=_count(usage, "cachedContentTokenCount") or 0,
        completion=completion,
        reasoning=thoughts,
        output=completion + thoughts,
    )


def _ollama(usage: Mapping[str, Any]) -> TokenUsage:
    generated = _count(usage, "eval_count") or 0
    prompt = _count(usage, "prompt_eval_count") or 0
    cached = _count(usage, "prompt_eval_cached_count") or 0
    return TokenUsage(input=max(prompt, cached), cached_input=cached, completion=generated, output=generated)


def _llama_cpp(usage: Mapping[str, Any]) -> TokenUsage:
    cached = _count(usage, "cache_n") or 0
    generated = _count(usage, "predicted_n") or 0
    return TokenUsage(
        input=(_count(usage, "prompt_n") or 0) + cached, cached_input=cached, completion=generated, output=generated
    )


_FORMATS = (
    (("prompt_tokens", "completion_tokens"), _chat),
    (("input_tokens", "output_tokens"), _responses_or_anthropic),
    (("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"), _gemini),
    (("prompt_eval_count", "eval_count"), _ollama),
    (("prompt_n", "predicted_n", "cache_n"), _llama_cpp),
    (("total_tokens",), _chat),
)


def _whole(
    prompt: int | None,
    cached: int | None,
    written: int | None,
    completion: int | None,
    reasoning: int | None,
    total: int | None,
) -> TokenUsage:
    """The parts put together; `total` tells whether reasoning stands inside `completion` or beside it."""
    prompt, cached, written = prompt or 0, cached or 0, written or 0
    if cached + written > prompt:  # A subset cannot be larger than the whole: this one was reported beside it.
        prompt += cached + written
    visible, thought = completion or 0, reasoning or 0
    if total is not None and total == prompt + visible + thought:
        output = visible + thought
    elif total is not None and total > prompt + visible and not thought:
        output = total - prompt
    elif thought > visible and (total is None or total != prompt + visible):
        output = visible + thought
    else:
        output = visible
    return TokenUsage(prompt, cached, written, visible, thought, output)


def _count(usage: Mapping[str, Any], *path: str) -> int | None:
    value: object = usage
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MAX_TOKENS:  # NaN fails this too.
        return None
    return int(value)


def _first(*counts: int | None) -> int | None:
    """The first one that was reported with a value; a reported zero only where nothing better is."""
    return next((count for count in counts if count), next((count for count in counts if count is not None), None))
