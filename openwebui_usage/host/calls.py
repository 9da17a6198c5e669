"""The one place where a model call enters and leaves this package.

Open WebUI has many ways to a model (chats, tool rounds, tasks, channels, pass-through endpoints, …) and all of them end
in the functions listed in `PATCH_POINTS`. Their names have been stable since 0.6.18. Each is wrapped where it is
defined, and replaced in every route and module that had taken hold of it.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Literal

from openwebui_usage.admission.gate import Gate, LedgerAway
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.host import compat, connections
from openwebui_usage.host.connections import Connections
from openwebui_usage.host.effort import EffortPolicy, pop_requested_effort, said_of_effort
from openwebui_usage.host.models import HostModels
from openwebui_usage.host.patching import Undo, replace_everywhere
from openwebui_usage.host.provider_answers import Refusal as ProviderRefusal
from openwebui_usage.host.provider_answers import discard, refusal_in, refusal_of
from openwebui_usage.host.refusals import (
    ambiguous_response,
    away_response,
    background_response,
    refusal_response,
    unlisted_response,
    unmetered_response,
    unreadable_response,
)
from openwebui_usage.host.status import StatusLine
from openwebui_usage.host.valves import Valves
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.meter import Call, Meter, Refused
from openwebui_usage.rules.additions import (
    USAGE,
    Addition,
    RefusedAdditions,
    Target,
    additions,
    ask_for_usage,
    kept_for_repetition,
)
from openwebui_usage.rules.budgets import Refusal
from openwebui_usage.rules.connections import Connection, MeteringRules
from openwebui_usage.rules.effort import chat_to_responses
from openwebui_usage.rules.hidden_thoughts import effort_of
from openwebui_usage.rules.model_ids import bounded
from openwebui_usage.rules.passthrough import Route, is_model_key, read_body, route_of
from openwebui_usage.rules.provider_refusals import refused_names
from openwebui_usage.rules.wires import Wire

log = logging.getLogger(__name__)

Original = Callable[..., Awaitable[Any]]
Kind = Literal["provider", "pipe", "direct", "embeddings", "proxy"]


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """A function of the host that calls a provider."""

    module: str
    name: str
    wire: Wire = "chat"
    kind: Kind = "provider"


_OPENAI = "open_webui.routers.openai"
_OLLAMA = "open_webui.routers.ollama"
_MIDDLEWARE = "open_webui.utils.middleware"

PATCH_POINTS = (
    PatchPoint(_OPENAI, "generate_chat_completion"),
    PatchPoint(_OPENAI, "responses", "responses"),
    PatchPoint(_OPENAI, "embeddings", kind="embeddings"),
    PatchPoint(_OPENAI, "proxy", kind="proxy"),
    PatchPoint(_OLLAMA, "generate_chat_completion", "ollama"),
    PatchPoint(_OLLAMA, "generate_completion", "ollama"),
    PatchPoint(_OLLAMA, "generate_openai_chat_completion"),
    PatchPoint(_OLLAMA, "generate_openai_completion"),
    PatchPoint(_OLLAMA, "generate_anthropic_messages", "anthropic"),
    PatchPoint(_OLLAMA, "generate_responses", "responses"),
    PatchPoint(_OLLAMA, "embed", "ollama", "embeddings"),
    PatchPoint(_OLLAMA, "embeddings", "ollama", "embeddings"),
    PatchPoint(_OLLAMA, "generate_openai_embeddings", kind="embeddings"),
    PatchPoint("open_webui.functions", "generate_function_chat_completion", kind="pipe"),
    PatchPoint("open_webui.utils.chat", "generate_direct_chat_completion", kind="direct"),
    PatchPoint("open_webui.main", "passthrough_anthropic_messages", "anthropic"),
)

_FALLBACK = {"responses": 0, "embeddings": 0, "proxy": 0}
"""Where the host sends a model that none of its connections lists: to the first one."""

UNKNOWN = "(unknown)"
"""The model of a pass-through call that names none: some providers have only one."""

_ADMITTED = "openwebui_usage_admitted"
_TASKS = "openwebui_usage_tasks"

_NOTHING: frozenset[str] = frozenset()

_CHAT_COMPLETIONS = re.compile(r"/completions(?:/\d+)?/?$")
"""Routes that answer in OpenAI's own chunks. All others translate them, into protocols that always tell usage."""

