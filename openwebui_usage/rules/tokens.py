"""Any provider's usage payload as one `TokenUsage`. Pure: no I/O, and nothing here raises on any input.

Totals are inclusive, as in OpenTelemetry's gen_ai conventions: `input` contains what was read from or written to a
cache, `output` contains reasoning. Providers disagree about both. Each part (cache reads, cache writes, reasoning,
the results of the provider's own tools) is judged by itself: it stands inside or beside what it is a part of as the
reported total and the sizes say, else as the provider documents it:

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

By their totals alone are known: xAI's chat (reasoning beside), gateways to Anthropic (cache beside), and Gemini
through OpenAI's format, where the total is more than prompt and completion and nobody says why: it is reasoning.

Sources: OpenAI's OpenAPI description ("completion_tokens … including reasoning tokens"), docs.x.ai "Understanding
token usage", Anthropic's "Prompt caching", "Streaming messages" and "Compaction", ai.google.dev ``UsageMetadata``,
api-docs.deepseek.com "Context caching", AWS ``TokenUsage``, docs.cohere.com "How does Cohere's pricing work",
docs.perplexity.ai "Pricing", Ollama's ``docs/api.md``, llama.cpp's ``tools/server/README.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from openwebui_usage.rules import claimed_cost, usage_fields
from openwebui_usage.rules.usage_fields import FORMATS, MAX_TOKENS, Format, as_count, name_of

__all__ = [
    *("MAX_TOKENS", "TokenUsage", "find_usage", "plain_usage", "read_usage", "reported_cost", "usage_marks"),
]


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


_PLACES: tuple[tuple[str, ...], ...] = (
    (),
    ("response",),
    ("message",),
    ("x_groq",),
    ("result",),
    ("delta",),
    ("metadata",),
    ("meta",),
    ("response", "meta"),
)
"""Where a usage object stands: OpenAI chat and most others · OpenAI Responses · Anthropic's ``message_start`` · Groq ·
Cloudflare · Cohere's ``message-end`` · Bedrock Converse · gateways · Cohere v1. And in each choice (Moonshot)."""
_OBJECTS = ("usage", "usageMetadata", "usage_metadata", "amazon-bedrock-invocationMetrics")
"""What it is called there; the last two are Vertex through some proxies, and Bedrock's ``InvokeModel``."""
_BARE = ("billed_units", "prompt_eval_count", "eval_count")
"""Counts that stand in such a place without an object of their own: Cohere's ``meta``, and Ollama."""
_LEAST = ("timings",)
"""llama.cpp's timings: only where there is no usage, for the two describe the same tokens."""
_MOST_CHOICES = 128


def usage_marks() -> tuple[str, ...]:
    """The names by which a place of usage is known. What has none of these in its JSON carries no usage."""
    return (*_OBJECTS, *_BARE, *_LEAST)


def find_usage(event: object) -> Mapping[str, Any] | None:
    """The usage payload inside a parsed response body or stream event, or None where it carries none.

    The first one that says something, in the order of the places above. With it comes what providers put beside it,
    not into it: the service tier, and what the call cost.
    """
    if not isinstance(event, dict):
        return None
    found: Mapping[str, Any] | None = None
    for holder, usage in _candidates(event):
        if found is None:
            found = usage
        if any(value and name_of(key) in usage_fields.TELLING for key, value in usage.items()):
            return claimed_cost.with_what_stands_beside(usage, event, holder)
    return found


