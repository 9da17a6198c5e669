"""What goes wrong beneath an endpoint, as the answer that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from openwebui_usage.api.answers.problems import InvalidInput, Problem
from openwebui_usage.api.unavailable import ledger_unavailable
from openwebui_usage.ledger import (
    BudgetExists,
    BudgetMissing,
    Busy,
    CreditMissing,
    GroupExists,
    GroupInUse,
    GroupMissing,
    GroupUnknown,
    HasCredit,
    PriceMissing,
    TooManyViews,
    ViewMissing,
    ViewOfAnother,
)
from openwebui_usage.ledger.views import MOST_VIEWS

_ANSWERS: dict[type[Exception], tuple[int, str]] = {
    GroupMissing: (404, 'There is no usage group "{}".'),
    BudgetMissing: (404, 'There is no budget "{}".'),
    CreditMissing: (404, 'There is no credit "{}".'),
    PriceMissing: (404, 'There is no price for "{}".'),
    GroupExists: (409, 'name: a usage group "{}" exists already.'),
    BudgetExists: (409, 'name: a budget "{}" exists already.'),
    ViewMissing: (404, 'There is no view "{}".'),
    ViewOfAnother: (403, 'Somebody else shared the view "{}": save yours under another name.'),
    TooManyViews: (409, f'There are {MOST_VIEWS} views already. Delete one before you save "{{}}".'),
    Busy: (409, 'Somebody else changes "{}" at the same time. Try again.'),
}


_DOCUMENTED: dict[int, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no JSON in UTF-8, or nested too deeply"},
    401: {"model": Problem, "description": "No login, or a bad one"},
    403: {
        "model": Problem,
        "description": "For admins alone; or another site's page sent this by somebody's cookie",
    },
    404: {"model": Problem, "description": "There is none of that name"},
    409: {
        "model": Problem,
        "description": "The name is taken, is counted by a budget, or is changed at this moment; or there are too many",
    },
    422: {"model": InvalidInput, "description": "Bad input: each field that is wrong, and what would be right"},
    503: {"model": Problem, "description": "The ledger's database is away"},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer instead, for its documentation."""
    return {status: _DOCUMENTED[status] for status in statuses}


class LedgerRoute(APIRoute):
    """Turns errors into answers, so that no endpoint has to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, with ours around it."""
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
                wrong = [wrong_field("group", f'there is no usage group "{error}"')]
                raise HTTPException(422, wrong) from error
            except HasCredit as error:
                raise HTTPException(422, [wrong_field(error.field, error.text)]) from error
            except GroupInUse as error:
                raise HTTPException(409, _in_use(error)) from error
            except tuple(_ANSWERS) as error:
                status, text = _ANSWERS[type(error)]
                raise HTTPException(status, text.format(error)) from error
            except SQLAlchemyError as error:
                raise ledger_unavailable(error) from error

        return answer


def wrong_field(field: str, text: str) -> dict[str, Any]:
    """What is wrong with a field of the body, as an entry of the `detail` of a 422."""
    return {"type": field, "loc": ("body", field), "msg": text}


def _in_use(error: GroupInUse) -> str:
    names = ", ".join(f'"{name}"' for name in error.budgets)
    budgets = "budget" if len(error.budgets) == 1 else "budgets"
    return (
        f'The usage group "{error}" is what the {budgets} {names} counts. '
        f"Delete the {budgets} first, or everything with ?cascade=true."
    )
