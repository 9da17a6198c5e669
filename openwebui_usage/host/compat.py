"""Every difference between versions of Open WebUI that this package minds, newest first.

Each is told by the host's shape (a name, a parameter, a type), never by its number, so that forks and versions to come
are served by what they have. Read for this table: 0.6.18, 0.6.43, 0.7.2, 0.8.12, 0.9.6, 0.10.2, 0.11.4 and 0.12.4.

| from | what changed | here |
|---|---|---|
| 0.12 | user groups within user groups | `including_outer_groups` |
| 0.11 | a request tells how its caller signed in, `state.auth_type` | `came_by_api_key` |
| 0.11 | one query finds the active filters; before, two list them by name | `leave_out_filters` |
| 0.11 | Ollama's `/v1/embeddings`; Anthropic messages go to Anthropic connections as they are | `is_offered` |
| 0.10 | settings are in the database, no longer on `app.state.config` | `connection_settings` |
| 0.9 | methods of models are coroutines | `maybe_await` |
| 0.9 | the chat endpoint is held by `app.state`, too | `holds_chat_endpoint` |
| 0.9 | the pass-through route has a switch | `passes_through` |
| 0.9 | the server sees that a reply is complete; before, the page tells it | `completes_replies` |
| 0.9 | Ollama's `/v1/responses` | `is_offered` |
| 0.9 to 0.11 | a refusal inside of a chat becomes a plain error | `is_error` |
| 0.8 | connections of the Responses API, `/responses`; Ollama's `/v1/messages` | `is_offered` |
| 0.7 | one query finds the user groups of many users | `groups_of_members` |
| 0.6.43 | one function tells the models that a user may use; before, one tells it of each | `usable_models` |
| 0.6.43 | each user's sockets have a room; before, each is told by itself | `has_user_rooms` |
| any | parameters beside `request`, `form_data` and `user` come and go | `parameter_names` |
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

from openwebui_usage.host.provider_answers import tells_error
from openwebui_usage.rules.connections import ConnectionKind

_API_KEY = "sk-"
"""How the host's API keys begin, in all versions."""
_MEMBERS_AT_ONCE = 200
"""Users in one query for their groups: its answer is worked on without a pause."""


async def maybe_await(value: Any) -> Any:
    """`value`, awaited where it has to be: methods of the host's models are sync before 0.9 and async from then on."""
    return await value if inspect.isawaitable(value) else value


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of a function of the host's, in order.

    All versions have `request`, `form_data` and `user`; what stands between and behind them (`url_idx`, `models`,
    `bypass_filter`, `bypass_system_prompt`, `db`) differs, so arguments are found by name.
    """
    return tuple(inspect.signature(function).parameters)


def is_offered(module: ModuleType, sign: str | None) -> bool:
    """Whether this host has a feature at all: by a path of the module's routes, or by a name that the module has.

    A function that we miss is a loss only where its feature is there, under a name that we do not know. Before 0.8
    there is no `/responses` and no `/v1/messages` of Ollama's, before 0.9 no `/v1/responses` of Ollama's, before 0.11
    no `/v1/embeddings` of Ollama's and no passing on of Anthropic messages. None stands for what all hosts offer.
    """
    if sign is None or hasattr(module, sign):
        return True
    owner = getattr(module, "router", None) or getattr(module, "app", None)
    return any(getattr(route, "path", None) == sign for route in getattr(owner, "routes", ()))


def passes_through(router: ModuleType | None) -> bool:
    """Whether the host's route for all other paths asks a provider: before 0.9 always, from then on by a switch."""
    return getattr(router, "ENABLE_OPENAI_API_PASSTHROUGH", True) is not False


def came_by_api_key(http_request: Any) -> bool:
    """Whether the caller signed in by one of the host's API keys. Before 0.11 that is told by how the token begins."""
    auth_type = getattr(getattr(http_request, "state", None), "auth_type", None)
    return auth_type == "api_key" if auth_type is not None else api_key_of(http_request) is not None


