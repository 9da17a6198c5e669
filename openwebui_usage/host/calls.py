"""The one place where a model call enters and leaves this package.

Open WebUI has many ways to a model (chats, tool rounds, tasks, channels, pass-through endpoints, …) and all of them end
in the functions listed in `POINTS`. Their names have been stable since 0.6.18. Each is wrapped where it is defined,
and replaced in every route and module that had taken hold of it.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from openwebui_usage.admission.gate import Gate, LedgerAway
from openwebui_usage.host import connections
from openwebui_usage.host.connections import Connections
from openwebui_usage.host.effort import Steering, take_from_chat
from openwebui_usage.host.models import Catalog
from openwebui_usage.host.refusals import away_response, refusal_response, unreadable_response
from openwebui_usage.host.status import StatusLine
from openwebui_usage.host.valves import Valves
from openwebui_usage.meter import Call, CallInfo, Meter, Refused
from openwebui_usage.rules.budgets import Refusal, Subject
from openwebui_usage.rules.connections import Connection, MeteringRules
from openwebui_usage.rules.effort import chat_to_responses
from openwebui_usage.rules.streams import Wire

log = logging.getLogger(__name__)

Undo = Callable[[], None]
Original = Callable[..., Awaitable[Any]]
Kind = Literal["provider", "pipe", "direct", "embeddings", "proxy"]


@dataclass(frozen=True, slots=True)
class Point:
    """A function of the host that calls a provider."""

    module: str
    name: str
    wire: Wire = "chat"
    kind: Kind = "provider"


_OPENAI = "open_webui.routers.openai"
_OLLAMA = "open_webui.routers.ollama"
_MIDDLEWARE = "open_webui.utils.middleware"

POINTS = (
    Point(_OPENAI, "generate_chat_completion"),
    Point(_OPENAI, "responses", "responses"),
    Point(_OPENAI, "embeddings", kind="embeddings"),
    Point(_OPENAI, "proxy", kind="proxy"),
    Point(_OLLAMA, "generate_chat_completion", "ollama"),
    Point(_OLLAMA, "generate_completion", "ollama"),
    Point(_OLLAMA, "generate_openai_chat_completion"),
    Point(_OLLAMA, "generate_openai_completion"),
    Point(_OLLAMA, "generate_anthropic_messages", "anthropic"),
    Point(_OLLAMA, "generate_responses", "responses"),
    Point(_OLLAMA, "embed", "ollama", "embeddings"),
    Point(_OLLAMA, "embeddings", "ollama", "embeddings"),
    Point(_OLLAMA, "generate_openai_embeddings", kind="embeddings"),
    Point("open_webui.functions", "generate_function_chat_completion", kind="pipe"),
    Point("open_webui.utils.chat", "generate_direct_chat_completion", kind="direct"),
    Point("open_webui.main", "passthrough_anthropic_messages", "anthropic"),
)

_PROXIED: dict[str, tuple[Wire, Kind]] = {
    "chat/completions": ("chat", "provider"),
    "completions": ("chat", "provider"),
    "responses": ("responses", "provider"),
    "messages": ("anthropic", "provider"),
    "embeddings": ("chat", "embeddings"),
}

_FALLBACK = {"responses": 0, "embeddings": 0, "proxy": 0}
"""Where the host sends a model that none of its connections lists: to the first one."""

UNKNOWN = "(unknown)"
"""The model of a pass-through call that names none: some providers have only one."""

_ADMITTED = "openwebui_usage_admitted"
_TASKS = "openwebui_usage_tasks"

_outer: ContextVar[Call | None] = ContextVar("openwebui_usage_outer_call", default=None)


class Seam:
    """The wrappers. They pass everything through untouched while `meter` is None (before start, after stop)."""

    def __init__(self) -> None:
        """Not metering yet."""
        self.meter: Meter | None = None
        self.catalog: Catalog | None = None
        self.connections: Connections | None = None
        self.valves: Valves | None = None
        self.steering: Steering | None = None
        self.gate: Gate | None = None
        self.status: StatusLine | None = None
        self.hooked: list[str] = []
        """What was found on this host and wrapped, for the log and the status."""
        self.missing: list[str] = []
        """What this host does not have. At import nobody would read of it: its log is not set up yet."""

    def wrap_module(self, module: ModuleType) -> list[Undo]:
        """Wrap every point of `module`, and whatever of it the rest of the host holds already."""
        undos: list[Undo] = []
        for point in POINTS:
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
        self.hooked.append(label)
        return _replace_everywhere(module, original, wrapper)

    def _metered(self, point: Point, original: Original) -> Original:
        names = tuple(inspect.signature(original).parameters)

        async def metered(*args: Any, **kwargs: Any) -> Any:
            meter = self.meter
            if meter is None:
                return await original(*args, **kwargs)
            try:
                given = dict(zip(names, args, strict=False), **kwargs)
                info = await self._enter(point, given)
                args, kwargs = _with_form(names, args, kwargs, given)
            except Exception:
                log.exception("A call could not be metered; it goes on without us")
                return await original(*args, **kwargs)
            if info is None:
                return await original(*args, **kwargs)
            if info.model == UNKNOWN and self.gate is not None and self.gate.is_limiting:
                return unreadable_response()
            outer = _outer.get()
            try:
                call = await meter.open(info, None if outer is None else outer.id)
            except Refused as refused:
                return await self._refusal_response(refused.refusal, info.model, given.get("user"))
            except LedgerAway:
                return away_response()
            except Exception:
                log.exception("A call could not be checked; it goes on without us")
                return await original(*args, **kwargs)
            if outer is not None:
                outer.inner_calls += 1
            if info.task is not None and info.is_admitted:
                _own_tasks(given.get("request")).append(call)
            # Only a pipe makes calls of its own; what a provider's function starts besides is nobody's inner call.
            token = _outer.set(call if point.kind == "pipe" else None)
            try:
                result = await original(*args, **kwargs)
            except Exception as error:
                await _safely(_refused(call, error))
                if outer is not None and call.row is None and not call.inner_calls:
                    outer.inner_calls -= 1  # The host refused it, no provider was asked.
                raise
            except BaseException:  # Cancelled while the provider was thinking: it bills the prompt.
                call.stopped()
                raise
            finally:
                _outer.reset(token)
            return await self._leave(point, call, result)

        return metered

    async def _enter(self, point: Point, arguments: dict[str, Any]) -> CallInfo | None:
        """What is to be known of a call, from the arguments that the host makes it with; they may be changed here.

        None where this is no call to a model.
        """
        request, user, form = arguments.get("request"), arguments.get("user"), arguments.get("form_data")
        wire, kind = point.wire, point.kind
        if kind == "proxy":
            found = _proxied(str(arguments.get("path", "")))
            if found is None or request is None or request.method != "POST":
                return None
            wire, kind = found
            form = _named(await request.body())
        body = form if isinstance(form, dict) else form.model_dump(exclude_none=True) if form is not None else {}
        if not isinstance(body.get("model"), str) or self.catalog is None:
            return None
        model = body["model"]
        base = await self.catalog.base_of(model)
        called_model = base or model
        if point.module == _OLLAMA and ":" not in called_model:
            called_model += ":latest"  # As Ollama understands a name without a tag.
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        user_id = _attribute(user, "id")
        going_to = await self._connections_of(point, arguments, called_model)
        rules = await self._metering_rules()
        hide = False
        if point.kind != "proxy" and kind != "embeddings" and wire in ("chat", "ollama"):
            sent = {key: value for key, value in body.items() if key != "metadata"}
            if request is not None and self.steering is not None and point.name != "generate_completion":
                ids = frozenset((model, base)) if base else frozenset((model,))
                await self.steering.apply(
                    request, sent, ids, user_id, ollama=wire == "ollama", is_task=bool(metadata.get("task"))
                )
            if wire == "chat" and sent.get("stream") and kind != "direct":
                hide = _ask_for_usage(sent) and not metadata.get("session_id")
            arguments["form_data"] = _with_changes(form, body, sent)
        path = _text((getattr(request, "scope", None) or {}).get("path"))
        task = _text(metadata.get("task"))
        return CallInfo(
            model=model,
            called_model=called_model,
            body=body,
            wire=wire,
            user_id=user_id,
            user_name=_attribute(user, "name"),
            user_groups=await self.user_groups(user_id),
            chat_id=_text(metadata.get("chat_id")),
            message_id=_text(metadata.get("message_id")),
            task=task,
            path=path,
            # Whoever brings a provider of his own uses nothing that a budget counts.
            is_admitted=kind == "direct" or (task is not None and _was_admitted(request)),
            own_tasks=tuple(call.row for call in _own_tasks(request) if call.row is not None),
            unverified=kind == "direct",
            provider_url=going_to[0].url if len({found.url for found in going_to}) == 1 else None,
            is_free_connection=rules.is_free(going_to),
            generates=kind != "embeddings",
            hide_usage_chunk=hide,
        )

    async def _connections_of(self, point: Point, arguments: Mapping[str, Any], model: str) -> tuple[Connection, ...]:
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
                await self.connections.load_models("ollama", model, request, user)
                return await self.connections.of_provider("ollama", model, arguments.get("url_idx"))
            await self.connections.load_models("openai", model, request, user)
            return await self.connections.of_provider("openai", model, fallback=_FALLBACK.get(point.name))
        except Exception:
            log.exception("Nobody knows which connection a call goes to; it is priced without")
            return ()

    async def _metering_rules(self) -> MeteringRules:
        try:
            return await self.valves.metering_rules() if self.valves is not None else MeteringRules()
        except Exception:
            log.exception("The valves of metering cannot be read; the defaults hold")
            return MeteringRules()

    async def user_groups(self, user_id: str | None) -> tuple[str, ...]:
        """The user groups of a user, where a budget asks for them."""
        if self.gate is None or self.catalog is None or user_id is None:
            return ()
        if not any(budget.scope.kind.endswith("group") for budget in self.gate.definitions.budgets):
            return ()
        return await self.catalog.user_groups(user_id)

    async def _refusal_response(self, refusal: Refusal, model: str, user: Any) -> Any:
        """HTTP 429, which tells names and numbers only to those who may use the model: the host looks at that later."""
        known = _attribute(user, "role") == "admin"
        try:
            if not known and self.catalog is not None and user is not None:
                known = any(model == visible.id for visible in await self.catalog.visible_to(user))
        except Exception:
            log.exception("Nobody knows whether a user may see a limit; it is not shown to him")
        return refusal_response(refusal, is_named=known)

    async def _leave(self, point: Point, call: Call, result: Any) -> Any:
        """Settle a call by what the host's function returned: at once, or when the stream has passed."""
        status = getattr(result, "status_code", 200)
        chunks = getattr(result, "body_iterator", None)
        if status >= 400:
            await _safely(call.failed())
        elif chunks is not None:
            result.body_iterator = call.forward(_as_outer(call, chunks) if point.kind == "pipe" else chunks)
        else:
            body = getattr(result, "body", result)
            if isinstance(body, bytes | bytearray | memoryview):
                body = _parsed(bytes(body))
            failed = isinstance(body, Mapping) and body.get("error") and not body.get("choices")
            await _safely(call.failed() if failed else call.answered(body))
        return result

    def _chat_endpoint(self, original: Original) -> Original:
        names = tuple(inspect.signature(original).parameters)

        async def chat_completion(*args: Any, **kwargs: Any) -> Any:
            if self.meter is None:
                return await original(*args, **kwargs)
            given = dict(zip(names, args, strict=False), **kwargs)
            request, form = given.get("request"), given.get("form_data")
            if request is None or not isinstance(form, dict):
                return await original(*args, **kwargs)
            take_from_chat(request, form)
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
            if self.status is not None and isinstance(ctx, Mapping):
                await self.status.send(ctx)
            return result

        return outlet_filter_handler

    async def _refusal(self, form: Mapping[str, Any], user: Any) -> Refusal | None:
        """Whether the chat would be refused: found out early, API callers get a true 429 from every host version."""
        model, item = form.get("model"), form.get("model_item")
        if self.gate is None or self.catalog is None or not isinstance(model, str):
            return None
        if isinstance(item, Mapping) and item.get("direct"):
            return None
        try:
            base = await self.catalog.base_of(model)
            user_id = _attribute(user, "id")
            caller = Subject(user_id, frozenset(await self.user_groups(user_id)))
            return await self.gate.check((model, base) if base else (model,), caller)
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


