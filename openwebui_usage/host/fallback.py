"""Another model in the place of one whose limit is reached.

A call that came by the host's own dispatch, as all chats do, goes back there and to any model. One that came by a
route of its own (`/openai/…`, `/ollama/…`) is made again with another model of the same kind of connection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import parameter_names
from openwebui_usage.host.outer_call import standing_in, stands_in
from openwebui_usage.host.outgoing import Outgoing
from openwebui_usage.host.page_refusal import as_page_takes
from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.provider_answers import discard, refusal_in
from openwebui_usage.host.provider_answers import refusal_of as refusal_in_error
from openwebui_usage.host.request_state import (
    add_notice,
    forget_refusal,
    keep_refusal,
    note_fallback,
    noted_fallback,
)
from openwebui_usage.host.seam import Running, Seam
from openwebui_usage.rules.additions import kept_for_repetition
from openwebui_usage.rules.budgets import Budget, Refusal
from openwebui_usage.rules.media import has_images
from openwebui_usage.rules.own_parameters import without_own
from openwebui_usage.rules.refusal_texts import fallback_message

_DIRECT_ROUTES = ("/openai/", "/ollama/")


@dataclass(frozen=True, slots=True)
class Fallback:
    """A call that is refused, and the model that it may be made with instead."""

    asked: str
    model: str
    budget: Budget
    refusal: Response
    """What is answered where that is not possible after all."""
    count: Callable[[], None]
    """Counts the refusal, in that case."""
    message_id: str | None = None
    """Of the reply that says so."""


class _Redirected(Exception):
    """Goes from the provider's seam to the dispatch that the call came by. Never leaves this package."""

    def __init__(self, fallback: Fallback) -> None:
        super().__init__(fallback.model)
        self.fallback = fallback


_is_dispatched: ContextVar[bool] = ContextVar("openwebui_usage_is_dispatched", default=False)
"""Whether the next call of a provider was made by the host's dispatch, which can make another."""


@contextlib.contextmanager
def _dispatched(value: bool) -> Iterator[None]:
    token = _is_dispatched.set(value)
    try:
        yield
    finally:
        _is_dispatched.reset(token)


def inside_provider() -> contextlib.AbstractContextManager[None]:
    """Calls that are made in here, by a pipe, did not come by the dispatch that the pipe itself came by."""
    return _dispatched(False)


async def fallback_of(
    out: Outgoing, refusal: Refusal, response: Response, arguments: Arguments, running: Running
) -> Fallback | None:
    """What a refused call may be made with instead; None where it stays refused, with `response`.

    Whoever calls must have the right to the other model, and that must take what is in the request.
    """
    budget, request = refusal.counter.budget, out.request
    model = budget.fallback_model if budget.action == "fallback" else None
    # What stands in for another call already has none of its own, or two pipes could call each other for ever.
    if model is None or model in request.info.model_ids or stands_in() or not request.generates:
        return None
    if out.form_data is None or out.point.kind not in ("provider", "pipe"):
        return None
    if not await running.may_use(model, arguments.user):
        return None
    if has_images(out.body) and not await running.takes_images(model):
        return None
    if not _is_dispatched.get():
        if arguments.get("url_idx") is not None or out.point.kind == "pipe":
            return None
        kind = await running.connection_kind(model, arguments.http_request, arguments.user)
        if kind != out.point.connection_kind:
            return None
    count = partial(running.gate.refused, request, refusal)
    return Fallback(request.info.model, model, budget, response, count, request.info.message_id)


async def fall_back(
    fallback: Fallback, out: Outgoing, arguments: Arguments, again: Callable[..., Awaitable[Any]], running: Running
) -> Any:
    """Make the call with the other model: by the host's dispatch where it came by that, else `again`, the function
    that it came to.
    """
    if _is_dispatched.get():
        raise _Redirected(fallback)
    form_data = out.form_data
    if isinstance(form_data, dict):
        form_data = {**kept_for_repetition(form_data), "model": fallback.model}
    else:
        form_data = form_data.model_copy(update={"model": fallback.model})
    args, kwargs = arguments.with_form_data(form_data)
    return await _made(fallback, lambda: again(*args, **kwargs), arguments, running)