def api_key_of(http_request: Any) -> str | None:
    """The API key that the request brings, from wherever the host took it; None where it brings none."""
    token = getattr(getattr(getattr(http_request, "state", None), "token", None), "credentials", None)
    return token if isinstance(token, str) and token.startswith(_API_KEY) else None


def holds_chat_endpoint(main: ModuleType, endpoint: Any) -> bool:
    """Whether `app.state` holds `endpoint` for automations, subagents and channels: from 0.9 on."""
    state = getattr(getattr(main, "app", None), "state", None)
    return getattr(state, "CHAT_COMPLETION_HANDLER", None) is endpoint


def is_error(answer: Any) -> bool:
    """Whether a chat endpoint's answer is no reply of a model, so that our refusal may stand in its place.

    From 0.12 on, and before 0.9, the endpoint hands on the refusal that it got. In between it raises the sentence as a
    plain HTTP 400, or answers None where the chat has a message to show it in; our status, code and headers are lost.
    """
    return answer is None or getattr(answer, "status_code", 200) >= 400 or tells_error(answer)


def including_outer_groups(find: Callable[..., Any]) -> dict[str, bool]:
    """What to ask `Groups.get_groups_by_member_id` for besides: groups within groups exist from 0.12 on.

    The host lets the members of an inner group use the models of the outer one, so the outer one's budgets hold too.
    """
    return {"include_inherited": True} if "include_inherited" in parameter_names(find) else {}


