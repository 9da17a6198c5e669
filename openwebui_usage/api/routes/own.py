"""What somebody sees of their own usage: /api/usage/me and /api/usage/page."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.own import OwnAccess, OwnUsage, PageData, SelectableModel
from openwebui_usage.api.answers.own_limit import own_budgets
from openwebui_usage.api.routes.encoding import json_array, json_object, json_response
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.api.translations import words_in
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Subject


def add_own(router: APIRouter, store: Store, access: Access) -> None:
    """For everybody who is signed in."""
    user = Depends(access.user)

    @router.get(
        "/me",
        summary="What you used, what is left, and when it begins anew",
        response_model=OwnUsage,
        responses=problems(401, 503),
    )
    async def get_me(request: Request, caller: Annotated[Caller, user]) -> Response:
        return await json_response(await view(request, caller))

    @router.get("/me/access", summary="Who you are and what you may open", responses=problems(401, 503))
    async def get_access(caller: Annotated[Caller, user]) -> OwnAccess:
        return OwnAccess.of(caller, await access.readable(caller))

    @router.get(
        "/page",
        summary="What the page's script needs, in one request",
        response_model=PageData,
        responses=problems(401, 422, 503),
    )
    async def get_page(
        request: Request,
        caller: Annotated[Caller, user],
        lang: Annotated[str, Query(description="A language tag (BCP 47)", examples=["de"])] = "en",
    ) -> Response:
        models = await access.page_models(request, caller)
        own = await view(request, caller)

        def page() -> dict[str, str]:
            selectable = json_object((model.id, SelectableModel.of(model)) for model in models)
            return {**own(), "models": selectable, "words": json_object(words_in(lang).items())}

        return await json_response(page)

    async def view(request: Request, caller: Caller) -> Callable[[], dict[str, str]]:
        visible = await access.visibility(request, caller)
        return partial(own_view, store, visible, caller.id, await access.subject(caller))


def own_view(store: Store, visible: Visibility, user_id: str, subject: Subject) -> dict[str, str]:
    """The fields of `OwnUsage`, each as JSON. Blocks. Sums are read of the groups alone that the person sees."""
    now = datetime.now(UTC)
    definitions = store.definitions()
    entries = store.groups(visible.names(definitions))
    found = budget_statuses(store, [subject], now)
    own = store.own_limits.status(store.own_limits.of(user_id), now).get(user_id)
    return {
        "budgets": json_array([*visible.budgets(found[subject], definitions.groups_by_id), *own_budgets(own)]),
        "groups": json_object(visible.groups(entries)),
    }
