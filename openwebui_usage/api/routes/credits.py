"""/api/usage/budgets/{name}/credits."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.credits import CreditGiven, UsageCredit, UsageCredits
from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.credit_body import NEW_CREDITS, NewCredit
from openwebui_usage.api.routes.budgets import Name
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import problems, wrong_field
from openwebui_usage.ledger import BudgetMissing, Store
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.credits import Credit


def add_credits(router: APIRouter, store: Store, access: Access, changed: Changed) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    async def budget_of(name: str) -> Budget:
        found = next((budget for budget in await asyncio.to_thread(store.budgets) if budget.name == name), None)
        if found is None:
            raise BudgetMissing(name)
        return found

    @router.get(
        "/budgets/{name}/credits",
        summary="The credit that was given",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def get_credits(name: Name) -> UsageCredits:
        budget = await budget_of(name)
        return UsageCredits(credits=[_shown(credit, budget) for credit in await asyncio.to_thread(store.credits, name)])

    @router.post("/budgets/{name}/credits", summary="Give credit", responses=problems(400, 401, 403, 404, 422, 503))
    async def give_credit(
        name: Name, form: Annotated[NewCredit, Body(openapi_examples=NEW_CREDITS)], caller: Annotated[Caller, admin]
    ) -> CreditGiven:
        budget = await budget_of(name)
        try:
            wanted = form.credit(budget, caller.name, datetime.now(UTC))
        except ValueError as error:
            field, _, text = str(error).partition(": ")
            raise RequestValidationError([wrong_field(field, text)]) from error
        given = await asyncio.to_thread(store.add_credit, wanted)
        await changed([])
        return CreditGiven(status=True, credit=_shown(given, budget))

    @router.delete(
        "/budgets/{name}/credits/{id}",
        summary="Take credit back",
        dependencies=[admin],
        responses=problems(401, 403, 404, 422, 503),
    )
    async def delete_credit(
        name: Name, id_: Annotated[str, Path(alias="id", description="The credit's", examples=["18c5f0a1"])]
    ) -> Done:
        await asyncio.to_thread(store.delete_credit, name, id_)
        await changed([])
        return Done(status=True)


def _shown(credit: Credit, budget: Budget) -> UsageCredit:
    end = credit.ends_at(budget)
    return UsageCredit.of(credit, budget.unit, active=end is None or datetime.now(UTC).timestamp() < end)
