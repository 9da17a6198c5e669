"""What is done before a call: find out what it is, whether it can be metered, and what is added to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.host.adding import add_to, lower_effort_alone, tell_pipe_of_effort
from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.call_info import call_info
from openwebui_usage.host.destination import destination_of
from openwebui_usage.host.incoming import Incoming, read_request
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.host.request_state import own_tasks, was_admitted
from openwebui_usage.host.seam import Running
from openwebui_usage.host.unmetered import refusal_of_unmetered
from openwebui_usage.rules.additions import RefusedAdditions
from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.model_ids import bounded


async def prepare(
    point: PatchPoint, arguments: Arguments, running: Running, refused_additions: RefusedAdditions
) -> Outgoing | Response | None:
    """The call that goes out. None where it is none that is metered; a response where it is answered at once.

    Each part that fails leaves the others alone; raises where nothing can be told of the call.
    """
    rules = await running.metering_rules()
    incoming = await read_request(point, arguments, rules)
    if incoming is None:
        return None
    out = await _outgoing(point, incoming, arguments, running, rules)
    refuse = refusal_of_unmetered(point, incoming, arguments, rules, running.host.connections)
    if refuse is not None and running.is_limiting():
        return refuse()
    if incoming.is_unknown and incoming.only_reads:
        return None
    out.steering = await running.steering(out.request)
    # A pipe's body is its own business: what it hands to a client of its own we cannot take back.
    if point.kind == "pipe":
        tell_pipe_of_effort(out, arguments)
    elif point.kind in ("provider", "direct") and point.wire in ("chat", "ollama"):
        await add_to(out, arguments, running, rules, refused_additions)
    elif point.kind == "provider" and point.wire in ("responses", "anthropic"):
        await lower_effort_alone(out, running, refused_additions)
    return out


async def _outgoing(
    point: PatchPoint, incoming: Incoming, arguments: Arguments, running: Running, rules: MeteringRules
) -> Outgoing:
    model = bounded(incoming.model)
    destination = await destination_of(running, point.connection_kind, model, arguments, fallback=point.fallback)
    http_request, is_direct = arguments.http_request, point.kind == "direct"
    info = await call_info(
        model,
        destination,
        arguments,
        _metadata(incoming.body),
        running,
        rules,
        generates=incoming.generates,
        is_direct=is_direct,
    )
    request = CallRequest(
        info,
        incoming.body,
        incoming.wire,
        generates=incoming.generates,
        counts_reports_only=incoming.is_unknown,
        # Whoever brings a provider along uses nothing that a budget counts.
        is_admitted=is_direct or (info.task is not None and was_admitted(http_request)),
        own_tasks=tuple(call.row for call in own_tasks(http_request) if call.row is not None),
    )
    return Outgoing(point, request, arguments.form_data, destination.connections)


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