def _candidates(event: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each object that may be usage, with the object that it stands in."""
    for path in _PLACES:
        holder: Any = event
        for key in path:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            yield from _usage_in(holder)
    choices = event.get("choices")
    for choice in choices[:_MOST_CHOICES] if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            yield from _usage_in(choice)
    for key in _LEAST:
        usage = event.get(key)
        if isinstance(usage, dict) and usage:
            yield event, usage


def _usage_in(holder: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for key in _OBJECTS:
        usage = holder.get(key)
        if isinstance(usage, dict) and usage:
            yield holder, usage
    if any(key in holder for key in _BARE):
        yield holder, holder


def read_usage(usage: object) -> TokenUsage | None:
    """A usage payload of any known wire format as `TokenUsage`; None where it tells nothing that can be believed.

    A field that is missing, negative, not a number or absurdly large counts as not reported, and so do zeros alone:
    gateways fill them in where they know nothing. Of two formats in one payload (gateways rename fields and keep the
    old ones) the first that says something counts.
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
    """What of a usage payload is kept beside the row: numbers, those of its details, and labels (the service tier).

    Never another text: Ollama and llama.cpp report their counts in the same object as the answer. What `read_usage` and
    `reported_cost` read from it is kept.
    """
    return usage_fields.plain_usage(usage, claimed_cost.NAMES)


def reported_cost(usage: object) -> float | None:
    """What the provider itself says the call cost, in US dollars; None where it says nothing that can be believed.

    It is believed up to a sum that no provider asks for so many tokens (see `claimed_cost.ceiling`).
    """
    claimed = claimed_cost.claimed_cost(usage)
    if claimed is None or claimed > claimed_cost.ceiling(_all_tokens(usage)):
        return None
    return float(claimed)


def _all_tokens(usage: object) -> int:
    tokens = read_usage(usage)
    return tokens.input + tokens.output if tokens else 0


class _Counts:
    """The counts of one payload, by their names in snake_case, with those of its details."""

    __slots__ = ("cohere", "iterations", "output_details", "prompt_details", "top", "written_by_lifetime")

    def __init__(self, usage: Mapping[str, Any]) -> None:
        self.top: dict[str, int] = {}
        self.prompt_details: dict[str, int] = {}
        self.output_details: dict[str, int] = {}
        self.written_by_lifetime = [0, 0]
        """At the top, and in the details."""
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
        """All parts put together; None where nothing is counted."""
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
        # Cached tokens are among those that the model saw, of which the billed ones may be a few.
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
            prompt = read_top  # Ollama's prompt is what had to be evaluated, in some versions.
        is_perplexity = "citation_tokens" in top
        if is_perplexity:  # Whose total leaves out what it bills beside the completion.
            total = None
        beside = (
            form.reasoning_beside or is_perplexity,
            form.cache_beside or (form.top_cache_beside and bool(written_top)),
            form.cache_beside or (form.top_cache_beside and bool(read_top) and _is_anthropic(top)),
            form.tools_beside,
        )
        parts = (thought, written_top or written_inside, read_top or read_inside, tools)
        return _whole(prompt, completion, total, parts, beside)


def _is_anthropic(top: Mapping[str, int]) -> bool:
    """Whether the cache reads are spelled as those that ``input_tokens`` leave out."""
    return any(top.get(name) for name in usage_fields.CACHE_READ if name.startswith("cache_"))


def _whole(
    prompt: int | None,
    completion: int | None,
    total: int | None,
    parts: tuple[int, int, int, int],
    documented: tuple[bool, bool, bool, bool],
) -> TokenUsage:
    """A call's tokens from its parts: thought, written to a cache, read from one, taken by tools; `documented` says
    which of these stand beside the whole that they belong to.
    """
    thought, written, read, tools = parts
    visible = completion or 0
    if prompt is None and total is not None and completion is not None:
        prompt = max(0, total - visible)
    prompt = prompt or 0
    fitting = _that_add_up(prompt, visible, total, parts, documented) if total and any(parts) else None
    thought_beside, written_beside, read_beside, tools_beside = fitting or _by_size(prompt, visible, parts, documented)
    prompt += written_beside * written + read_beside * read + tools_beside * tools
    output = visible + thought_beside * thought
    if fitting is None and not thought and total is not None and total > prompt + visible:
        output = total - prompt
    return TokenUsage(prompt, read, written, visible, thought, output)


_CHANGES = sorted(product((False, True), repeat=4), key=lambda change: (sum(change), [not part for part in change]))
"""Ways to differ from what is documented, the likeliest first: in few parts, and in reasoning rather than the cache."""


def _that_add_up(
    prompt: int,
    completion: int,
    total: int,
    parts: tuple[int, int, int, int],
    documented: tuple[bool, bool, bool, bool],
) -> tuple[bool, ...] | None:
    """Which parts stand beside, as the total says; None where it fits no reading."""
    rest = total - prompt - completion
    for change in _CHANGES:
        if any(changed and not size for changed, size in zip(change, parts, strict=True)):
            continue
        beside = tuple(one != other for one, other in zip(change, documented, strict=True))
        if sum(size for size, is_beside in zip(parts, beside, strict=True) if is_beside) != rest:
            continue
        inside = [0 if is_beside else size for size, is_beside in zip(parts, beside, strict=True)]
        if inside[0] <= completion and sum(inside[1:]) <= prompt:
            return beside
    return None


def _by_size(
    prompt: int, completion: int, parts: tuple[int, int, int, int], documented: tuple[bool, bool, bool, bool]
) -> tuple[bool, ...]:
    """Which parts stand beside, as documented; what is larger than the whole cannot stand inside."""
    thought, written, read, tools = parts
    thought_beside, written_beside, read_beside, tools_beside = documented
    inside = (not written_beside) * written + (not read_beside) * read
    cache_beside = inside > prompt
    return (
        thought_beside or thought > completion,
        written_beside or cache_beside,
        read_beside or cache_beside,
        tools_beside or tools > prompt,
    )


def _with_iterations(top: TokenUsage, iterations: list[Mapping[str, Any]]) -> TokenUsage:
    """The call with those of its steps that Anthropic bills beside its top level: compactions, an adviser's answers.

    The top level is the sum of all steps that are messages.
    """
    messages, others = TokenUsage(), TokenUsage()
    for step in iterations:
        tokens = _Counts(step).tokens() or TokenUsage()
        if step.get("type") == "message":
            messages = _plus(messages, tokens)
        else:
            others = _plus(others, tokens)
    everything = _plus(messages, others)
    if (top.input, top.output) == (everything.input, everything.output):
        return top
    return _plus(top.merged(messages), others)


def _plus(one: TokenUsage, other: TokenUsage) -> TokenUsage:
    return TokenUsage(**{name: getattr(one, name) + getattr(other, name) for name in _COUNTS})


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
    """The first one that was reported with a value; a reported zero only where nothing better is."""
    found = None
    for name in names:
        count = counts.get(name)
        if count:
            return count
        if found is None:
            found = count
    return found