def _proxied(path: str) -> tuple[Wire, Kind] | None:
    """What a pass-through path asks for, as the host's own HTTP client understands it: whatever it goes round about."""
    from yarl import URL  # aiohttp's, and so the host's

    below = URL(f"http://host/{path}").path.rstrip("/").lower()
    return next((found for end, found in _PROXIED.items() if below.endswith(f"/{end}")), None)


def _named(data: bytes) -> dict[str, Any]:
    """A pass-through body with the model that it names. What cannot be read goes to the provider all the same."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return {"model": UNKNOWN, "prompt": data.decode(errors="replace")}
    return body if isinstance(body.get("model"), str) else {**body, "model": UNKNOWN}


def _translated(original: Callable[..., Any]) -> Any:
    """Open WebUI passes `reasoning_effort` on to the Responses API, which rejects it."""

    def convert_to_responses_payload(payload: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        payload = {**payload}
        chat_to_responses(payload)
        return original(payload, *args, **kwargs)

    return convert_to_responses_payload


def _ask_for_usage(body: dict[str, Any]) -> bool:
    """Ask for usage in the stream. True where nobody had asked, so that the answer must not be seen."""
    options = body.get("stream_options")
    options = options if isinstance(options, dict) else {}
    if options.get("include_usage"):
        return False
    body["stream_options"] = {**options, "include_usage": True}
    return True


def _with_form(
    names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any], given: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as the host passed them, with the form of `given`."""
    if "form_data" in kwargs:
        return args, {**kwargs, "form_data": given["form_data"]}
    if "form_data" not in given:
        return args, kwargs
    place = names.index("form_data")
    return (*args[:place], given["form_data"], *args[place + 1 :]), kwargs


