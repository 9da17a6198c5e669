"""Open WebUI's models, users and user groups, for admins who choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request

from openwebui_usage.api.directory import DeployedModel, Person, UserGroup
from openwebui_usage.host.compat import maybe_await, parameter_names
from openwebui_usage.host.connections import Connections, of_pipe
from openwebui_usage.host.models import HostModels, Model
from openwebui_usage.host.valves import Valves
from openwebui_usage.rules.connections import Connection, ConnectionKind, MeteringRules, connection_label


class HostDirectory:
    """An `api.directory.Directory` of one host application."""

    def __init__(self, models: HostModels, connections: Connections, valves: Valves) -> None:
        """All three remember for a few seconds what they were asked."""
        self._models = models
        self._connections = connections
        self._valves = valves

    async def models(self, request: Request) -> list[DeployedModel]:
        """By name. Arenas are left out: they ask other models, and those calls are what is counted."""
        user = request.state.openwebui_usage_user
        rules = await self._valves.metering_rules()
        found = [
            await self._deployed(model, await self._models.connection_kind(model.id, request, user), rules)
            for model in await self._models.offered(user, request)
        ]
        return sorted(found, key=lambda model: (model.name.casefold(), model.id))

    async def users(self, search: str, ids: Sequence[str], most: int) -> list[Person]:
        """By name. The host looks for `search` in names and addresses."""
        from open_webui.models.users import Users

        if ids:
            found = await maybe_await(Users.get_users_by_user_ids(list(ids)))
        else:
            asked: dict[str, Any] = {"filter": {"query": search}, "skip": 0, "limit": most}
            if "sort" in parameter_names(Users.get_users):
                asked["sort"] = {"order_by": "name", "direction": "asc"}
            answer = await maybe_await(Users.get_users(**asked))
            found = answer["users"] if isinstance(answer, Mapping) else getattr(answer, "users", answer)
        people = (Person(user.id, str(user.name), str(user.email), str(user.role)) for user in found)
        return sorted(people, key=lambda person: (person.name.casefold(), person.id))[:most]

    async def user_groups(self, search: str, ids: Sequence[str], most: int) -> list[UserGroup]:
        """By name. The host has no query for a page of them, and few groups."""
        from open_webui.models.groups import Groups

        list_all = getattr(Groups, "get_all_groups", None) or Groups.get_groups
        needed = {} if "filter" not in parameter_names(list_all) else {"filter": None}
        groups = [UserGroup(group.id, str(group.name)) for group in await maybe_await(list_all(**needed))]
        return _matching(groups, search, ids)[:most]

    async def _deployed(self, model: Model, kind: ConnectionKind | None, rules: MeteringRules) -> DeployedModel:
        called = model.base or model.id
        if kind == "ollama" and ":" not in called:
            called += ":latest"  # As Ollama understands a name without a tag, and as calls are recorded.
        connections = await self._connections_of(kind, called)
        urls = {connection.url for connection in connections}
        return DeployedModel(
            id=model.id,
            name=model.name,
            base=model.base,
            called=called,
            connection=connection_label(connections),
            provider_url=urls.pop() if len(urls) == 1 else None,
            is_free=rules.is_free(connections),
        )

    async def _connections_of(self, kind: ConnectionKind | None, called: str) -> tuple[Connection, ...]:
        if kind == "pipe":
            return (of_pipe(called),)
        if kind is None or kind == "direct":
            return ()
        return await self._connections.of_provider(kind, called)


def _matching(groups: Iterable[UserGroup], search: str, ids: Sequence[str]) -> list[UserGroup]:
    wanted, text = set(ids), search.casefold()
    found = [group for group in groups if (group.id in wanted if ids else text in group.name.casefold())]
    return sorted(found, key=lambda group: (group.name.casefold(), group.id))
