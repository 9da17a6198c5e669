"""Where usage is found in the answers of all providers."""

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
"""Paths to the object that contains the usage: OpenAI chat and most others · OpenAI Responses · Anthropic's
``message_start`` · Groq · Cloudflare · Cohere's ``message-end`` · Bedrock Converse · gateways ·
Cohere v1. And in each choice (Moonshot)."""
_OBJECTS = ("usage", "usageMetadata", "usage_metadata", "amazon-bedrock-invocationMetrics")
"""Its key there. The last two come from Vertex through some proxies, and from Bedrock's ``InvokeModel``."""
_BARE = ("billed_units", "prompt_eval_count", "eval_count")
"""Counts that are in such a place without an object of their own: Cohere's ``meta``, and Ollama."""
_LEAST = ("timings",)
"""llama.cpp's timings. Only used if there is no usage, because both describe the same tokens."""
_MOST_CHOICES = 128


def usage_marks() -> tuple[str, ...]:
    """Keys that indicate usage. JSON without any of these has none."""
    return (*_OBJECTS, *_BARE, *_LEAST)


def find_usage(event: object) -> Mapping[str, Any] | None:
    """The usage payload inside a parsed response body or stream event, or None.

    The first payload with a count, in the order of the paths above, together with the service tier and the cost that
    some providers put next to it.
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
    """Each object that may be usage, after the object that contains it."""
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
