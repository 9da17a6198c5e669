"""/api/usage/directory: what admins choose from."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.directory import (
    ModelChoice,
    ModelChoices,
    UserChoice,
    UserChoices,
    UserGroupChoice,
    UserGroupChoices,
)
from openwebui_usage.api.directory import MOST_ENTRIES
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.routes.parameters import without_nul

_LONGEST = 100

Search = Annotated[
    str, Query(max_length=_LONGEST, description="A part of the name; without one, whoever comes first", examples=["ad"])
]
Ids = Annotated[
    list[str],
    Query(alias="id", max_length=MOST_ENTRIES, description="Only these, whatever `search` says", examples=[[]]),
]


def add_directory(router: APIRouter, access: Access) -> None:
    """For admins alone."""
    admin = Depends(access.admin)

    @router.get(
        "/directory/models",
        summary="The models of this Open WebUI",
        dependencies=[admin],
        responses=problems(401, 403),
    )
    async def get_models(request: Request) -> ModelChoices:
        return ModelChoices(models=[ModelChoice.of(model) for model in await access.directory.models(request)])

    @router.get(
        "/directory/users",
        summary=f"Up to {MOST_ENTRIES} of its users, by name or address",
        dependencies=[admin],
        responses=problems(401, 403, 422),
    )
    async def get_users(
        search: Search = "",
        ids: Ids = [],  # noqa: B006 - FastAPI copies it
    ) -> UserChoices:
        without_nul({"search": [search], "id": ids})
        found = await access.directory.users(search.strip(), ids, MOST_ENTRIES)
        return UserChoices(users=[UserChoice.of(person) for person in found])

    @router.get(
        "/directory/user-groups",
        summary=f"Up to {MOST_ENTRIES} of its user groups, by name",
        dependencies=[admin],
        responses=problems(401, 403, 422),
    )
    async def get_user_groups(
        search: Search = "",
        ids: Ids = [],  # noqa: B006
    ) -> UserGroupChoices:
        without_nul({"search": [search], "id": ids})
        found = await access.directory.user_groups(search.strip(), ids, MOST_ENTRIES)
        return UserGroupChoices(user_groups=[UserGroupChoice.of(group) for group in found])
