"""Reads any provider's usage payload into a `TokenUsage`. Nothing here raises, whatever the input.

Some providers count cached tokens within the prompt and reasoning within the completion, others beside them.
`inside_or_beside` decides for each part by the reported total and the sizes; where those leave it open, by what the
provider documents:

=====================  ==========================================  =====================  ==================
wire format            recognised by                               reasoning in output?   cache in input?
=====================  ==========================================  =====================  ==================
OpenAI chat            ``prompt_tokens``, ``completion_tokens``    yes                    yes
DeepSeek               ``prompt_cache_hit_tokens``                 yes                    yes
OpenAI Responses       ``input_tokens``, ``output_tokens``         yes                    yes
Anthropic Messages     ``cache_creation_``/``cache_read_input_…``  yes                    no
Bedrock Converse       ``inputTokens``, ``cacheReadInputTokens``   yes                    no
Cohere                 ``billed_units``, ``tokens``                yes                    yes
Gemini native          ``promptTokenCount``                        no                     yes
Perplexity             ``citation_tokens``                         no                     yes
Ollama                 ``prompt_eval_count``, ``eval_count``       yes                    yes
llama.cpp timings      ``prompt_n``, ``predicted_n``               yes                    no
=====================  ==========================================  =====================  ==================

Some are recognised by their totals alone: xAI's chat (reasoning beside), gateways to Anthropic (cache beside), and
Gemini in OpenAI's format, whose total exceeds prompt and completion without a reason given: the rest is reasoning.

Sources: OpenAI's OpenAPI description ("completion_tokens … including reasoning tokens"), docs.x.ai "Understanding
token usage", Anthropic's "Prompt caching", "Streaming messages" and "Compaction", ai.google.dev ``UsageMetadata``,
api-docs.deepseek.com "Context caching", AWS ``TokenUsage``, docs.cohere.com "How does Cohere's pricing work",
docs.perplexity.ai "Pricing", Ollama's ``docs/api.md``, llama.cpp's ``tools/server/README.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openwebui_usage.rules import claimed_cost, usage_fields
from openwebui_usage.rules.inside_or_beside import whole_usage
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_fields import FORMATS, MAX_TOKENS, Format, as_count, name_of


def read_usage(usage: object) -> TokenUsage | None:
    """A usage payload of any known wire format as `TokenUsage`. None if it reports nothing believable.

    Fields that are missing, negative, not numbers or absurdly large count as not reported. So does a payload of zeros,
    which gateways send if they know nothing. If a payload has two formats (gateways rename fields and keep the old
    ones), the first with a count is used.
    """
    if not isinstance(usage, dict):
        return None
    counts = _Counts(usage)
    tokens = counts.tokens()
    if counts.iterations:
        tokens = _with_iterations(tokens or TokenUsage(), counts.iterations)
    if tokens is None or not (tokens.input or tokens.output) or max(tokens.input, tokens.output) > MAX_TOKENS:
        return None
    return tokens


def plain_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a usage payload that is stored with the row: numbers, those of its details, and labels.

    It contains everything that `read_usage` and `reported_cost` need, and none of the text that Ollama and llama.cpp
    put into the same object.
    """
    return usage_fields.plain_usage(usage, claimed_cost.NAMES)


def reported_cost(usage: object) -> float | None:
    """The cost that the provider reports, in US dollars. None if it reports none that is believable.

    Believable is what does not exceed `claimed_cost.ceiling` for so many tokens.
    """
    claimed = claimed_cost.claimed_cost(usage)
    if claimed is None or claimed > claimed_cost.ceiling(_all_tokens(usage)):
        return None
    return float(claimed)


def _all_tokens(usage: object) -> int:
    tokens = read_usage(usage)
    return tokens.input + tokens.output if tokens else 0