_outer: ContextVar[Call | None] = ContextVar("openwebui_usage_outer_call", default=None)


@dataclass(slots=True)
class _Outgoing:
    """A call that is about to be made."""

    request: CallRequest
    given: Any = None
    """The body as the host passed it: a dict, a pydantic model, or None where it is none of our business."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """The same as a dict."""
    sent: dict[str, Any] | None = None
    """What goes out instead."""
    added: list[Addition] = field(default_factory=list)
    target: Callable[[], Target] | None = None
    kept: dict[str, Any] | None = None
    """What was sent, for a repetition: the host may change the other while it works on it."""
    refusal: Any = None
    """What is answered at once: nothing is sent."""

    def form(self) -> Any:
        """The body for the host's function."""
        return _with_changes(self.given, self.body, self.sent) if self.sent is not None else self.given

    def take_back(self, refused: Iterable[Addition]) -> None:
        """Prepare a repetition without what was refused."""
        gone = list(refused)
        self.added = [addition for addition in self.added if addition not in gone]
        self.sent = dict(self.kept or {})
        for addition in gone:
            addition.take_back(self.sent)
        self.kept = kept_for_repetition(self.sent) if self.added else None


class Seam:
    """The wrappers. They pass everything through untouched while `meter` is None (before start, after stop)."""

    def __init__(self) -> None:
        """Not metering yet."""
        self.meter: Meter | None = None
        self.host_models: HostModels | None = None
        self.connections: Connections | None = None
        self.valves: Valves | None = None
        self.effort_policy: EffortPolicy | None = None
        self.gate: Gate | None = None
        self.status: StatusLine | None = None
        self.fail_closed = False
        """Refuse a call that a fault of ours keeps from being checked."""
        self.refused_additions = RefusedAdditions()
        self.faults: dict[str, int] = {}
        """How often each part of ours failed, since the start."""
        self.wrapped: list[str] = []
        """What was found on this host and wrapped, for the log and the status."""
        self.missing: list[str] = []
        """What this host does not have. At import nobody would read of it: its log is not set up yet."""

    @property
    def taken_back(self) -> list[dict[str, Any]]:
        """What providers refused of our additions, so that it is left out: `RefusedAdditions.listed`."""
        return self.refused_additions.listed()

    def wrap_module(self, module: ModuleType) -> list[Undo]:
        """Wrap every point of `module`, and whatever of it the rest of the host holds already."""
        undos: list[Undo] = []
        for point in PATCH_POINTS:
            if point.module == module.__name__:
                undos += self._wrap(module, point.name, functools.partial(self._metered, point))
        if module.__name__ == _OPENAI:
            undos += self._wrap(module, "convert_to_responses_payload", _translated)
        if module.__name__ == _MIDDLEWARE:
            undos += self._wrap(module, "outlet_filter_handler", self._with_status)
        return undos

    def wrap_chat_endpoint(self, module: ModuleType) -> list[Undo]:
        """Wrap `open_webui.main.chat_completion`, the one route that all chats come in by."""
        return self._wrap(module, "chat_completion", self._chat_endpoint)

    def _wrap(self, module: ModuleType, name: str, make: Callable[[Original], Original]) -> list[Undo]:
        original = getattr(module, name, None)
        label = f"{module.__name__.removeprefix('open_webui.')}.{name}"
        if not callable(original):
            self.missing.append(label)
            return []
        wrapper = make(original)
        functools.update_wrapper(wrapper, original)
        try:
            # FastAPI reads a string annotation with the globals of the function at hand, which are ours.
            wrapper.__signature__ = inspect.signature(original, eval_str=True)  # type: ignore[attr-defined]
        except (NameError, TypeError, ValueError):
            log.debug("The annotations of %s cannot be evaluated", label)
        self.wrapped.append(label)
        return replace_everywhere(module, original, wrapper)

    def _metered(self, point: PatchPoint, original: Original) -> Original:
        names = compat.parameter_names(original)

        async def metered(*args: Any, **kwargs: Any) -> Any:
            meter = self.meter
            if meter is None:
                return await original(*args, **kwargs)
            given = dict(zip(names, args, strict=False), **kwargs)
            try:
                out = await self._before_call(point, given)
                refusal = None if out is None else out.refusal
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("A call could not be metered; it goes on without us", error)
                return away_response() if self.fail_closed else await original(*args, **kwargs)
            if out is None:
                return await original(*args, **kwargs)
            if refusal is not None:
                return refusal
            info = out.request.info
            outer = _outer.get()
            try:
                call = await meter.open(out.request, None if outer is None else outer.id)
            except Refused as refused:
                return await self._refusal_response(refused.refusal, info.model, given.get("user"))
            except LedgerAway:
                return away_response()
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("A call could not be checked against limits", error)
                if self.fail_closed:
                    return away_response()
                try:
                    call = meter.open_unchecked(out.request)
                except Exception as broken:  # noqa: BLE001 - told by `_fault`
                    self._fault("A call could not be metered; it goes on without us", broken)
                    return await original(*args, **kwargs)
            if outer is not None:
                outer.inner_calls += 1
            if info.task is not None and out.request.is_admitted:
                _own_tasks(given.get("request")).append(call)

            if out.sent is not None:
                call.effort = effort_of(out.sent)

            async def ask(form: Any) -> Any:
                asked_args, asked_kwargs = _with_form(names, args, kwargs, form)
                return await original(*asked_args, **asked_kwargs)

            # Only a pipe makes calls of its own; what a provider's function starts besides is nobody's inner call.
            token = _outer.set(call if point.kind == "pipe" else None)
            try:
                result = await self._ask(point, ask, out, call)
            except Exception as error:
                await _log_errors(_refused(call, error))
                if outer is not None and call.row is None and not call.inner_calls:
                    outer.inner_calls -= 1  # The host refused it, no provider was asked.
                raise
            except BaseException:  # Cancelled while the provider was thinking: it bills the prompt.
                call.stopped()
                raise
            finally:
                _outer.reset(token)
            try:
                return await self._after_call(point, call, result)
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("A call could not be settled", error)
                return result

        return metered

    async def _ask(self, point: PatchPoint, ask: Callable[[Any], Awaitable[Any]], out: _Outgoing, call: Call) -> Any:
        """Make the call. Where its provider refuses what we added, make it once more without that: it is one call."""
        gone: list[Addition] = []
        while True:
            if not out.added:
                result = await ask(out.form())
                break
            try:
                result = await ask(out.form())
            except Exception as error:
                refused = self._refused(out, refusal_of(error, is_direct=point.kind == "direct"))
                if not refused:
                    raise
            else:
                refused = self._refused(out, await refusal_in(result))
                if not refused:
                    break
                await discard(result)
            out.take_back(refused)
            gone += refused
            if any(addition.field == USAGE for addition in refused):
                call.request = replace(call.request, hide_usage_chunk=False)
        if gone and await refusal_in(result) is None:
            self._remember(out, gone)
        return result

    def _refused(self, out: _Outgoing, refusal: ProviderRefusal | None) -> list[Addition]:
        """What of our additions a refusal names."""
        if refusal is None or out.kept is None:
            return []
        try:
            status, answer = refusal
            names = frozenset[str]().union(*(addition.names for addition in out.added))
            found = refused_names(status, answer, names, model=out.request.info.called_model)
            return [addition for addition in out.added if addition.names & found]
        except Exception as error:  # noqa: BLE001 - told by `_fault`
            self._fault("A provider's refusal could not be read", error)
            return []

    def _remember(self, out: _Outgoing, gone: Iterable[Addition]) -> None:
        if out.target is None:
            return
        fields = {addition.field for addition in gone}
        if out.body.get("stream") is not True:
            # "stream": "no" is a stream to some and none to others: that says nothing about usage in streams.
            fields.discard(USAGE)
        target = out.target()
        new = fields - self.refused_additions.of(target)
        if new:
            self.refused_additions.add(target, new)
            log.warning(
                "%s takes no %s for %s: it is left out from now on",
                target.connection,
                " and no ".join(sorted(new)),
                target.model,
            )

    async def _before_call(self, point: PatchPoint, arguments: dict[str, Any]) -> _Outgoing | None:
        """What is to be known of a call, from the arguments that the host makes it with.

        None where this is no call to a model. Each part that fails leaves the others alone.
        """
        request, user, form = arguments.get("request"), arguments.get("user"), arguments.get("form_data")
        wire, kind, route, is_ambiguous = point.wire, point.kind, None, False
        rules = await self._metering_rules()
        if kind == "proxy":
            if request is None or not compat.passes_through(sys.modules.get(point.module)):
                return None
            data = await request.body()
            route = route_of(request.method, str(arguments.get("path", "")), has_body=bool(data))
            if route.use == "free" or (route.use == "unknown" and rules.allow_unknown_paths and _only_reads(request)):
                return None
            wire, kind = route.wire, "provider" if route.generates else "embeddings"
            form, is_ambiguous = _named(data)
        body = form if isinstance(form, dict) else form.model_dump(exclude_none=True) if form is not None else {}
        if not isinstance(body.get("model"), str) or self.host_models is None:
            return None
        model = bounded(body["model"])
        base = await self._base_of(model)
        called_model = base or model
        if point.module == _OLLAMA and ":" not in called_model:
            called_model += ":latest"  # As Ollama understands a name without a tag.
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        user_id = _attribute(user, "id")
        # Where the host takes any id, it does not look for a base model either.
        asked_for = model if point.module == _OPENAI and point.name in _FALLBACK else called_model
        going_to = await self._connections_of(point, arguments, asked_for)
        path = _text((getattr(request, "scope", None) or {}).get("path"))
        task = _text(metadata.get("task"))
        out = _Outgoing(
            CallRequest(
                CallInfo(
                    model=model,
                    called_model=called_model,
                    user_id=user_id,
                    user_name=_attribute(user, "name"),
                    user_groups=await self._user_groups(user_id),
                    chat_id=_text(metadata.get("chat_id")),
                    message_id=_text(metadata.get("message_id")),
                    task=task,
                    path=path,
                    unverified=kind == "direct",
                    provider_url=_shared_url(going_to),
                    is_free_connection=rules.is_free(going_to),
                ),
                body,
                wire,
                generates=kind != "embeddings",
                counts_reports_only=route is not None and route.use == "unknown",
                # Whoever brings a provider along uses nothing that a budget counts.
                is_admitted=kind == "direct" or (task is not None and _was_admitted(request)),
                own_tasks=tuple(call.row for call in _own_tasks(request) if call.row is not None),
            ),
            given=arguments.get("form_data"),
            body=body,
        )
        if kind != "direct":
            refuse = self._unmetered(point, out, route, rules, request, is_ambiguous=is_ambiguous)
            if refuse is not None and self._is_limiting():
                out.refusal = refuse()
        if route is not None and route.use == "unknown" and out.refusal is None and _only_reads(request):
            return None
        # A pipe's body is its own business: what it hands to a client of its own we cannot take back.
        if out.refusal is None and kind in ("provider", "direct") and route is None and wire in ("chat", "ollama"):
            try:
                await self._add(point, out, going_to, rules, request, base=base)
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("Nothing is added to a request", error)
                out.sent, out.added, out.kept = None, [], None
        elif kind == "pipe" and not metadata.get("session_id") and "reasoning" not in body:
            said = said_of_effort(request)
            if said is not None:  # By the API's caller, to whom the pipe is the provider.
                out.sent = {key: value for key, value in body.items() if key != "metadata"} | {"reasoning": said}
        return out

    async def _add(
        self,
        point: PatchPoint,
        out: _Outgoing,
        going_to: tuple[Connection, ...],
        rules: MeteringRules,
        request: Any,
        *,
        base: str | None,
    ) -> None:
        """Add an effort and a question for usage to what is sent, where its provider takes them."""
        info, body = out.request.info, out.body
        out.target = functools.partial(_target, point, info, going_to, bool(body.get("tools")))
        left_out = self.refused_additions.of(out.target()) if self.refused_additions else _NOTHING
        sent = dict(body)
        sent.pop("metadata", None)
        steered = await self._steered(point, out, sent, going_to, request, base=base)
        added = []
        if steered is not sent:
            for addition in additions(sent, steered):
                if addition.field in left_out:
                    addition.take_back(steered)
                else:
                    added.append(addition)
        sent = steered
        asks = out.request.wire == "chat" and point.kind != "direct" and bool(sent.get("stream"))
        if asks and USAGE not in left_out and all(rules.asks_for_usage(found) for found in going_to):
            asked = ask_for_usage(sent)
            if asked is not None:
                added.append(asked)
                has_page = bool((body.get("metadata") or {}).get("session_id"))
                if not has_page and _CHAT_COMPLETIONS.search(info.path or ""):
                    out.request = replace(out.request, hide_usage_chunk=True)
        out.sent, out.added = sent, added
        out.kept = kept_for_repetition(sent) if added else None

    async def _steered(
        self,
        point: PatchPoint,
        out: _Outgoing,
        sent: dict[str, Any],
        going_to: tuple[Connection, ...],
        request: Any,
        *,
        base: str | None,
    ) -> dict[str, Any]:
        """`sent` with the effort in it that the user and the admin want; as it was where that fails."""
        if request is None or self.effort_policy is None or point.name == "generate_completion":
            return sent
        steered = dict(sent)
        info = out.request.info
        ids = frozenset((info.model, base)) if base else frozenset((info.model,))
        try:
            await self.effort_policy.apply(
                request,
                steered,
                ids,
                info.user_id,
                ollama=out.request.wire == "ollama",
                is_task=info.task is not None,
                connections=going_to,
            )
        except Exception as error:  # noqa: BLE001 - told by `_fault`
            self._fault("The effort of a call could not be set", error)
            return sent
        return steered

    def _unmetered(
        self,
        point: PatchPoint,
        out: _Outgoing,
        route: Route | None,
        rules: MeteringRules,
        request: Any,
        *,
        is_ambiguous: bool,
    ) -> Callable[[], Any] | None:
        """The answer to a call that no limit can hold, for the case that there is one; None for all other calls."""
        model, body = out.request.info.model, out.body
        is_unknown = route is not None and route.use == "unknown"
        if is_unknown and not rules.allow_unknown_paths:
            return functools.partial(unmetered_response, request.method, out.request.info.path or "")
        if is_ambiguous or any(key != "model" and is_model_key(key) for key in body):
            return ambiguous_response
        if model == UNKNOWN:
            return None if is_unknown else unreadable_response
        if body.get("background") and point.kind != "pipe" and out.request.wire in ("chat", "responses"):
            return background_response
        if point.module != _OPENAI or point.name not in _FALLBACK or rules.allow_unknown_models:
            return None
        if self.connections is None or self.connections.knows("openai", body["model"]):
            return None
        return functools.partial(unlisted_response, model)

    def _is_limiting(self) -> bool:
        try:
            return self.gate is not None and self.gate.is_limiting
        except Exception as error:  # noqa: BLE001 - told by `_fault`
            self._fault("Nobody knows whether there are limits", error)
            return self.fail_closed

    async def _base_of(self, model: str) -> str | None:
        """The base model of a workspace model. A limit may hold for it alone, so `fail_closed` wants to know."""
        if self.host_models is None:
            return None
        try:
            return await self.host_models.base_of(model)
        except Exception as error:
            if self.fail_closed:
                raise
            self._fault("The base model of a call is not known", error)
            return None

    async def _user_groups(self, user_id: str | None) -> tuple[str, ...]:
        try:
            return await self.user_groups(user_id)
        except Exception as error:
            if self.fail_closed:
                raise
            self._fault("The user groups of a call are not known", error)
            return ()

    def _fault(self, what: str, error: Exception) -> None:
        """Tell of a fault of ours: once with all that is known of it, then only by its number."""
        self.faults[what] = self.faults.get(what, 0) + 1
        if self.faults[what] == 1:
            log.error("%s", what, exc_info=error)
        else:
            log.debug("%s (%s times): %s", what, self.faults[what], error)

    async def _connections_of(
        self, point: PatchPoint, arguments: Mapping[str, Any], model: str
    ) -> tuple[Connection, ...]:
        """The connections that a call may go to; empty where nobody knows."""
        if point.kind == "pipe":
            return (connections.of_pipe(model),)
        if point.kind == "direct":
            return (connections.DIRECT,)
        if self.connections is None:
            return ()
        try:
            request, user = arguments.get("request"), arguments.get("user")
            if point.module == _OLLAMA:
                if not self.connections.knows("ollama", model):
                    await self.connections.load_models("ollama", model, request, user)
                return await self.connections.of_provider("ollama", model, arguments.get("url_idx"))
            if not self.connections.knows("openai", model):
                await self.connections.load_models("openai", model, request, user)
            return await self.connections.of_provider("openai", model, fallback=_FALLBACK.get(point.name))
        except Exception as error:  # noqa: BLE001 - told by `_fault`
            self._fault("Nobody knows which connection a call goes to", error)
            return ()

    async def _metering_rules(self) -> MeteringRules:
        try:
            return await self.valves.metering_rules() if self.valves is not None else MeteringRules()
        except Exception as error:  # noqa: BLE001 - told by `_fault`
            self._fault("The valves of metering cannot be read; the defaults hold", error)
            return MeteringRules()

    async def user_groups(self, user_id: str | None) -> tuple[str, ...]:
        """The user groups of a user, where a budget asks for them."""
        if self.gate is None or self.host_models is None or user_id is None:
            return ()
        if not any(budget.scope.kind.endswith("group") for budget in self.gate.definitions.budgets):
            return ()
        return await self.host_models.user_groups(user_id)

    async def _refusal_response(self, refusal: Refusal, model: str, user: Any) -> Any:
        """HTTP 429, which tells names and numbers only to those who may use the model: the host looks at that later."""
        known = _attribute(user, "role") == "admin"
        try:
            if not known and self.host_models is not None and user is not None:
                known = any(model == visible.id for visible in await self.host_models.visible_to(user))
        except Exception:
            log.exception("Nobody knows whether a user may see a limit; it is not shown")
        return refusal_response(refusal, is_named=known)

    async def _after_call(self, point: PatchPoint, call: Call, result: Any) -> Any:
        """Settle a call by what the host's function returned: at once, or when the stream has passed."""
        status = getattr(result, "status_code", 200)
        chunks = getattr(result, "body_iterator", None)
        if status >= 400:
            await _log_errors(call.failed())
        elif chunks is not None:
            result.body_iterator = call.forward(_as_outer(call, chunks) if point.kind == "pipe" else chunks)
        else:
            body = getattr(result, "body", result)
            if isinstance(body, bytes | bytearray | memoryview):
                body = _parsed(bytes(body))
            failed = isinstance(body, Mapping) and body.get("error") and not body.get("choices")
            await _log_errors(call.failed() if failed else call.answered(body))
        return result

    def _chat_endpoint(self, original: Original) -> Original:
        names = compat.parameter_names(original)

        async def chat_completion(*args: Any, **kwargs: Any) -> Any:
            if self.meter is None:
                return await original(*args, **kwargs)
            given = dict(zip(names, args, strict=False), **kwargs)
            request, form = given.get("request"), given.get("form_data")
            if request is None or not isinstance(form, dict):
                return await original(*args, **kwargs)
            try:
                pop_requested_effort(request, form)
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("The effort of a chat could not be read", error)
            user = given.get("user")
            try:
                refusal = await self._refusal(form, user)
                setattr(request.state, _ADMITTED, refusal is None)
            except LedgerAway:  # The provider's seam says it.
                refusal = None
            # In the page a refusal shows as the error of the message, which the provider's seam answers with.
            if refusal is not None and not form.get("session_id"):
                return await self._refusal_response(refusal, form["model"], user)
            return await original(*args, **kwargs)

        return chat_completion

    def _with_status(self, original: Original) -> Original:
        """The host runs this once per reply, when it is complete: the place for the status line."""

        async def outlet_filter_handler(ctx: Any, *args: Any, **kwargs: Any) -> Any:
            result = await original(ctx, *args, **kwargs)
            try:
                if self.status is not None and isinstance(ctx, Mapping):
                    await self.status.send(ctx)
            except Exception as error:  # noqa: BLE001 - told by `_fault`
                self._fault("A status line could not be sent", error)
            return result

        return outlet_filter_handler

    async def _refusal(self, form: Mapping[str, Any], user: Any) -> Refusal | None:
        """Whether the chat would be refused: found out early, API callers get a true 429 from every host version."""
        model, item = form.get("model"), form.get("model_item")
        if self.gate is None or self.host_models is None or not isinstance(model, str):
            return None
        if isinstance(item, Mapping) and item.get("direct"):
            return None
        try:
            model = bounded(model)
            base = await self.host_models.base_of(model)
            user_id = _attribute(user, "id")
            groups = await self.user_groups(user_id)
            return await self.gate.check(CallInfo(model, base or model, user_id=user_id, user_groups=groups))
        except LedgerAway:
            raise
        except Exception:
            log.exception("A chat could not be checked; it goes on")
            return None