def _with_changes(form: Any, body: dict[str, Any], sent: dict[str, Any]) -> Any:
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


async def _safely(settling: Awaitable[None]) -> None:
    """A fault of ours never becomes a fault of the host's."""
    try:
        await settling
    except Exception:
        log.exception("A call could not be settled")


def _replace_everywhere(module: ModuleType, original: Any, wrapper: Any) -> list[Undo]:
    """Put `wrapper` wherever the host holds `original`: module globals, routes, `app.state`."""
    undos: list[Undo] = []
    for holder in [module, *_host_modules(module)]:
        for name, value in list(vars(holder).items()):
            if value is original:
                setattr(holder, name, wrapper)
                undos.append(functools.partial(setattr, holder, name, original))
    for routes in _routes_of(module):
        for route in routes:
            dependant = getattr(route, "dependant", None)
            if getattr(route, "endpoint", None) is original and dependant is not None:
                route.endpoint = dependant.call = wrapper
                undos.append(functools.partial(_set_endpoint, route, original))
    state = getattr(getattr(module, "app", None), "state", None)
    if getattr(state, "CHAT_COMPLETION_HANDLER", None) is original:
        state.CHAT_COMPLETION_HANDLER = wrapper  # type: ignore[union-attr]
        undos.append(functools.partial(setattr, state, "CHAT_COMPLETION_HANDLER", original))
    return undos


def _set_endpoint(route: Any, endpoint: Any) -> None:
    route.endpoint = route.dependant.call = endpoint


def _host_modules(own: ModuleType) -> Iterable[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("open_webui.") and module is not own and isinstance(module, ModuleType)
    ]


def _routes_of(module: ModuleType) -> Iterable[list[Any]]:
    """The routes of a router module, and of the application if it took them over already."""
    main = sys.modules.get("open_webui.main")
    owners = [getattr(module, "router", None), getattr(getattr(main, "app", None), "router", None)]
    return [routes for owner in owners if isinstance(routes := getattr(owner, "routes", None), list)]


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