class _Counts:
    """The counts of one payload and of its details, by name in snake_case."""

    __slots__ = ("cohere", "iterations", "output_details", "prompt_details", "top", "written_by_lifetime")

    def __init__(self, usage: Mapping[str, Any]) -> None:
        self.top: dict[str, int] = {}
        self.prompt_details: dict[str, int] = {}
        self.output_details: dict[str, int] = {}
        self.written_by_lifetime = [0, 0]
        """At the top level, and in the details."""
        self.iterations: list[Mapping[str, Any]] = []
        self.cohere: Mapping[str, Any] | None = None
        for key, value in usage.items():
            if isinstance(value, dict):
                self._read_object(name_of(key), value)
            elif isinstance(value, list):
                if key == "iterations":
                    self.iterations = [item for item in value[:100] if usage_fields.is_labelled(item)]
            else:
                _add(self.top, key, value)
        for name in usage_fields.COHERE:
            units = usage.get(name)
            if self.cohere is None and isinstance(units, dict) and _Counts(units).tokens():
                self.cohere = units

    def _read_object(self, name: str, value: Mapping[str, Any]) -> None:
        if name in usage_fields.PROMPT_DETAILS:
            for key, detail in value.items():
                if isinstance(detail, dict):
                    self._read_cache_details(name_of(key), detail)
                else:
                    _add(self.prompt_details, key, detail)
        elif name in usage_fields.OUTPUT_DETAILS:
            for key, detail in value.items():
                _add(self.output_details, key, detail)
        elif name == "cache_creation":
            self.written_by_lifetime[0] = _sum(value, usage_fields.CACHE_LIFETIMES)
        elif name in usage_fields.CACHE_DETAILS:
            self._read_cache_details(name, value)

    def _read_cache_details(self, name: str, value: Mapping[str, Any]) -> None:
        if name == "cache_creation":
            self.written_by_lifetime[1] = _sum(value, usage_fields.CACHE_LIFETIMES)
        elif name in usage_fields.CACHE_DETAILS and not self.prompt_details.get("cached_tokens"):
            _add(self.prompt_details, "cached_tokens", sum(as_count(count) or 0 for count in value.values()))

    def tokens(self) -> TokenUsage | None:
        """All counts as `TokenUsage`. None if there are none."""
        if self.cohere is not None and not any(self.top.get(name) for name in ("input_tokens", "output_tokens")):
            return self._cohere_tokens(self.cohere)
        form = next((form for form in FORMATS if self._tells(form)), None)
        total = _first(self.top, *usage_fields.TOTAL)
        if form is None:
            return None if not total else TokenUsage(completion=total, output=total)
        return self._tokens(form, total)

    def _tells(self, form: Format) -> bool:
        top = self.top
        if top.get(form.input) or any(top.get(name) for name in form.output):
            return True
        return bool(
            (form.reasoning_beside and top.get("thoughts_token_count")) or (form.cache_beside and top.get("cache_n"))
        )

    def _cohere_tokens(self, units: Mapping[str, Any]) -> TokenUsage | None:
        tokens = _Counts(units).tokens()
        if tokens is None or tokens.cached_input:
            return tokens
        # Cached tokens are part of what the model saw, which may be far more than what is billed.
        return replace(tokens, cached_input=min(_greatest(self.top, usage_fields.CACHE_READ), tokens.input))

    def _tokens(self, form: Format, total: int | None) -> TokenUsage:
        top = self.top
        prompt = _first(top, form.input, *usage_fields.INPUT)
        completion = _first(top, *form.output, *usage_fields.OUTPUT)
        read_inside, read_top = _greatest(self.prompt_details, usage_fields.CACHE_READ), 0
        if not read_inside:
            read_top = _greatest(top, usage_fields.CACHE_READ)
        written_inside = _greatest(self.prompt_details, usage_fields.CACHE_WRITE) or self.written_by_lifetime[1]
        written_top = 0
        if not written_inside:
            written_top = _greatest(top, usage_fields.CACHE_WRITE) or self.written_by_lifetime[0]
        thought = _greatest(self.output_details, usage_fields.REASONING) or _greatest(top, usage_fields.REASONING)
        tools = _greatest(top, usage_fields.TOOL_PROMPT)
        if form.input == "prompt_eval_count" and read_top > (prompt or 0):
            prompt = read_top  # In some versions Ollama's prompt leaves out what was cached.
        is_perplexity = "citation_tokens" in top
        if is_perplexity:  # Its total leaves out what it bills beside the completion.
            total = None
        beside = (
            form.reasoning_beside or is_perplexity,
            form.cache_beside or (form.top_cache_beside and bool(written_top)),
            form.cache_beside or (form.top_cache_beside and bool(read_top) and _is_anthropic(top)),
            form.tools_beside,
        )
        parts = (thought, written_top or written_inside, read_top or read_inside, tools)
        return whole_usage(prompt, completion, total, parts, beside)


def _is_anthropic(top: Mapping[str, int]) -> bool:
    """Whether cache reads have Anthropic's names, whose ``input_tokens`` do not contain them."""
    return any(top.get(name) for name in usage_fields.CACHE_READ if name.startswith("cache_"))


def _with_iterations(top: TokenUsage, iterations: list[Mapping[str, Any]]) -> TokenUsage:
    """The whole call, with steps that Anthropic bills in addition to the top-level counts: compactions, advisers.

    The top-level counts are the sum of all steps of the type `message`.
    """
    messages, others = TokenUsage(), TokenUsage()
    for step in iterations:
        tokens = _Counts(step).tokens() or TokenUsage()
        if step.get("type") == "message":
            messages = messages.plus(tokens)
        else:
            others = others.plus(tokens)
    everything = messages.plus(others)
    if (top.input, top.output) == (everything.input, everything.output):
        return top
    return top.merged(messages).plus(others)


def _add(counts: dict[str, int], key: object, value: object) -> None:
    count = as_count(value)
    name = name_of(key) if count is not None else ""
    if name and count is not None and count >= counts.get(name, 0):
        counts[name] = count


def _sum(counts: Mapping[str, Any], names: frozenset[str]) -> int:
    return sum(as_count(value) or 0 for key, value in counts.items() if key in names)


def _greatest(counts: Mapping[str, int], names: frozenset[str]) -> int:
    if names.isdisjoint(counts):
        return 0
    return max(count for name, count in counts.items() if name in names)


def _first(counts: Mapping[str, int], *names: str) -> int | None:
    """The first count above zero, else the first that was reported at all."""
    found = None
    for name in names:
        count = counts.get(name)
        if count:
            return count
        if found is None:
            found = count
    return found
