"""/api/usage/config: everything that admins define, as one file."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.configuration import ConfigurationChange
from openwebui_usage.api.configuration import NotValid, read_configuration, write_configuration
from openwebui_usage.api.configuration.document import MOST_BYTES
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import GroupInUse, HasCredit, Store
from openwebui_usage.ledger.configuration import ConfigurationUpdate
from openwebui_usage.rules.groups import Counting

MEDIA_TYPE = "application/yaml"
_YAML: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}
_EXAMPLES = {
    "A group": {"value": "groups:\n- name: GPT\n  models: [gpt-4o*]\n  limit: 1000000\n  period: month\n"},
    "A budget for each user": {
        "value": "budgets:\n- name: Fair share\n  scope: {kind: each_user}\n  unit: usd\n  limit: 10\n  period: month\n"
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "maxLength": MOST_BYTES}, "examples": _EXAMPLES}},
    }
}


def add_configuration(router: APIRouter, store: Store, access: Access, counting: Counting, changed: Changed) -> None:
    """For admins alone. `counting` is the default of new groups."""
    admin = Depends(access.admin)

    @router.get(
        "/config",
        summary="All groups, budgets, prices, cost centers and readers, as a YAML file",
        dependencies=[admin],
        response_class=Response,
        responses=_YAML | problems(401, 403, 503),
    )
    async def get_configuration() -> Response:
        text = await asyncio.to_thread(lambda: write_configuration(store.configuration()))
        headers = {"Content-Disposition": 'attachment; filename="usage.yaml"'}
        return Response(text, media_type=MEDIA_TYPE, headers=headers)

    @router.post(
        "/config",
        summary="Define what a YAML file says, whole or not at all; or see what that would change",
        dependencies=[admin],
        openapi_extra=_BODY,
        responses=problems(401, 403, 409, 422, 503),
    )
    async def put_configuration(
        request: Request,
        dry_run: Annotated[bool, Query(description="Change nothing, only tell what would be changed")] = False,
        prune: Annotated[
            bool, Query(description="Remove what a section of the file does not name; other sections stay as they are")
        ] = False,
    ) -> ConfigurationChange:
        text = await _text(request)

        def apply() -> tuple[ConfigurationChange, list[str]]:
            wanted = read_configuration(text, counting, store.configuration().groups, prune=prune)
            update = store.preview_configuration(wanted) if dry_run else store.configure(wanted)
            answer = ConfigurationChange.of(update, wanted, dry_run=dry_run)
            return answer, _touched(update)

        try:
            answer, groups = await asyncio.to_thread(apply)
        except NotValid as error:
            raise HTTPException(422, [_invalid(fault.path, str(fault)) for fault in error.faults]) from error
        except HasCredit as error:
            raise HTTPException(422, [_invalid(("budgets",), str(error))]) from error
        except GroupInUse as error:
            reason = f'The file leaves out the usage group "{error}", which the budget "{error.budgets[0]}" counts.'
            raise HTTPException(409, f"{reason} Name both, or prune both.") from error
        if not dry_run and answer.changes:
            await changed(groups)
        return answer


async def _text(request: Request) -> bytes:
    """The body, as far as it may be long."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_BYTES:
            break
    return bytes(found)


def _touched(update: ConfigurationUpdate) -> list[str]:
    """Names of the groups that are not as they were."""
    before, after = update.before, update.after
    groups: Mapping[str, object] = {**before.groups, **after.groups}
    return [name for name in groups if before.groups.get(name) != after.groups.get(name)]


def _invalid(path: tuple[str | int, ...], text: str) -> dict[str, Any]:
    return {"type": str(path[0]) if path else "config", "loc": ("body", *path), "msg": text}
