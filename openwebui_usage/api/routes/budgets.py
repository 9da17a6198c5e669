"""/api/usage/budgets."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.budgets import BudgetChanged, UsageBudget, UsageBudgets
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.requests import BUDGET_CHANGES, NEW_BUDGETS, BudgetChanges, NewBudget
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import problems, wrong_field
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Budget

Name = Annotated[str, Path(description="A budget's", examples=["Fair share"])]


def add_budgets(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    async def answer(budget: Budget) -> BudgetChanged:
        await changed([])
        return BudgetChanged(status=True, budget=UsageBudget.of(budget))

    @router.get("/budgets", summary="All budgets", dependencies=[admin], responses=problems(401, 403, 503))
    async def get_budgets() -> UsageBudgets:
        return UsageBudgets(budgets=[UsageBudget.of(budget) for budget in await asyncio.to_thread(store.budgets)])

    @router.post(
        "/budgets", summary="Create a budget", dependencies=[admin], responses=problems(400, 401, 403, 409, 422, 503)
    )
    async def create_budget(form: Annotated[NewBudget, Body(openapi_examples=NEW_BUDGETS)]) -> BudgetChanged:
        blank = Budget(id="", name=form.name, limit=None, unit=form.unit)
        values = {"models": ("*",), **_checked(form, blank)}
        budget = Budget(id="", name=form.name, **values)
        return await answer(await asyncio.to_thread(store.create_budget, budget))

    @router.put(
        "/budgets/{name}",
        summary="Change a budget",
        dependencies=[admin],
        responses=problems(400, 401, 403, 404, 409, 422, 503),
    )
    async def update_budget(
        name: Name, form: Annotated[BudgetChanges, Body(openapi_examples=BUDGET_CHANGES)]
    ) -> BudgetChanged:
        # Looked at in the transaction that changes it: a unit and a limit of two requests never meet.
        return await answer(await asyncio.to_thread(store.update_budget, name, partial(_checked, form)))

    @router.delete(
        "/budgets/{name}",
        summary="Delete a budget",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def delete_budget(name: Name) -> Done:
        await asyncio.to_thread(store.delete_budget, name)
        await changed([])
        return Done(status=True)


def _checked(form: BudgetChanges, before: Budget) -> dict[str, Any]:
    try:
        return form.changes(before)
    except ValueError as error:
        field, _, text = str(error).partition(": ")
        raise RequestValidationError([wrong_field(field, text)]) from error
