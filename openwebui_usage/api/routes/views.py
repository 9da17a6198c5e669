"""/api/usage/views."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Query

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.answers.views import SavedView, SavedViews, ViewSaved
from openwebui_usage.api.fields import PathName
from openwebui_usage.api.requests import VIEWS, ViewToSave
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.ledger.views import SHARED, View

Shared = Annotated[bool, Query(description="The shared one of that name, not your own")]


def add_views(router: APIRouter, store: Store, access: Access) -> None:
    """One's own for everybody; shared ones for those who read reports of everybody, for they may name people."""
    user = Depends(access.user)

    async def reads_everybody(caller: Caller) -> bool:
        return await access.readable(caller) == Readable()

    async def owner(caller: Caller, *, shared: bool) -> str:
        if not shared:
            return caller.id
        if not await reads_everybody(caller):
            raise HTTPException(403, "Shared views are for those who may read reports of everybody.")
        return SHARED

    @router.get("/views", summary="The views that you may open", responses=problems(401, 503))
    async def get_views(caller: Annotated[Caller, user]) -> SavedViews:
        with_shared = await reads_everybody(caller)
        found = await asyncio.to_thread(lambda: store.views.of(caller.id, with_shared=with_shared))
        return SavedViews(views=[SavedView.of(view, caller.id) for view in found])

    @router.get("/views/{name}", summary="One view", responses=problems(401, 403, 404, 422, 503))
    async def get_view(name: str, caller: Annotated[Caller, user], shared: Shared = False) -> SavedView:
        whose = await owner(caller, shared=shared)
        return SavedView.of(await asyncio.to_thread(store.views.get, whose, name), caller.id)

    @router.put(
        "/views/{name}",
        summary="Save a view, in the place of the one of that name",
        responses=problems(400, 401, 403, 409, 422, 503),
    )
    async def put_view(
        name: PathName, form: Annotated[ViewToSave, Body(openapi_examples=VIEWS)], caller: Annotated[Caller, user]
    ) -> ViewSaved:
        await owner(caller, shared=form.shared)
        view = View(name, form.page, form.state, form.shared, caller.id, caller.name)
        saved = await asyncio.to_thread(lambda: store.views.put(view, is_admin=caller.is_admin))
        return ViewSaved(status=True, view=SavedView.of(saved, caller.id))

    @router.delete("/views/{name}", summary="Remove a view", responses=problems(401, 403, 404, 422, 503))
    async def delete_view(name: str, caller: Annotated[Caller, user], shared: Shared = False) -> Done:
        whose = await owner(caller, shared=shared)
        await asyncio.to_thread(lambda: store.views.delete(whose, name, caller.id, is_admin=caller.is_admin))
        return Done(status=True)
