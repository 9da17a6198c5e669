"""/api/usage/budgets."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access
from openwebui_usage.api.models import BudgetChanges, NewBudget, budget_json
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import wrong_field
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Budget


def add_budgets(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
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


def _checked(form: BudgetChanges, before: Budget) -> dict[str, Any]:
    try:
        return form.changes(before)
    except ValueError as error:
        field, _, text = str(error).partition(": ")
        raise RequestValidationError([wrong_field(field, text)]) from error
