"""The routes under /api/usage."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.schemas import GroupChanges, NewGroup, group_json
from openwebui_usage.groups import Counting, Group, GroupUsage
from openwebui_usage.ledger import GroupExists, GroupMissing, Store

log = logging.getLogger(__name__)


class _LedgerRoute(APIRoute):
    """Turns the ledger's errors into answers, so that no endpoint has to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except GroupMissing as error:
                raise HTTPException(404, f'There is no usage group "{error}".') from error
            except GroupExists as error:
                raise HTTPException(409, f'name: a usage group "{error}" exists already.') from error
            except SQLAlchemyError as error:
                log.warning("The ledger cannot be read: %s", str(error).partition("\n")[0])
                raise HTTPException(503, "The usage ledger's database is not available. Try again.") from error

        return answer


def usage_router(
    store: Store, access: Access, counting: Counting, changed: Callable[[Iterable[str]], None]
) -> APIRouter:
    """All routes, with paths of their own.

    `counting` is the default of new groups; `changed` is told the names of groups that an admin touched.
    """
    router = APIRouter(prefix="/api/usage", tags=["usage"], route_class=_LedgerRoute)
    user, admin = Depends(access.user), Depends(access.admin)

    async def visible_groups(request: Request, caller: Caller) -> dict[str, Any]:
        sees = await access.sees(request, caller)
        entries = await asyncio.to_thread(store.groups)
        return {entry.group.name: group_json(entry) for entry in entries if sees(entry.group)}

    def answer(entry: GroupUsage) -> dict[str, Any]:
        changed([entry.group.name])
        return {"status": True, "group": {"name": entry.group.name, **group_json(entry)}}

    @router.get("/groups", summary="All usage groups that you may see, with their usage")
    async def get_groups(request: Request, caller: Annotated[Caller, user]) -> dict[str, Any]:
        return {"groups": await visible_groups(request, caller)}

    @router.post("/groups", summary="Create a usage group", dependencies=[admin])
    async def create_group(form: NewGroup) -> dict[str, Any]:
        chosen = form.counting or counting
        return answer(await asyncio.to_thread(store.create_group, form.name, form.models, form.limit, chosen))

    @router.put("/groups/{name}", summary="Change a usage group", dependencies=[admin])
    async def update_group(name: str, form: GroupChanges) -> dict[str, Any]:
        changes = form.model_dump(include=form.model_fields_set)
        return answer(await asyncio.to_thread(store.update_group, name, changes))

    @router.delete("/groups/{name}", summary="Delete a usage group; the ledger keeps its rows", dependencies=[admin])
    async def delete_group(name: str) -> dict[str, Any]:
        await asyncio.to_thread(store.delete_group, name)
        changed([name])
        return {"status": True}

    @router.post("/groups/{name}/reset", summary="Set a group's counters to zero", dependencies=[admin])
    async def reset_group(name: str) -> dict[str, Any]:
        return answer(await asyncio.to_thread(store.reset_group, name))

    @router.get("/page", summary="What the page's script needs, in one request")
    async def get_page(request: Request, caller: Annotated[Caller, user]) -> dict[str, Any]:
        models = await access.page_models(request, caller)
        return {
            "groups": await visible_groups(request, caller),
            "models": {model.id: {"name": model.name, "base": model.base, "effort": model.effort} for model in models},
        }

    return router


def seeing(models: Iterable[frozenset[str]]) -> Callable[[Group], bool]:
    """Sees a group where it holds one of `models`, each given by its own id and its base model's."""
    known = list(models)
    return lambda group: any(group.holds(ids) for ids in known)
