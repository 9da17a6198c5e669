"""/api/usage/budgets."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.budgets import BudgetChanged, UsageBudget, UsageBudgets
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.answers.refusals import RefusalPreview
from openwebui_usage.api.requests import (
    BUDGET_CHANGES,
    NEW_BUDGETS,
    PREVIEWED_BUDGETS,
    BudgetChanges,
    NewBudget,
    PreviewedBudget,
)
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import problems, wrong_field
from openwebui_usage.api.routes.parameters import checked_time, wrong
from openwebui_usage.ledger import Store, TooManyCalls
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.preview import MOST_REPLAYED
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.periods import MINUTE

MOST_PREVIEWED_DAYS = 366
QUARTERS_PER_DAY = 96

Name = Annotated[str, Path(description="A budget's", examples=["Fair share"])]


def add_budgets(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
    admin = Depends(access.admin)
    previewing = asyncio.Lock()

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
        return await answer(await asyncio.to_thread(store.create_budget, _new(form)))

    @router.post(
        "/budgets/preview",
        summary="Whom a budget would have refused",
        dependencies=[admin],
        responses=problems(400, 401, 403, 422, 503),
    )
    async def preview_budget(
        form: Annotated[PreviewedBudget, Body(openapi_examples=PREVIEWED_BUDGETS)],
    ) -> RefusalPreview:
        budget = _new(form)
        if budget.period == MINUTE:
            text = "must be longer than a minute: what happened within one is not looked at afterwards"
            raise RequestValidationError([wrong("body", "period", text)])
        time = checked_time(form.from_, form.to, form.timezone, datetime.now(UTC), "body")
        if time.end - time.start > MOST_PREVIEWED_DAYS * QUARTERS_PER_DAY:
            text = f"must be at most {MOST_PREVIEWED_DAYS} days after from (got {form.to})"
            raise RequestValidationError([wrong("body", "to", text)])
        async with previewing:  # It may read millions of rows.
            try:
                found = await asyncio.to_thread(
                    store.preview_budget, budget, float(time.start * QUARTER), float(time.end * QUARTER)
                )
            except TooManyCalls as error:
                text = (
                    f"must be earlier: this budget's limit is reached where there are {error.calls:,} calls, which is "
                    f"more than the {MOST_REPLAYED:,} that a preview looks at one by one (got {form.to})"
                )
                raise RequestValidationError([wrong("body", "to", text)]) from error
        return RefusalPreview.of(budget, time, found)

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

    @router.post(
        "/budgets/{name}/reset",
        summary="Set a budget's counters to zero",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def reset_budget(name: Name) -> BudgetChanged:
        return await answer(await asyncio.to_thread(store.reset_budget, name))


def _new(form: NewBudget) -> Budget:
    with _as_invalid_input():
        return form.budget()


def _checked(form: BudgetChanges, before: Budget) -> dict[str, Any]:
    with _as_invalid_input():
        return form.changes(before)


@contextmanager
def _as_invalid_input() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        field, _, text = str(error).partition(": ")
        raise RequestValidationError([wrong_field(field, text)]) from error