def _was_admitted(request: Any) -> bool:
    """Whether this is the request of a chat that was admitted: the tasks that it brings with it are never refused.

    Only there is it the host who says what is a task; other routes take the caller's word for it.
    """
    return getattr(getattr(request, "state", None), _ADMITTED, False) is True


def _own_tasks(request: Any) -> list[Call]:
    """The tasks of the chat that this is the request of."""
    state = getattr(request, "state", None)
    tasks: list[Call] | None = getattr(state, _TASKS, None)
    if tasks is None:
        tasks = []
        if state is not None:
            setattr(state, _TASKS, tasks)
    return tasks


def _shared_url(going_to: tuple[Connection, ...]) -> str | None:
    """The base URL that all of them have."""
    if not going_to:
        return None
    url = going_to[0].url
    return url if len(going_to) == 1 or all(found.url == url for found in going_to) else None


def _target(point: PatchPoint, info: CallInfo, going_to: tuple[Connection, ...], has_tools: bool) -> Target:
    names = (f"{found.id} {found.url or ''}".strip() for found in going_to)
    return Target("|".join(names) or f"{point.module}.{point.name}", info.called_model, has_tools)


def _only_reads(request: Any) -> bool:
    return request.method in ("GET", "HEAD", "DELETE")


def _named(data: bytes) -> tuple[dict[str, Any], bool]:
    """A pass-through body with the model that it names, and whether it names two.

    What cannot be read goes to the provider all the same.
    """
    body, is_ambiguous = read_body(data)
    if body is None:
        return {"model": UNKNOWN, "prompt": data.decode(errors="replace")}, False
    return (body if isinstance(body.get("model"), str) else {**body, "model": UNKNOWN}), is_ambiguous


