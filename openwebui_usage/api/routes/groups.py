"""/api/usage/groups."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.models import GroupChanges, NewGroup, group_json
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.encoding import json_response
from openwebui_usage.ledger import Store
from openwebui_usage.rules.groups import Counting, GroupUsage


def add_groups(router: APIRouter, store: Store, access: Access, counting: Counting, changed: Changed) -> None:
    """`counting` is the default of new groups."""
    admin = Depends(access.admin)

    async def answer(entry: GroupUsage) -> dict[str, Any]:
        await changed([entry.group.name])
        return {"status": True, "group": {"name": entry.group.name, **group_json(entry)}}

    @router.get("/groups", summary="All usage groups that you may see, with their usage", response_model=dict[str, Any])
    async def get_groups(request: Request, caller: Annotated[Caller, Depends(access.user)]) -> Response:
        visible = await access.visibility(request, caller)
        return await json_response(lambda: {"groups": visible.groups(store.groups())})

    @router.post("/groups", summary="Create a usage group", dependencies=[admin])
    async def create_group(form: NewGroup) -> dict[str, Any]:
        fields = form.model_dump()
        fields["soft_limits"] = tuple(fields["soft_limits"])
        fields["counting"] = form.counting or counting
        return await answer(await asyncio.to_thread(lambda: store.create_group(**fields)))

    @router.put("/groups/{name}", summary="Change a usage group", dependencies=[admin])
    async def update_group(name: str, form: GroupChanges) -> dict[str, Any]:
        changes = form.model_dump(include=form.model_fields_set)
        return await answer(await asyncio.to_thread(store.update_group, name, changes))

    @router.delete("/groups/{name}", summary="Delete a usage group; the ledger keeps its rows", dependencies=[admin])
    async def delete_group(
        name: str, cascade: Annotated[bool, Query(description="Delete the budgets that count it, too")] = False
    ) -> dict[str, Any]:
        await asyncio.to_thread(lambda: store.delete_group(name, cascade=cascade))
        await changed([name])
        return {"status": True}

    @router.post("/groups/{name}/reset", summary="Set a group's counters to zero", dependencies=[admin])
    async def reset_group(name: str) -> dict[str, Any]:
        return await answer(await asyncio.to_thread(store.reset_group, name))
