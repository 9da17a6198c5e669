"""An answer no longer than what is left of a budget."""

from __future__ import annotations

from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.seam import Running
from openwebui_usage.meter import Call
from openwebui_usage.rules.additions import additions
from openwebui_usage.rules.output_caps import capped


async def cap_output(out: Outgoing, call: Call, running: Running) -> None:
    """Bound the answer of a call that was admitted, where a budget wants that. Where it fails nothing is bound.

    Like all additions it is taken back where the provider refuses it. What is passed on byte for byte, and what a pipe
    makes of its request, is nobody's to change.
    """
    request = out.request
    if out.point.kind != "provider" or out.form_data is None or not request.generates:
        return
    try:
        most = await running.most_output(call.id, request)
        if most is None:
            return
        before = {key: value for key, value in out.body.items() if key != "metadata"} if out.sent is None else out.sent
        sent = capped(before, request.wire, most, await running.own_parameters(str(before.get("model"))))
        if sent is not None:
            out.send(sent, [*out.added, *additions(before, sent)])
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("An answer could not be capped", error)
