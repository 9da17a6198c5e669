"""/api/usage/typical."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.typical import TypicalModelUse, TypicalUsage
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger.typical import TypicalModels

Typical = Callable[[], Awaitable[TypicalModels | None]]
"""What is known; None while an admin has switched it off."""


async def nothing_known() -> TypicalModels | None:
    """Of a ledger that nobody has looked into."""
    return {}


MOST_BYTES = 20_000
"""Of the answer: models with fewer calls are left out where there are too many."""


def add_typical(router: APIRouter, access: Access, typical: Typical) -> None:
    """For everybody who is signed in. Answered from memory."""

    @router.get(
        "/typical",
        summary="What a message typically uses, by model and effort",
        responses=problems(401),
    )
    async def get_typical(request: Request, caller: Annotated[Caller, Depends(access.user)]) -> TypicalUsage:
        known = await typical()
        if known is None:
            return TypicalUsage(shown=False, models={})
        models = await access.page_models(request, caller) if known else []
        return typical_usage(known, (model.base or model.id for model in models), caller.id)


def typical_usage(known: TypicalModels, called_models: Iterable[str], user_id: str) -> TypicalUsage:
    """What a user may know of some models, by the ids that providers are asked for, within `MOST_BYTES`."""
    visible = frozenset(called_models)
    answer = TypicalUsage(shown=True, models={})
    size = len(answer.model_dump_json())
    for name, model in known.items():
        if name not in visible:
            continue
        efforts = {effort: use for effort, use in model.efforts.items() if use.may_know(user_id)}
        if not efforts:
            continue
        told = TypicalUsage(shown=True, models={name: TypicalModelUse.of(replace(model, efforts=efforts))})
        more = len(told.model_dump_json().encode())
        if size + more <= MOST_BYTES:
            size += more
            answer.models.update(told.models)
    return answer
