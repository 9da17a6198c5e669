"""Taking back what we added to a request where its provider refuses it: what works without us works with us."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from openwebui_usage.host.faults import Faults
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.provider_answers import Refusal, discard, refusal_in, refusal_of
from openwebui_usage.meter import Call
from openwebui_usage.rules.additions import USAGE, Addition, RefusedAdditions
from openwebui_usage.rules.effort import effort_of
from openwebui_usage.rules.output_caps import CAPS
from openwebui_usage.rules.provider_refusals import refused_names

log = logging.getLogger(__name__)

Ask = Callable[[Any], Awaitable[Any]]
"""Calls the host's function with other `form_data`."""


async def ask_provider(ask: Ask, out: Outgoing, call: Call, refused_additions: RefusedAdditions, faults: Faults) -> Any:
    """Make the call. Where its provider refuses what we added, make it once more without that: it is one call."""
    gone: list[Addition] = []
    while out.added:
        try:
            result = await ask(out.to_form_data())
        except Exception as error:
            refused = _refused(out, refusal_of(error, is_direct=out.point.kind == "direct"), faults)
            if not refused:
                raise
        else:
            refused = _refused(out, await refusal_in(result), faults)
            if not refused:
                break
            await discard(result)
        out.take_back(refused)
        gone += refused
        call.effort = effort_of(out.sent or out.body)
        if any(addition.field == USAGE for addition in refused):
            call.request = replace(call.request, hide_usage_chunk=False)
    else:
        result = await ask(out.to_form_data())
    if gone and await refusal_in(result) is None:
        _remember(out, gone, refused_additions)
    return result


def _refused(out: Outgoing, refusal: Refusal | None, faults: Faults) -> list[Addition]:
    """What of our additions a refusal names."""
    if refusal is None:
        return []
    try:
        status, answer = refusal
        names = frozenset[str]().union(*(addition.names for addition in out.added))
        found = refused_names(status, answer, names, model=out.request.info.called_model)
        return [addition for addition in out.added if addition.names & found]
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        faults.tell("A provider's refusal could not be read", error)
        return []


def _remember(out: Outgoing, gone: Iterable[Addition], refused_additions: RefusedAdditions) -> None:
    """Leave out of later requests what was refused."""
    # A bound on the answer is another each time, so a refusal of one says nothing of the next.
    fields = {addition.field for addition in gone} - CAPS
    if out.body.get("stream") is not True:
        # "stream": "no" is a stream to some and none to others: that says nothing about usage in streams.
        fields.discard(USAGE)
    target = out.target
    new = fields - refused_additions.of(target)
    if new:
        refused_additions.add(target, new)
        log.warning(
            "%s takes no %s for %s: it is left out from now on",
            target.connection,
            " and no ".join(sorted(new)),
            target.model,
        )
