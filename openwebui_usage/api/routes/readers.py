"""/api/usage/readers."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Depends
from fastapi.exceptions import RequestValidationError

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.readers import ReadersChanged, UsageReaders
from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.api.requests import READERS, Readers
from openwebui_usage.api.routes.errors import problems, wrong_field
from openwebui_usage.ledger import Store

_VARIABLES = {
    "of_everybody": "OPENWEBUI_USAGE_REPORT_READERS",
    "of_own_groups": "OPENWEBUI_USAGE_GROUP_REPORT_READERS",
}


def add_readers(router: APIRouter, store: Store, access: Access, fixed: FixedReaders) -> None:
    """For admins alone. `fixed` is what the environment says."""
    admin = Depends(access.admin)

    @router.get(
        "/readers",
        summary="Who may read reports beside admins",
        dependencies=[admin],
        responses=problems(401, 403, 503),
    )
    async def get_readers() -> UsageReaders:
        return UsageReaders.of(fixed, await asyncio.to_thread(store.readers))

    @router.put(
        "/readers",
        summary="Let user groups read reports",
        dependencies=[admin],
        responses=problems(400, 401, 403, 422, 503),
    )
    async def put_readers(form: Annotated[Readers, Body(openapi_examples=READERS)]) -> ReadersChanged:
        for field, variable in _VARIABLES.items():
            says = getattr(fixed, field)
            if says is not None and set(getattr(form, field)) != says:
                raise RequestValidationError([wrong_field(field, f"is set by {variable}: change it there")])
        readers = form.stored()
        await asyncio.to_thread(store.put_readers, readers)
        return ReadersChanged(status=True, readers=UsageReaders.of(fixed, readers))