def _translated(original: Callable[..., Any]) -> Any:
    """Open WebUI passes `reasoning_effort` on to the Responses API, which rejects it."""

    def convert_to_responses_payload(payload: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        payload = {**payload}
        chat_to_responses(payload)
        return original(payload, *args, **kwargs)

    return convert_to_responses_payload


def _with_form(
    names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any], form: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the host passed them, with another form."""
    if "form_data" in kwargs:
        return args, {**kwargs, "form_data": form}
    if "form_data" not in names or (place := names.index("form_data")) >= len(args):
        return args, kwargs
    return (*args[:place], form, *args[place + 1 :]), kwargs


def _with_changes(form: Any, body: Mapping[str, Any], sent: dict[str, Any]) -> Any:
    """`form` as the host passed it, a dict or a pydantic model, with what we changed."""
    if isinstance(form, dict):
        return {**sent, "metadata": body["metadata"]} if "metadata" in body else sent
    changes = {key: value for key, value in sent.items() if body.get(key) != value}
    changes |= {key: None for key in body if key not in sent and key != "metadata"}
    return form.model_copy(update=changes) if changes else form


async def _as_outer(call: Call, chunks: Any) -> Any:
    """Run a pipe's stream so that provider calls inside it know on whose behalf they are made.

    The pipe runs while its stream is read, long after our wrapper returned, in the context of whoever reads.
    """
    while True:
        token = _outer.set(call)
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        finally:
            _outer.reset(token)
        yield chunk


async def _refused(call: Call, error: Exception) -> None:
    """A call that raised: it has a row where a provider was asked, none where the host refused it before."""
    status = getattr(error, "status_code", 500)
    if status in (401, 403, 404) or (status == 400 and type(error).__name__ == "HTTPException"):
        call.forget()
    else:
        await call.failed()


async def _log_errors(settling: Awaitable[None]) -> None:
    """A fault of ours never becomes a fault of the host's."""
    try:
        await settling
    except Exception:
        log.exception("A call could not be settled")


def _attribute(user: Any, name: str) -> str | None:
    value = user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
    return _text(value)


def _text(value: Any) -> str | None:
    # PostgreSQL takes no NUL in a text.
    return value.replace("\x00", "")[:1000] if isinstance(value, str) and value else None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
