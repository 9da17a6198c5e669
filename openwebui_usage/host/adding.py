"""What is added to a request before it goes out: an effort, and the question for usage in a stream."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.effort import said_of_effort
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.seam import Running
from openwebui_usage.rules.additions import USAGE, Addition, RefusedAdditions, additions, ask_for_usage
from openwebui_usage.rules.connections import MeteringRules

_NOTHING: frozenset[str] = frozenset()

_CHAT_COMPLETIONS = re.compile(r"/completions(?:/\d+)?/?$")
"""Routes that answer in OpenAI's own chunks. All others translate them, into protocols that always tell usage."""


async def add_to(
    out: Outgoing, arguments: Arguments, running: Running, rules: MeteringRules, refused_additions: RefusedAdditions
) -> None:
    """Add to a chat what its provider takes. Where that fails nothing is added."""
    try:
        left_out = refused_additions.of(out.target) if refused_additions else _NOTHING
        before = {key: value for key, value in out.body.items() if key != "metadata"}
        sent = await _with_effort(before, out, arguments, running)
        sent = await _with_low_effort(sent, out, running)
        added = [] if sent is before else additions(before, sent)
        added = _without(added, left_out, sent)
        may_ask = USAGE not in left_out and _may_ask_for_usage(sent, out, rules)
        asked = ask_for_usage(sent) if may_ask else None
        out.send(sent, added if asked is None else [*added, asked])
        if asked is not None and not _has_page(out.body) and _CHAT_COMPLETIONS.search(out.request.info.path or ""):
            out.request = replace(out.request, hide_usage_chunk=True)
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("Nothing is added to a request", error)


def tell_pipe_of_effort(out: Outgoing, arguments: Arguments) -> None:
    """Give a pipe the effort that the API's caller asked for: to that caller the pipe is the provider."""
    if _has_page(out.body) or "reasoning" in out.body:
        return
    said = said_of_effort(arguments.http_request)
    if said is not None:
        out.send({key: value for key, value in out.body.items() if key != "metadata"} | {"reasoning": said}, [])


async def _with_effort(before: dict[str, Any], out: Outgoing, arguments: Arguments, running: Running) -> dict[str, Any]:
    """A copy with the effort that the user and the admin want; `before` itself where there is none, or that fails."""
    if arguments.http_request is None or not out.point.takes_effort:
        return before
    steered, info = dict(before), out.request.info
    try:
        await running.host.effort_policy.apply(
            arguments.http_request,
            steered,
            frozenset(info.model_ids),
            info.user_id,
            ollama=out.request.wire == "ollama",
            is_task=info.task is not None,
            connections=out.going_to,
        )
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("The effort of a call could not be set", error)
        return before
    return steered


async def lower_effort_alone(out: Outgoing, running: Running, refused_additions: RefusedAdditions) -> None:
    """The same for a request of the Responses API, or in Anthropic's format, to which nothing else is added."""
    if out.form_data is None:
        return
    before = {key: value for key, value in out.body.items() if key != "metadata"}
    sent = await _with_low_effort(before, out, running)
    added = [] if sent is before else additions(before, sent)
    added = _without(added, refused_additions.of(out.target), sent)
    if added:
        out.send(sent, added)


async def _with_low_effort(before: dict[str, Any], out: Outgoing, running: Running) -> dict[str, Any]:
    """A copy with less effort, where a budget wants that; `before` itself where none does, or that fails."""
    info = out.request.info
    if not out.steering.low_effort or not out.point.takes_effort or info.task is not None:
        return before
    lowered = dict(before)
    try:
        await running.host.effort_policy.lower(
            lowered, frozenset(info.model_ids), wire=out.request.wire, connections=out.going_to
        )
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("The effort of a call could not be lowered", error)
        return before
    return lowered


def _without(added: Iterable[Addition], left_out: frozenset[str], sent: dict[str, Any]) -> list[Addition]:
    """The additions that are not left out; those that are go from `sent`."""
    stay = []
    for addition in added:
        if addition.field in left_out:
            addition.take_back(sent)
        else:
            stay.append(addition)
    return stay


def _may_ask_for_usage(sent: Mapping[str, Any], out: Outgoing, rules: MeteringRules) -> bool:
    is_stream = out.request.wire == "chat" and out.point.kind != "direct" and bool(sent.get("stream"))
    return is_stream and all(rules.asks_for_usage(connection) for connection in out.going_to)


def _has_page(body: Mapping[str, Any]) -> bool:
    """Whether a browser shows the answer, and its usage with it."""
    metadata = body.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("session_id"))