def with_fallback(seam: Seam, original: Wrapped) -> Wrapped:
    """`original`, the host's dispatch: where a provider's seam says so, it is asked once more for another model."""
    names = parameter_names(original)

    async def generate_chat_completion(*args: Any, **kwargs: Any) -> Any:
        running = seam.running
        arguments = Arguments(names, args, kwargs)
        form_data = arguments.form_data
        if running is None or not isinstance(form_data, dict) or not running.may_fall_back:
            return await original(*args, **kwargs)
        if (instead := _instead_of_task(arguments)) is not None:
            form_data = await _for_other(form_data, instead, arguments, running)
            args, kwargs = arguments.with_form_data(form_data)
        kept = kept_for_repetition(form_data)  # The host changes the other.
        try:
            with _dispatched(True):
                return await original(*args, **kwargs)
        except _Redirected as redirected:
            fallback = redirected.fallback
        args, kwargs = arguments.with_form_data(await _for_other(kept, fallback.model, arguments, running))

        async def again() -> Any:
            with _dispatched(True):
                return await original(*args, **kwargs)

        result = await _made(fallback, again, arguments, running)
        return await as_page_takes(result, arguments) if result is fallback.refusal else result

    return generate_chat_completion


def _instead_of_task(arguments: Arguments) -> str | None:
    """The model for a task of a chat whose reply another model made: it is as dear as the reply, and never refused."""
    metadata = arguments.form_data.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("task"):
        return None
    model = arguments.form_data.get("model")
    return noted_fallback(arguments.http_request, model) if isinstance(model, str) else None


async def _for_other(body: Mapping[str, Any], model: str, arguments: Arguments, running: Running) -> dict[str, Any]:
    """A copy of the dispatch's `body` for `model`, without what the host took from the parameters of the first model:
    the other has its own. What is left is put where the host looks for it with that kind of connection.
    """
    asked = str(body.get("model"))
    own = await running.own_parameters(asked)
    other = without_own({**body, "model": model}, own)
    options = other.get("options")
    if isinstance(options, Mapping):
        other["options"] = without_own(options, own)
        http_request, user = arguments.http_request, arguments.user
        kinds = [await running.connection_kind(id_, http_request, user) for id_ in (asked, model)]
        if kinds == ["ollama", "openai"]:
            other = {**other.pop("options"), **other}
    return other


async def _made(fallback: Fallback, again: Callable[[], Awaitable[Any]], arguments: Arguments, running: Running) -> Any:
    """The other model's answer. Where it is refused, by a limit of its own or because it does not take the request,
    the first refusal stands.
    """
    http_request = arguments.http_request
    try:
        with standing_in():
            result = await again()
    except Exception as error:
        refused = refusal_in_error(error)
        if refused is not None and refused[0] >= 500:
            raise
        return _stays_refused(fallback, http_request)
    refused = await refusal_in(result)
    if refused is not None and refused[0] < 500:
        await discard(result)
        return _stays_refused(fallback, http_request)
    forget_refusal(http_request)
    note_fallback(http_request, fallback.asked, fallback.model)
    headers = {"X-Usage-Fallback-Model": quote(fallback.model, safe="/:@+ ")}
    headers["X-Usage-Fallback-Budget"] = quote(fallback.budget.name, safe=" ")
    add_notice(http_request, headers=headers)
    if fallback.message_id is not None:
        running.host.status_line.remember(fallback.message_id, fallback_message(fallback.budget, fallback.model))
    if (arguments.path or "").startswith(_DIRECT_ROUTES):
        return with_headers(result, headers, is_last=True)
    return result


def _stays_refused(fallback: Fallback, http_request: Any) -> Response:
    fallback.count()
    return keep_refusal(http_request, fallback.refusal)


def with_headers(answer: Any, headers: Mapping[str, str], *, is_last: bool) -> Any:
    """`answer` with more headers. `is_last`: the client gets it as it is, so what is no response yet becomes one."""
    if not headers:
        return answer
    known = getattr(answer, "headers", None)
    if known is not None and hasattr(answer, "status_code"):
        known.update(headers)
        return answer
    if is_last and isinstance(answer, dict):
        from fastapi.encoders import jsonable_encoder
        from starlette.responses import JSONResponse

        return JSONResponse(jsonable_encoder(answer), headers=dict(headers))
    return answer