async def groups_of_members(user_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """The ids of the user groups of many users: of some hundreds at once, or before 0.7 of one after the other."""
    from open_webui.models.groups import Groups

    together = getattr(Groups, "get_groups_by_member_ids", None)
    found: dict[str, frozenset[str]] = {}
    if together is None:
        one = Groups.get_groups_by_member_id
        for user_id in user_ids:
            found[user_id] = _ids(await asyncio.to_thread(one, user_id))
        return found
    options = including_outer_groups(together)
    for start in range(0, len(user_ids), _MEMBERS_AT_ONCE):
        part = list(user_ids[start : start + _MEMBERS_AT_ONCE])
        if inspect.iscoroutinefunction(together):
            groups = await together(part, **options)
        else:
            groups = await asyncio.to_thread(together, part, **options)
        found |= {user_id: _ids(groups.get(user_id, ())) for user_id in part}
    return found


def _ids(groups: Iterable[Any]) -> frozenset[str]:
    return frozenset([group.id for group in groups])


async def usable_models(models: list[dict[str, Any]], user: Any) -> list[dict[str, Any]]:
    """Those of the host's `models` that `user` may use: it tells all of them at once, or one by one."""
    from open_webui.utils import models as host_models

    find = getattr(host_models, "get_filtered_models", None)
    if find is not None:
        return list(await maybe_await(find(models, user)))
    return await asyncio.to_thread(_usable_one_by_one, models, user, host_models.check_model_access)


def _usable_one_by_one(
    models: list[dict[str, Any]], user: Any, check: Callable[[Any, dict[str, Any]], None]
) -> list[dict[str, Any]]:
    from open_webui.env import BYPASS_MODEL_ACCESS_CONTROL

    if BYPASS_MODEL_ACCESS_CONTROL or user.role != "user":
        return models
    usable = []
    for model in models:
        try:
            check(user, model)
            usable.append(model)
        except Exception as error:
            if str(error) != "Model not found":
                raise
    return usable


def has_user_rooms(host_socket: ModuleType) -> bool:
    """Whether the sockets of a user are in a room `user:ID`; where they are not, each is sent what is for the user."""
    return hasattr(host_socket, "emit_to_users")


def completes_replies(middleware: ModuleType | None) -> bool:
    """Whether the server itself sees that a reply is complete, and runs the outlets of filters and pipelines then.

    Before 0.9 the page does, and tells by `/api/chat/completed`; the middleware has the pipelines' outlet at hand, and
    does not use it. There a refusal that is answered, not raised, leaves the page waiting for the rest of the reply.
    """
    if middleware is None or hasattr(middleware, "outlet_filter_handler"):
        return True
    functions = [inspect.unwrap(value) for value in vars(middleware).values() if inspect.isfunction(value)]
    return any("process_pipeline_outlet_filter" in function.__code__.co_names for function in functions)


def leave_out_filters(functions: Any, filters: ModuleType, is_kept: Callable[[str], bool]) -> Callable[[], None]:
    """Have the host run only the filters whose id `is_kept`; returns the undoing.

    `functions` is the host's `models.functions.Functions`, `filters` its `utils.filter`. From 0.11 on one method lists
    the filters that run; before, `utils.filter` asks for all active ones and for the global ones.
    """
    original = getattr(functions, "get_active_filter_ids", None)
    if original is None:
        return _hide_filters(filters, is_kept)

    async def get_active_filter_ids(*args: Any, **kwargs: Any) -> list[tuple[str, bool]]:
        return [entry for entry in await original(*args, **kwargs) if is_kept(entry[0])]

    functions.get_active_filter_ids = get_active_filter_ids

    def undo() -> None:
        with contextlib.suppress(AttributeError):
            del functions.get_active_filter_ids  # The one of the class shows again.

    return undo


def _hide_filters(filters: ModuleType, is_kept: Callable[[str], bool]) -> Callable[[], None]:
    original = getattr(filters, "Functions", None)
    if original is None or not all(callable(getattr(original, name, None)) for name in _FILTER_LISTS):
        return lambda: None
    vars(filters)["Functions"] = _OtherFunctions(original, is_kept)
    return lambda: vars(filters).update(Functions=original)


_FILTER_LISTS = frozenset({"get_global_filter_functions", "get_functions_by_type"})


class _OtherFunctions:
    """The host's `Functions`, whose lists of filters leave some out."""

    def __init__(self, functions: Any, is_kept: Callable[[str], bool]) -> None:
        self._functions = functions
        self._is_kept = is_kept

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._functions, name)
        return self._leaving_out(found) if name in _FILTER_LISTS else found

    def _leaving_out(self, find: Callable[..., Any]) -> Callable[..., Any]:
        def kept(found: Any) -> list[Any]:
            return [function for function in found if self._is_kept(function.id)]

        async def later(found: Any) -> list[Any]:
            return kept(await found)

        def leaving_out(*args: Any, **kwargs: Any) -> Any:
            found = find(*args, **kwargs)
            return later(found) if inspect.isawaitable(found) else kept(found)

        return leaving_out


_SETTINGS: dict[ConnectionKind, tuple[str, str]] = {
    "openai": ("openai.api_base_urls", "openai.api_configs"),
    "ollama": ("ollama.base_urls", "ollama.api_configs"),
}
_SETTINGS_ON_STATE: dict[ConnectionKind, tuple[str, str]] = {
    "openai": ("OPENAI_API_BASE_URLS", "OPENAI_API_CONFIGS"),
    "ollama": ("OLLAMA_BASE_URLS", "OLLAMA_API_CONFIGS"),
}
_MISSING: Any = object()


async def connection_settings(state: Any, kind: ConnectionKind) -> tuple[Any, Any]:
    """The base URLs of the host's connections of `kind`, a list, and the settings of each by its place or URL.

    Before 0.10 they are attributes of `app.state.config`, from then on rows that `models.config.Config` reads.
    """
    config = getattr(state, "config", None)
    if config is not None:
        names = _SETTINGS_ON_STATE[kind]
        # Those hosts ask Redis for each, synchronously.
        urls, configs = await asyncio.to_thread(lambda: [getattr(config, name, _MISSING) for name in names])
        if urls is not _MISSING:
            return urls, None if configs is _MISSING else configs
    from open_webui.models.config import Config

    values = await maybe_await(Config.get_many(*_SETTINGS[kind]))
    urls, configs = (values.get(key) for key in _SETTINGS[kind])
    return urls, configs
