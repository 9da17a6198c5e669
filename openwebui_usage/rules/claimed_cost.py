"""The cost that a provider reports for a call, in the forms that providers and gateways use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from openwebui_usage.rules.usage_fields import amount_of, name_of

DEAREST_TOKEN = Decimal("0.01")
"""US dollars. The dearest token in public price lists costs a sixteenth of this (OpenAI's o1-pro, output)."""
DEAREST_CALL = Decimal(10)
"""US dollars that a call may cost in addition to its tokens: searches, pictures, a film."""
MOST = Decimal(10_000)
"""US dollars. No single call is believed to cost more, however many tokens it used."""

_DOLLAR = Decimal(1)
_SHAPES: tuple[tuple[tuple[str, ...], Decimal], ...] = (
    (("cost_in_usd_ticks",), Decimal("1e-10")),
    (("cost_in_nano_usd",), Decimal("1e-9")),
    (("cost",), _DOLLAR),
    (("cost", "total_cost"), _DOLLAR),
    (("cost", "total"), _DOLLAR),
    (("cost", "usd"), _DOLLAR),
    (("total_cost",), _DOLLAR),
    (("total_cost_usd",), _DOLLAR),
    (("cost_usd_total",), _DOLLAR),
    (("cost_usd",), _DOLLAR),
    (("cost_details", "total_cost"), _DOLLAR),
    (("estimated_cost",), _DOLLAR),
    (("response_cost",), _DOLLAR),
    (("_hidden_params", "response_cost"), _DOLLAR),
    (("cost_dollars", "total"), _DOLLAR),
    (("x_nanogpt_pricing", "cost"), _DOLLAR),
    (("gateway", "cost"), _DOLLAR),
    (("usd_spent",), _DOLLAR),
)
"""Paths in a usage payload, in snake_case, and one unit of it in US dollars. xAI · OpenRouter, LiteLLM, Requesty ·
Perplexity, Bifrost · LLM Gateway · DeepInfra · LiteLLM · Exa · NanoGPT · Vercel · AI/ML API."""
_UPSTREAM = ("cost_details", "upstream_inference_cost")
"""Paid directly to the provider by OpenRouter customers who bring their own key, in addition to ``cost``."""

_FIRST = frozenset((*(path[0] for path, _ in _SHAPES), _UPSTREAM[0]))
_FIRST_KEYS = _FIRST | {re.sub(r"(?<=[a-z])_([a-z])", lambda match: match[1].upper(), name) for name in _FIRST}
"""First keys of the paths, in every spelling: a quick test, because hardly any payload has one and every row asks."""
NAMES = frozenset(path[-1] for path, _ in _SHAPES) | {_UPSTREAM[-1]}
"""Names whose value may be an amount written as text."""

_BESIDE = ("service_tier", "cost", "response_cost", "_hidden_params", "costDollars", "x_nanogpt_pricing")
_NOTHING: dict[str, Any] = {}


def claimed_cost(usage: object) -> Decimal | None:
    """The reported cost of a call in US dollars, believable or not. None if there is none.

    Of several amounts the first above zero counts. Amounts in other currencies are ignored, and so is OpenRouter's zero
    where customers pay the provider with their own key and the report does not say how much.
    """
    if not isinstance(usage, dict) or _FIRST_KEYS.isdisjoint(usage):
        return None
    names = {name: value for key, value in usage.items() if (name := name_of(key)) in _FIRST}
    found: Decimal | None = None
    for path, unit in _SHAPES:
        if path[0] in names and (amount := _at(names, path)) is not None:
            if amount:
                found = amount * unit
                break
            found = amount
    if found is None:
        return None
    upstream = _at(names, _UPSTREAM) or Decimal(0)
    own_key = usage.get("is_byok")
    if own_key is True or (own_key is None and not found):
        found += upstream
        if own_key is True and not upstream:
            return None
    return found


def ceiling(tokens: int) -> Decimal:
    """The highest believable cost of a call with so many tokens, in US dollars."""
    return min(MOST, DEAREST_CALL + DEAREST_TOKEN * tokens)


def with_what_stands_beside(
    usage: Mapping[str, Any], event: Mapping[str, Any], holder: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A usage payload together with the service tier and the cost, where these are reported next to it."""
    found: dict[str, Any] = {}
    for place in (holder, event):
        if place is not usage:
            found |= {
                key: place[key] for key in _BESIDE if key in place and key not in usage and place[key] is not None
            }
    found |= _of_vercel(event) | _of_aiml(event)
    return {**usage, **found} if found else usage


def _of_vercel(event: Mapping[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(choice, dict):
        for key in ("message", "delta"):
            told = choice.get(key)
            metadata = told.get("provider_metadata") if isinstance(told, dict) else None
            gateway = metadata.get("gateway") if isinstance(metadata, dict) else None
            if isinstance(gateway, dict) and "cost" in gateway:
                return {"gateway": {"cost": gateway["cost"]}}
    return _NOTHING


def _of_aiml(event: Mapping[str, Any]) -> dict[str, Any]:
    meta = event.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    return {"usd_spent": usage["usd_spent"]} if isinstance(usage, dict) and "usd_spent" in usage else _NOTHING


def _at(names: Mapping[str, Any], path: tuple[str, ...]) -> Decimal | None:
    value = names.get(path[0])
    for key in path[1:]:
        if not isinstance(value, dict):
            return None
        currency = value.get("currency")
        if isinstance(currency, str) and currency.upper() != "USD":
            return None
        value = value.get(key)
    return amount_of(value)
