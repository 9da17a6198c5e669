"""A bound on how long an answer may be, in the field that a provider obeys: never raised, never below 1.

Sources: the API references of OpenAI (`max_tokens`, `max_completion_tokens`, `max_output_tokens`), Anthropic
(`max_tokens`) and Ollama (`options.num_predict`, of which negative numbers mean no bound).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from openwebui_usage.rules.wires import Wire

OUTPUT_FIELDS: Mapping[Wire, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "anthropic": ("max_tokens",),
    "ollama": ("num_predict",),
}
"""Those that the provider obeys, no others. Of Ollama in `options`, else at the top."""
_NEW: Mapping[Wire, str] = {wire: fields[-1] for wire, fields in OUTPUT_FIELDS.items()}
"""What is set where the caller bounds nothing. Open WebUI renames `max_tokens` for models that know only its newer
name.
"""
_SAME: Mapping[str, str] = {field: field for field in OUTPUT_FIELDS["chat"]}
CAPS: Final = frozenset({"max_completion_tokens", "max_tokens", "max_output_tokens", "options"})
"""Top-level fields that a bound changes."""
LONGEST: Final = 32_000
"""A bound that nobody asked for is set only below this: no current model writes more, and many refuse a higher one."""


def capped(
    body: Mapping[str, Any], wire: Wire, most: int, own: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any] | None:
    """A copy of `body` whose answer has at most `most` tokens; None where that is so already.

    `own` are the parameters that an admin gave the model. What they say holds where `body` says nothing, but the host
    adds it only later, and not where there is something by then.
    """
    most = max(1, most)
    options = body.get("options") if wire == "ollama" else None
    place = (options if isinstance(options, Mapping) else {}) if wire == "ollama" else body
    said = {field: _bound(place[field]) for field in OUTPUT_FIELDS[wire] if place.get(field) is not None}
    inherited = {field: bound for field, bound in _own(own, wire).items() if field not in place}
    if not any((*said.values(), *inherited.values())):  # What bounds nothing may still be what a provider looks at.
        changes = dict.fromkeys((*said, _NEW[wire]) if most < LONGEST else (), most)
    else:
        changes = {field: most for field, bound in said.items() if bound is None or bound > most}
        changes |= {field: min(int(bound), most) for field, bound in inherited.items() if most < max(bound, LONGEST)}
    if not changes:
        return None
    changed = {**place, **changes}
    return {**body, "options": changed} if wire == "ollama" else changed


def _own(own: Mapping[str, Any], wire: Wire) -> dict[str, float]:
    """What a model's own parameters bound, by the field that the host puts it into."""
    if wire not in ("chat", "ollama"):
        return {}  # The host passes these on without them.
    fields = {"num_predict": "num_predict", "max_tokens": "num_predict"} if wire == "ollama" else _SAME
    bounds = ((field, _bound(own.get(name))) for name, field in fields.items())
    return {field: bound for field, bound in bounds if bound is not None}


def _bound(value: object) -> float | None:
    """What a field bounds an answer to; None for nothing. Some providers take a number in quotes, or with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None
