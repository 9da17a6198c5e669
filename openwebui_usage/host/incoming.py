"""What a request asks for, read from what the host passes to a function."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import passes_through
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.passthrough import read_body, route_of
from openwebui_usage.rules.wires import Wire

UNKNOWN = "(unknown)"
"""The model of a pass-through call that names none: some providers have only one."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request for a model."""

    body: Mapping[str, Any]
    model: str
    wire: Wire
    generates: bool
    """False for embeddings."""
    is_passed_through: bool = False
    """It goes to the provider byte for byte, so nothing can be added."""
    is_unknown: bool = False
    """Nobody knows what its path does."""
    is_ambiguous: bool = False
    """It names two models."""
    only_reads: bool = False


async def read_request(point: PatchPoint, arguments: Arguments, rules: MeteringRules) -> Incoming | None:
    """What is asked for; None where that is no matter of a model."""
    if point.kind == "proxy":
        return await _passed_through(point, arguments, rules)
    form_data = arguments.form_data
    if form_data is None:
        return None
    body = form_data if isinstance(form_data, dict) else form_data.model_dump(exclude_none=True)
    model = body.get("model")
    if not isinstance(model, str):
        return None
    return Incoming(body, model, point.wire, generates=point.kind != "embeddings")


async def _passed_through(point: PatchPoint, arguments: Arguments, rules: MeteringRules) -> Incoming | None:
    http_request = arguments.http_request
    if http_request is None or not passes_through(sys.modules.get(point.module)):
        return None
    data = await http_request.body()
    route = route_of(http_request.method, str(arguments.get("path") or ""), has_body=bool(data))
    is_unknown, only_reads = route.use == "unknown", http_request.method in ("GET", "HEAD", "DELETE")
    if route.use == "free" or (is_unknown and only_reads and rules.allow_unknown_paths):
        return None
    body, is_ambiguous = _named(data)
    return Incoming(
        body,
        body["model"],
        route.wire,
        generates=route.generates,
        is_passed_through=True,
        is_unknown=is_unknown,
        is_ambiguous=is_ambiguous,
        only_reads=only_reads,
    )


def _named(data: bytes) -> tuple[dict[str, Any], bool]:
    """A pass-through body with the model that it names, and whether it names two.

    What cannot be read goes to the provider all the same.
    """
    body, is_ambiguous = read_body(data)
    if body is None:
        return {"model": UNKNOWN, "prompt": data.decode(errors="replace")}, False
    return (body if isinstance(body.get("model"), str) else {**body, "model": UNKNOWN}), is_ambiguous
