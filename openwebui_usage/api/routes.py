"""The routes under /api/usage."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.api.access import Access, Caller, PageModel
from openwebui_usage.api.models import (
    BudgetChanges,
    GroupChanges,
    NewBudget,
    NewGroup,
    NewPrice,
    budget_json,
    group_json,
    price_json,
)
from openwebui_usage.api.same_origin import same_origin
from openwebui_usage.api.translations import words_in
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger import (
    BudgetExists,
    BudgetMissing,
    Busy,
    GroupExists,
    GroupInUse,
    GroupMissing,
    GroupUnknown,
    PriceMissing,
    Store,
)
from openwebui_usage.rules.budgets import Budget, Subject
from openwebui_usage.rules.groups import Counting, GroupUsage

log = logging.getLogger(__name__)

_ANSWERS: dict[type[Exception], tuple[int, str]] = {
    GroupMissing: (404, 'There is no usage group "{}".'),
    BudgetMissing: (404, 'There is no budget "{}".'),
    PriceMissing: (404, 'There is no price for "{}".'),
    GroupExists: (409, 'name: a usage group "{}" exists already.'),
    BudgetExists: (409, 'name: a budget "{}" exists already.'),
    Busy: (409, 'Somebody else changes "{}" at the same time. Try again.'),
}

Changed = Callable[[Iterable[str]], Awaitable[None]]
Health = Callable[[], dict[str, Any]]
"""How the plugin fares, as JSON. Blocks: it looks into the spool's folder."""


_Object = dict[str, Any]
"""What the answers that are made off the event loop are, for the documentation."""


