"""Open WebUI's login, as the API wants it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from openwebui_usage.api.access import Access, Caller, PageModel
from openwebui_usage.api.readers import ReportReaders
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.host.chats import chat_titles
from openwebui_usage.host.connections import Connections
from openwebui_usage.host.directory import HostDirectory
from openwebui_usage.host.models import HostModels, Model
from openwebui_usage.host.valves import Valves
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.rules.connections import host_of
from openwebui_usage.rules.effort import PROVIDER_DEFAULT, Choice, EffortRules, levels_of_ollama, menu_preset
from openwebui_usage.rules.effort_levels import UNKNOWN, EffortLevels, effort_levels


def host_access(
    host_models: HostModels,
    valves: Valves,
    connections: Connections,
    readers: Callable[[], Awaitable[ReportReaders]],
) -> Access:
    """Access by Open WebUI's own dependency: session token, API key and cookie, whatever its version takes.

    `readers` is asked each time: who may read no longer does so at once.
    """
    from open_webui.utils.auth import get_verified_user

    async def user(request: Request, host_user: Annotated[Any, Depends(get_verified_user)]) -> Caller:
        request.state.openwebui_usage_user = host_user
        return Caller(id=host_user.id, name=host_user.name, is_admin=host_user.role == "admin", role=host_user.role)

    async def admin(caller: Annotated[Caller, Depends(user)]) -> Caller:
        # Open WebUI's get_admin_user answers 401 to somebody who is signed in.
        if not caller.is_admin:
            raise HTTPException(403, "Only admins may do this.")
        return caller

    async def visibility(request: Request, caller: Caller) -> Visibility:
        if caller.is_admin:
            return Visibility(None)
        models = await host_models.visible_to(request.state.openwebui_usage_user, request)
        return Visibility((model.id, model.base) for model in models)

    async def page_models(request: Request, caller: Caller) -> list[PageModel]:
        rules = await valves.effort_rules()
        models = await host_models.visible_to(request.state.openwebui_usage_user, request)
        return [await _page_model(model, rules, host_models, connections) for model in models]

    async def user_groups(caller: Caller) -> tuple[str, ...]:
        return await host_models.user_groups(caller.id)

    async def readable(caller: Caller) -> Readable | None:
        if caller.is_admin:
            return Readable()
        groups = await host_models.user_group_names(caller.id)
        return (await readers()).readable(groups, await host_models.own_user_group_names(caller.id))

    async def reader(caller: Annotated[Caller, Depends(user)]) -> Readable:
        found = await readable(caller)
        if found is None:
            raise HTTPException(403, "Only admins and readers of reports may do this; yours is /api/usage/me/report.")
        return found

    return Access(
        user=user,
        admin=admin,
        visibility=visibility,
        page_models=page_models,
        user_groups=user_groups,
        chat_titles=lambda caller, chat_ids: chat_titles(caller.id, chat_ids),
        readable=readable,
        reader=reader,
        directory=HostDirectory(host_models, connections, valves),
    )


async def _page_model(
    model: Model, rules: EffortRules | None, host_models: HostModels, connections: Connections
) -> PageModel:
    without = PageModel(model.id, model.name, model.base, None)
    if (
        rules is None
        or not rules.reasons(model.ids)
        or model.own_controls
        or await host_models.has_own_effort(model.id)
    ):
        return without
    levels = await _levels_of(model, connections)
    if not levels.levels:
        return without
    preset = menu_preset(levels, rules.default_effort)
    offered: tuple[Choice, ...] = levels.levels if preset in levels.levels else (PROVIDER_DEFAULT, *levels.levels)
    return PageModel(model.id, model.name, model.base, preset, offered)


async def _levels_of(model: Model, connections: Connections) -> EffortLevels:
    called = model.base or model.id
    if connections.knows("ollama", called) and not connections.knows("openai", called):
        return levels_of_ollama(called)
    host = host_of(await connections.of_provider("openai", called))
    return effort_levels(called, host) or UNKNOWN
