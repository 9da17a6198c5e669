"""The one place where a model call enters and leaves this package: before it, admission, the call itself, after it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from openwebui_usage.admission.gate import LedgerAway
from openwebui_usage.host.after_call import settle, settle_raised
from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.before_call import prepare
from openwebui_usage.host.compat import parameter_names
from openwebui_usage.host.fallback import Fallback, fall_back, fallback_of, inside_provider
from openwebui_usage.host.outer_call import answers_for_another, outer_call, within
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.output_cap import cap_output
from openwebui_usage.host.page_refusal import as_page_takes
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.refusals import away_response, refusal_response
from openwebui_usage.host.repetition import ask_provider
from openwebui_usage.host.request_state import keep_refusal, own_tasks
from openwebui_usage.host.seam import Running, Seam
from openwebui_usage.host.sent_effort import noting_effort_of
from openwebui_usage.host.waiting import wait_for_turn
from openwebui_usage.meter import Call, Refused
from openwebui_usage.rules.effort import effort_of


def metered(seam: Seam, point: PatchPoint, original: Wrapped) -> Wrapped:
    """`original`, a function of the host that calls a provider, with each of its calls metered."""
    names = parameter_names(original)

    async def metered(*args: Any, **kwargs: Any) -> Any:
        running = seam.running
        if running is None:
            return await original(*args, **kwargs)
        arguments = Arguments(names, args, kwargs)
        try:
            out = await prepare(point, arguments, running, seam.refused_additions)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            seam.faults.tell("A call could not be metered; it goes on without us", error)
            out = away_response() if running.fail_closed else None
        if isinstance(out, Outgoing):
            gone = await _wait(out, arguments, running)
            call = await _open(out, arguments, running) if gone is None else gone
            if isinstance(call, Call):
                await _cap(out, call, running)
                return await _make(call, out, arguments, original, seam)
            if isinstance(call, Fallback):
                return await fall_back(call, out, arguments, metered, running)
            out = call
        if out is None:
            return await original(*args, **kwargs)
        return await as_page_takes(keep_refusal(arguments.http_request, out), arguments)

    return metered


async def _wait(out: Outgoing, arguments: Arguments, running: Running) -> Response | None:
    """See `wait_for_turn`. Where that fails nobody waits any longer."""
    try:
        return await wait_for_turn(out, arguments)
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("A call could not be kept waiting", error)
        return None


async def _cap(out: Outgoing, call: Call, running: Running) -> None:
    """See `cap_output`. Cancelled meanwhile: what is reserved is given back, since no provider was asked."""
    try:
        await cap_output(out, call, running)
    except BaseException:
        call.forget()
        outer = outer_call()
        if outer is not None:
            outer.inner_calls -= 1
        raise


async def _open(out: Outgoing, arguments: Arguments, running: Running) -> Call | Fallback | Response | None:
    """Admit a call. A response where it is refused, a fallback where another model may answer; None where it goes on
    without us.
    """
    info, outer = out.request.info, outer_call()
    try:
        call = await running.meter.open(out.request, None if outer is None else outer.id)
    except Refused as refused:
        is_named = await running.may_know(info.model, arguments.user, arguments.of_user("role"))
        response = refusal_response(refused.refusal, is_named=is_named)
        # Whoever may not use a model is not told what its budgets fall back on.
        instead = await fallback_of(out, refused.refusal, response, arguments, running) if is_named else None
        if instead is None and not answers_for_another():
            running.gate.refused(out.request, refused.refusal)
        return instead or response
    except LedgerAway:
        return away_response()
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("A call could not be checked against limits", error)
        if running.fail_closed:
            return away_response()
        try:
            call = running.meter.open_unchecked(out.request)
        except Exception as broken:  # noqa: BLE001 - told by `Faults`
            running.faults.tell("A call could not be metered; it goes on without us", broken)
            return None
    if outer is not None:
        outer.inner_calls += 1
    if info.task is not None and out.request.is_admitted:
        own_tasks(arguments.http_request).append(call)
    if out.sent is not None:
        call.effort = effort_of(out.sent)
    return call


async def _make(call: Call, out: Outgoing, arguments: Arguments, original: Wrapped, seam: Seam) -> Any:
    """Make a call that was admitted, and settle it."""

    async def ask(form_data: Any) -> Any:
        args, kwargs = arguments.with_form_data(form_data)
        return await original(*args, **kwargs)

    outer = outer_call()
    try:
        # Only a pipe makes calls of its own; what a provider's function starts besides is nobody's inner call.
        is_pipe = out.point.kind == "pipe"
        with within(call if is_pipe else None), noting_effort_of(None if is_pipe else call), inside_provider():
            result = await ask_provider(ask, out, call, seam.refused_additions, seam.faults)
    except Exception as error:
        await settle_raised(call, error)
        if outer is not None and call.row is None and not call.inner_calls:
            outer.inner_calls -= 1  # The host refused it, no provider was asked.
        raise
    except BaseException:  # Cancelled while the provider was thinking: it bills the prompt.
        call.stopped()
        raise
    try:
        return await settle(out.point, call, result)
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        seam.faults.tell("A call could not be settled", error)
        return result