class _LedgerRoute(APIRoute):
    """Turns errors into answers, so that no endpoint has to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if any("\0" in str(value) for value in request.path_params.values()):
                raise HTTPException(404, "There is no such name.")  # PostgreSQL would not even look for it.
            try:
                return await handler(request)
            except RequestValidationError as error:
                # FastAPI would send the bad input back, which fails where it is no JSON (NaN, lone surrogates).
                wrong = [{"type": item["type"], "loc": item["loc"], "msg": item["msg"]} for item in error.errors()]
                raise HTTPException(422, wrong) from error
            except GroupUnknown as error:
                wrong = [_wrong("group", f'there is no usage group "{error}"')]
                raise HTTPException(422, wrong) from error
            except GroupInUse as error:
                raise HTTPException(409, _in_use(error)) from error
            except tuple(_ANSWERS) as error:
                status, text = _ANSWERS[type(error)]
                raise HTTPException(status, text.format(error)) from error
            except SQLAlchemyError as error:
                log.warning("The ledger cannot be read: %s", str(error).partition("\n")[0])
                raise HTTPException(503, "The usage ledger's database is not available. Try again.") from error

        return answer


def usage_router(
    store: Store, access: Access, counting: Counting, changed: Changed, health: Health = dict
) -> APIRouter:
    """All routes, with paths of their own.

    `counting` is the default of new groups; `changed` is told the names of groups that an admin touched, and that
    definitions changed at all; `health` is what admins are told of the plugin itself.
    """
    router = APIRouter(
        prefix="/api/usage", tags=["usage"], route_class=_LedgerRoute, dependencies=[Depends(same_origin)]
    )
    _add_groups(router, store, access, counting, changed)
    _add_budgets(router, store, access, changed)
    _add_prices(router, store, access, changed)
    _add_own(router, store, access)

    @router.get("/health", summary="What works, and what does not", dependencies=[Depends(access.admin)])
    async def get_health() -> dict[str, Any]:
        return await asyncio.to_thread(health)

    return router


def _add_groups(router: APIRouter, store: Store, access: Access, counting: Counting, changed: Changed) -> None:
    admin = Depends(access.admin)

    async def answer(entry: GroupUsage) -> dict[str, Any]:
        await changed([entry.group.name])
        return {"status": True, "group": {"name": entry.group.name, **group_json(entry)}}

    @router.get("/groups", summary="All usage groups that you may see, with their usage", response_model=_Object)
    async def get_groups(request: Request, caller: Annotated[Caller, Depends(access.user)]) -> Response:
        visible = await access.visibility(request, caller)
        return await asyncio.to_thread(lambda: _answer({"groups": visible.groups(store.groups())}))

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


def _add_budgets(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    admin = Depends(access.admin)

    async def answer(budget: Budget) -> dict[str, Any]:
        await changed([])
        return {"status": True, "budget": budget_json(budget)}

    @router.get("/budgets", summary="All budgets", dependencies=[admin])
    async def get_budgets() -> dict[str, Any]:
        return {"budgets": [budget_json(budget) for budget in await asyncio.to_thread(store.budgets)]}

    @router.post("/budgets", summary="Create a budget", dependencies=[admin])
    async def create_budget(form: NewBudget) -> dict[str, Any]:
        blank = Budget(id="", name=form.name, limit=None, unit=form.unit)
        values = {"models": ("*",), **_checked(form, blank)}
        budget = Budget(id="", name=form.name, **values)
        return await answer(await asyncio.to_thread(store.create_budget, budget))

    @router.put("/budgets/{name}", summary="Change a budget", dependencies=[admin])
    async def update_budget(name: str, form: BudgetChanges) -> dict[str, Any]:
        # Looked at in the transaction that changes it: a unit and a limit of two requests never meet.
        return await answer(await asyncio.to_thread(store.update_budget, name, partial(_checked, form)))

    @router.delete("/budgets/{name}", summary="Delete a budget", dependencies=[admin])
    async def delete_budget(name: str) -> dict[str, Any]:
        await asyncio.to_thread(store.delete_budget, name)
        await changed([])
        return {"status": True}


def _add_prices(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    admin = Depends(access.admin)

    @router.get("/prices", summary="The prices that you set", dependencies=[admin])
    async def get_prices() -> dict[str, Any]:
        return {"prices": [price_json(price) for price in await asyncio.to_thread(store.prices)]}

    @router.put("/prices", summary="Set the price of a model or a glob", dependencies=[admin])
    async def put_price(form: NewPrice) -> dict[str, Any]:
        await asyncio.to_thread(store.put_price, form.price())
        await changed([])
        return {"status": True, "price": price_json(form.price())}

    @router.delete("/prices/{model:path}", summary="Remove a price", dependencies=[admin])
    async def delete_price(model: str) -> dict[str, Any]:
        await asyncio.to_thread(store.delete_price, model)
        await changed([])
        return {"status": True}


def _add_own(router: APIRouter, store: Store, access: Access) -> None:
    user = Depends(access.user)

    @router.get("/me", summary="What you used, what is left, and when it begins anew", response_model=_Object)
    async def get_me(request: Request, caller: Annotated[Caller, user]) -> Response:
        return await _own_view(store, access, request, caller, {})

    @router.get("/page", summary="What the page's script needs, in one request", response_model=_Object)
    async def get_page(request: Request, caller: Annotated[Caller, user], lang: str = "en") -> Response:
        models = await access.page_models(request, caller)
        others = {"models": {model.id: _page_model_json(model) for model in models}, "words": words_in(lang)}
        return await _own_view(store, access, request, caller, others)


def _page_model_json(model: PageModel) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": model.name, "base": model.base, "effort": model.effort}
    return {**shown, "efforts": list(model.efforts)} if model.efforts else shown


async def _own_view(store: Store, access: Access, request: Request, caller: Caller, others: dict[str, Any]) -> Response:
    visible = await access.visibility(request, caller)
    subject = Subject(caller.id, frozenset(await access.user_groups(caller)))
    # Made into text there, too: FastAPI itself would go through it all once more, on the event loop.
    return await asyncio.to_thread(lambda: _answer({**own_view(store, visible, subject), **others}))


def _answer(shown: dict[str, Any]) -> Response:
    """As JSON, an entry at a time: the encoder lets no other thread run before it is done with what it is given."""
    parts = (f"{json.dumps(name)}:{_text(value)}" for name, value in shown.items())
    return Response("{" + ",".join(parts) + "}", media_type="application/json")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{json.dumps(each)}" for name, each in value.items()) + "}"
    return "[" + ",".join(map(json.dumps, value)) + "]" if isinstance(value, list) else json.dumps(value)


def own_view(store: Store, visible: Visibility, subject: Subject) -> dict[str, Any]:
    """Budgets and groups as `subject` may see them. Blocks: thousands of groups take a while."""
    entries = store.groups()
    found = budget_statuses(store, [subject], datetime.now(UTC))
    return {
        "budgets": visible.budgets(found[subject], {entry.group.id: entry.group for entry in entries}),
        "groups": visible.groups(entries),
    }


def _checked(form: BudgetChanges, before: Budget) -> dict[str, Any]:
    try:
        return form.changes(before)
    except ValueError as error:
        field, _, text = str(error).partition(": ")
        raise RequestValidationError([_wrong(field, text)]) from error


def _wrong(field: str, text: str) -> dict[str, Any]:
    return {"type": field, "loc": ("body", field), "msg": text}


def _in_use(error: GroupInUse) -> str:
    names = ", ".join(f'"{name}"' for name in error.budgets)
    budgets = "budget" if len(error.budgets) == 1 else "budgets"
    return (
        f'The usage group "{error}" is what the {budgets} {names} counts. '
        f"Delete the {budgets} first, or everything with ?cascade=true."
    )
