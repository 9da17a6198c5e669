"""A bound on how long an answer may be, in the field that a provider obeys: never raised, never below 1.

Sources: the API references of OpenAI (`max_tokens`, `max_completion_tokens`, `max_output_tokens`), Anthropic
(`max_tokens`) and Ollama (`options.num_predict`, of which negative numbers mean no bound).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
CAPS: Final = frozenset({"max_completion_tokens", "max_tokens", "max_output_tokens", "options"})
"""Top-level fields that a bound changes."""
LONGEST: Final = 32_000
"""A bound that nobody asked for is set only below this: no current model writes more, and many refuse a higher one."""


def capped(body: Mapping[str, Any], wire: Wire, most: int) -> dict[str, Any] | None:
    """A copy of `body` whose answer has at most `most` tokens; None where that is so already."""
    most = max(1, most)
    options = body.get("options") if wire == "ollama" else None
    place = (options if isinstance(options, Mapping) else {}) if wire == "ollama" else body
    said = {field: _bound(place[field]) for field in OUTPUT_FIELDS[wire] if place.get(field) is not None}
    if not any(said.values()):  # A field that bounds nothing may still be what a provider looks at.
        changes = dict.fromkeys((*said, _NEW[wire]) if most < LONGEST else (), most)
    else:
        changes = {field: most for field, bound in said.items() if bound is None or bound > most}
    if not changes:
        return None
    changed = {**place, **changes}
    return {**body, "options": changed} if wire == "ollama" else changed


def _bound(value: object) -> float | None:
    """What a field bounds an answer to; None for nothing. Some providers take a number in quotes, or with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None
