"""The chat endpoint: API callers that reach a limit get a true HTTP 429 from every version of the host."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from openwebui_usage.admission.gate import LedgerAway
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.call_info import call_info
from openwebui_usage.host.compat import is_error, parameter_names
from openwebui_usage.host.destination import destination_of
from openwebui_usage.host.effort import pop_requested_effort
from openwebui_usage.host.fallback import with_headers
from openwebui_usage.host.page_refusal import raises_in_page
from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.provider_answers import discard
from openwebui_usage.host.refusals import refusal_response
from openwebui_usage.host.request_state import answering_page, notices_of, refusal_of, set_admitted
from openwebui_usage.host.seam import Running, Seam
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.rules.budgets import Refusal
from openwebui_usage.rules.model_ids import bounded


def with_early_refusal(seam: Seam, original: Wrapped) -> Wrapped:
    """`original`, the host's chat endpoint, with its chats refused before the host begins to work on them.

    Also takes the page's effort off the request. A refusal that is found only later, because of what other calls have
    reserved, is answered in the place of what the host made of it.
    """
    names = parameter_names(original)

    async def chat_completion(*args: Any, **kwargs: Any) -> Any:
        running = seam.running
        arguments = Arguments(names, args, kwargs)
        http_request, form_data = arguments.http_request, arguments.form_data
        if running is None or http_request is None or not isinstance(form_data, dict):
            return await original(*args, **kwargs)
        try:
            pop_requested_effort(http_request, form_data)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            seam.faults.tell("The effort of a chat could not be read", error)
        # In the page a refusal shows as the error of the message, which the provider's seam answers with.
        has_page = bool(form_data.get("session_id"))
        try:
            refused = await _refused(running, arguments)
            set_admitted(http_request, is_admitted=refused is None)
        except LedgerAway:  # The provider's seam says it.
            refused = None
        if refused is not None and not has_page:
            running.gate.refused(*refused)
            is_named = await running.may_know(form_data["model"], arguments.user, arguments.of_user("role"))
            return refusal_response(refused[1], is_named=is_named)
        if has_page:
            # Of a chat that it knows already, only hosts that are told by an exception have to learn more.
            has_to_learn = not form_data.get("chat_id") or raises_in_page()
            with answering_page(http_request) if has_to_learn else contextlib.nullcontext():
                return await original(*args, **kwargs)
        answer = await _answer(original, args, kwargs, http_request)
        is_last = (arguments.path or "").endswith("/chat/completions")
        return with_headers(answer, notices_of(http_request), is_last=is_last)

    return chat_completion


async def _answer(original: Wrapped, args: tuple[Any, ...], kwargs: dict[str, Any], http_request: Any) -> Any:
    """The host's answer; ours where a call was refused and the host tells of it in another way."""
    try:
        answer = await original(*args, **kwargs)
    except Exception:
        refusal = refusal_of(http_request)
        if refusal is None:
            raise
        return refusal
    refusal = refusal_of(http_request)
    if refusal is None or answer is refusal or not is_error(answer):
        return answer
    await discard(answer)
    return refusal


async def _refused(running: Running, arguments: Arguments) -> tuple[CallRequest, Refusal] | None:
    """The chat's call, where it would be refused as it stands, and why. Raises `LedgerAway`."""
    form_data = arguments.form_data
    model, item = form_data.get("model"), form_data.get("model_item")
    if not isinstance(model, str) or (isinstance(item, Mapping) and item.get("direct")):
        return None
    try:
        info = await _info(running, bounded(model), arguments)
        refusal = await running.gate.check(info)
        return None if refusal is None else (CallRequest(info, form_data), refusal)
    except LedgerAway:
        raise
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        running.faults.tell("A chat could not be checked; it goes on", error)
        return None


async def _info(running: Running, model: str, arguments: Arguments) -> CallInfo:
    """What limits look at, as it will be known when the call is made."""
    rules = await running.metering_rules()
    kind = await running.connection_kind(model, arguments.http_request, arguments.user)
    destination = await destination_of(running, kind, model, arguments)
    form_data = arguments.form_data
    metadata = {name: form_data.get(name) for name in ("session_id", "chat_id")}
    return await call_info(model, destination, arguments, metadata, running, rules)
