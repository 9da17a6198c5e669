"""Any provider's usage payload as one `TokenUsage`. Pure: no I/O, and nothing here raises on any input.

Totals are inclusive, as in OpenTelemetry's gen_ai conventions: `input` contains what was read from or written to a
cache, `output` contains reasoning. Providers disagree about both, so each wire format has its rule here:

=====================  ==========================================  =====================  ==================
wire format            recognised by                               reasoning in output?   cache in input?
=====================  ==========================================  =====================  ==================
OpenAI chat            ``prompt_tokens``, ``completion_tokens``    yes                    yes
xAI chat               the same; total = prompt + compl. + reas.   no: added              yes
gateways to Anthropic  the same; total = prompt + cache + compl.   yes                    no: both added
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
from typing import Any, TypeGuard

MAX_TOKENS = 10**9
"""No single call is larger. A provider that claims more is not believed: one report could use up a limit for good."""


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
        counts["input"] = max(counts["input"], counts["cached_input"] + counts["cache_write"])
        return TokenUsage(**counts, estimated=self.estimated and other.estimated)

    def without_output(self) -> TokenUsage:
        """The same as input only: an embedding generates nothing, whatever field its tokens are reported in."""
        return replace(self, input=self.input + self.output, completion=0, reasoning=0, output=0)

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
    if not isinstance(event, dict):
        return None
    for holder in (event, event.get("response"), event.get("message"), event.get("x_groq")):
        if isinstance(holder, dict):
            usage = holder.get("usage")
            if isinstance(usage, dict) and usage:
                return usage
    if "prompt_eval_count" in event or "eval_count" in event:
        return event
    for key in ("usageMetadata", "timings"):
        usage = event.get(key)
        if isinstance(usage, dict) and usage:
            return usage
    return None


def read_usage(usage: object) -> TokenUsage | None:
    """A usage payload of any known wire format as `TokenUsage`; None where it tells nothing that can be believed.

    A field that is missing, negative, not a number or absurdly large counts as not reported, and so do zeros alone:
    gateways fill them in where they know nothing. Of two formats in one payload (gateways rename fields and keep the
    old ones) the first that says something counts.
    """
    if not isinstance(usage, dict):
        return None
    reader = next((read for keys, read in _FORMATS if any(_count(usage, key) for key in keys)), None)
    if reader is None:
        return None
    tokens = reader(usage)
    return tokens if max(tokens.input, tokens.output) <= MAX_TOKENS else None


def plain_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What of a usage payload is kept beside the row: its numbers, those of its details, and the service tier.

    Never a text: Ollama and llama.cpp report their counts in the same object as the answer.
    """
    kept: dict[str, Any] = {}
    for key, value in usage.items():
        if not isinstance(key, str):
            continue
        if _is_number(value):
            kept[key] = value
        elif key == "service_tier" and isinstance(value, str):
            kept[key] = value[:40]
        elif isinstance(value, dict) and key not in _ANSWERS:
            details = {name: detail for name, detail in value.items() if isinstance(name, str) and _is_number(detail)}
            kept |= {key: details} if details else {}
    return kept


def reported_cost(usage: object) -> float | None:
    """What the provider itself says the call cost, in US dollars (OpenRouter's ``usage.cost``)."""
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return float(cost) if _is_number(cost) and 0 <= cost < 1_000_000 else None


_ANSWERS = ("message", "choices", "response", "output")


def _chat(usage: Mapping[str, Any]) -> TokenUsage:
    prompt = _count(usage, "prompt_tokens")
    completion = _count(usage, "completion_tokens")
    cached = _first(
        _count(usage, "prompt_tokens_details", "cached_tokens"),
        _count(usage, "prompt_cache_hit_tokens"),
        _count(usage, "cached_tokens"),
        _count(usage, "cache_read_input_tokens"),
    )
    written = _first(
        _count(usage, "prompt_tokens_details", "cache_write_tokens"),
        _count(usage, "prompt_tokens_details", "cache_creation_tokens"),
        _anthropic_writes(usage),
    )
    reasoning = _first(
        _count(usage, "completion_tokens_details", "reasoning_tokens"), _count(usage, "reasoning_tokens")
    )
    return _whole(prompt, cached, written, completion, reasoning, _count(usage, "total_tokens"))


def _responses_or_anthropic(usage: Mapping[str, Any]) -> TokenUsage:
    read = _count(usage, "cache_read_input_tokens") or 0
    written = _anthropic_writes(usage) or 0
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


def _anthropic_writes(usage: Mapping[str, Any]) -> int | None:
    by_lifetime = (
        _count(usage, "cache_creation", "ephemeral_5m_input_tokens"),
        _count(usage, "cache_creation", "ephemeral_1h_input_tokens"),
    )
    return _first(_count(usage, "cache_creation_input_tokens"), sum(count or 0 for count in by_lifetime))


def _gemini(usage: Mapping[str, Any]) -> TokenUsage:
    prompt = (_count(usage, "promptTokenCount") or 0) + (_count(usage, "toolUsePromptTokenCount") or 0)
    completion = _count(usage, "candidatesTokenCount") or 0
    thoughts = _count(usage, "thoughtsTokenCount") or 0
    cached = _count(usage, "cachedContentTokenCount")
    total = _count(usage, "totalTokenCount") if not thoughts else prompt + completion + thoughts
    return _whole(prompt, cached, 0, completion, thoughts, total)


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
    """The parts put together; `total` tells whether reasoning stands inside `completion` or beside it.

    It tells the same of the cache in `prompt`; and a part that is larger than the whole stands beside it, too.
    """
    if prompt is None and completion is None:  # Billed, though nobody says what for: OUT, in either way to count.
        completion = total
    prompt, cached, written = prompt or 0, cached or 0, written or 0
    visible, thought = completion or 0, reasoning or 0
    cache = cached + written
    thought_beside = thought > visible or total == prompt + visible + thought
    if cache > prompt or (total == prompt + cache + visible and not thought_beside):
        prompt += cache
    if thought_beside:
        output = visible + thought
    elif not thought and total is not None and total > prompt + visible:
        output = total - prompt
    else:
        output = visible
    return TokenUsage(prompt, cached, written, visible, thought, output)


def _count(usage: Mapping[str, Any], *path: str) -> int | None:
    value: object = usage
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return int(value) if _is_number(value) and 0 <= value <= MAX_TOKENS else None


def _is_number(value: object) -> TypeGuard[int | float]:
    """A number that JSON and a database can hold: no bool, NaN or infinity, nothing absurd."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**15


def _first(*counts: int | None) -> int | None:
    """The first one that was reported with a value; a reported zero only where nothing better is."""
    return next((count for count in counts if count), next((count for count in counts if count is not None), None))
