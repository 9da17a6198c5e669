"""Where in an answer its usage stands, whatever the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openwebui_usage.rules import claimed_cost, usage_fields
from openwebui_usage.rules.usage_fields import name_of

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
