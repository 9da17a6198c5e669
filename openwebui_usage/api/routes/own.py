"""What somebody sees of their own usage: /api/usage/me and /api/usage/page."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from openwebui_usage.admission.budget_status import budget_statuses
from openwebui_usage.api.access import Access, Caller, PageModel
from openwebui_usage.api.routes.encoding import json_response
from openwebui_usage.api.translations import words_in
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger import Store
from openwebui_usage.rules.budgets import Subject


def add_own(router: APIRouter, store: Store, access: Access) -> None:
    """For everybody who is signed in."""
    user = Depends(access.user)

    @router.get("/me", summary="What you used, what is left, and when it begins anew", response_model=dict[str, Any])
    async def get_me(request: Request, caller: Annotated[Caller, user]) -> Response:
        return await answer(request, caller, {})

    @router.get("/page", summary="What the page's script needs, in one request", response_model=dict[str, Any])
    async def get_page(request: Request, caller: Annotated[Caller, user], lang: str = "en") -> Response:
        models = await access.page_models(request, caller)
        others = {"models": {model.id: _page_model_json(model) for model in models}, "words": words_in(lang)}
        return await answer(request, caller, others)

    async def answer(request: Request, caller: Caller, others: dict[str, Any]) -> Response:
        visible = await access.visibility(request, caller)
        subject = Subject(caller.id, frozenset(await access.user_groups(caller)))
        return await json_response(lambda: {**own_view(store, visible, subject), **others})


def own_view(store: Store, visible: Visibility, subject: Subject) -> dict[str, Any]:
    """Budgets and groups as `subject` may see them. Blocks: thousands of groups take a while."""
    entries = store.groups()
    found = budget_statuses(store, [subject], datetime.now(UTC))
    return {
        "budgets": visible.budgets(found[subject], {entry.group.id: entry.group for entry in entries}),
        "groups": visible.groups(entries),
    }


def _page_model_json(model: PageModel) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": model.name, "base": model.base, "effort": model.effort}
    return {**shown, "efforts": list(model.efforts)} if model.efforts else shown
