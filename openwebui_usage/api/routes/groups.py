"""/api/usage/groups."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.answers.groups import GroupChanged, UsageGroups
from openwebui_usage.api.requests import GROUP_CHANGES, NEW_GROUPS, GroupChanges, NewGroup
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.encoding import json_object, json_response
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.rules.groups import Counting, GroupUsage

Name = Annotated[str, Path(description="A usage group's", examples=["GPT"])]


def add_groups(router: APIRouter, store: Store, access: Access, counting: Counting, changed: Changed) -> None:
    """`counting` is the default of new groups."""
    admin = Depends(access.admin)

    async def answer(entry: GroupUsage, old_name: str | None = None) -> GroupChanged:
        await changed(dict.fromkeys([entry.group.name, old_name or entry.group.name]))
        return GroupChanged.of(entry)

    @router.get(
        "/groups",
        summary="All usage groups that you may see, with their usage",
        response_model=UsageGroups,
        responses=problems(401, 503),
    )
    async def get_groups(request: Request, caller: Annotated[Caller, Depends(access.user)]) -> Response:
        visible = await access.visibility(request, caller)
        return await json_response(lambda: {"groups": json_object(visible.groups(store.groups()))})

    @router.post(
        "/groups",
        summary="Create a usage group",
        dependencies=[admin],
        responses=problems(400, 401, 403, 409, 422, 503),
    )
    async def create_group(form: Annotated[NewGroup, Body(openapi_examples=NEW_GROUPS)]) -> GroupChanged:
        fields = form.model_dump()
        fields["soft_limits"] = tuple(fields["soft_limits"])
        fields["counting"] = form.counting or counting
        return await answer(await asyncio.to_thread(lambda: store.create_group(**fields)))

    @router.put(
        "/groups/{name}",
        summary="Change a usage group",
        dependencies=[admin],
        responses=problems(400, 401, 403, 404, 409, 422, 503),
    )
    async def update_group(
        name: Name, form: Annotated[GroupChanges, Body(openapi_examples=GROUP_CHANGES)]
    ) -> GroupChanged:
        changes = form.model_dump(include=form.model_fields_set)
        return await answer(await asyncio.to_thread(store.update_group, name, changes), name)

    @router.delete(
        "/groups/{name}",
        summary="Delete a usage group; the ledger keeps its rows",
        dependencies=[admin],
        responses=problems(401, 403, 404, 409, 422, 503),
    )
    async def delete_group(
        name: Name, cascade: Annotated[bool, Query(description="Delete the budgets that count it, too")] = False
    ) -> Done:
        await asyncio.to_thread(lambda: store.delete_group(name, cascade=cascade))
        await changed([name])
        return Done(status=True)

    @router.post(
        "/groups/{name}/reset",
        summary="Set a group's counters to zero",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def reset_group(name: Name) -> GroupChanged:
        return await answer(await asyncio.to_thread(store.reset_group, name))
