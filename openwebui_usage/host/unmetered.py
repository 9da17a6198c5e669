"""Calls that no limit can hold, for nobody knows what they will use: refused while there is a limit."""

from __future__ import annotations

import functools
from collections.abc import Callable

from starlette.responses import Response

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.connections import Connections
from openwebui_usage.host.incoming import UNKNOWN, Incoming
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.host.refusals import (
    ambiguous_response,
    background_response,
    unlisted_response,
    unmetered_response,
    unreadable_response,
)
from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.passthrough import is_model_key


def refusal_of_unmetered(
    point: PatchPoint, incoming: Incoming, arguments: Arguments, rules: MeteringRules, connections: Connections
) -> Callable[[], Response] | None:
    """What such a call is answered with, for the case that there is a limit; None for all other calls."""
    if point.kind == "direct":
        return None  # The user brings the provider along.
    body = incoming.body
    if incoming.is_unknown and not rules.allow_unknown_paths:
        return functools.partial(unmetered_response, arguments.http_request.method, arguments.path or "")
    if incoming.is_ambiguous or any(key != "model" and is_model_key(key) for key in body):
        return ambiguous_response
    if incoming.model == UNKNOWN:
        return None if incoming.is_unknown else unreadable_response
    if body.get("background") and point.kind != "pipe" and incoming.wire in ("chat", "responses"):
        return background_response
    if point.fallback is None or rules.allow_unknown_models or connections.knows("openai", incoming.model):
        return None
    return functools.partial(unlisted_response, incoming.model)
