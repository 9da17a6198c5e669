"""The routes under /api/usage, a file for each resource."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from openwebui_usage.api.access import Access
from openwebui_usage.api.metrics import Exposition
from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.api.routes.budgets import add_budgets
from openwebui_usage.api.routes.calls import add_calls
from openwebui_usage.api.routes.changes import Changed
from openwebui_usage.api.routes.configuration import add_configuration
from openwebui_usage.api.routes.credits import add_credits
from openwebui_usage.api.routes.directory import add_directory
from openwebui_usage.api.routes.errors import LedgerRoute
from openwebui_usage.api.routes.focus import add_focus
from openwebui_usage.api.routes.forecasts import add_forecasts
from openwebui_usage.api.routes.groups import add_groups
from openwebui_usage.api.routes.health import Health, add_health
from openwebui_usage.api.routes.journal import add_journal, noting_who
from openwebui_usage.api.routes.metrics import add_metrics
from openwebui_usage.api.routes.own import add_own
from openwebui_usage.api.routes.own_chats import add_own_chats
from openwebui_usage.api.routes.own_limit import add_own_limit
from openwebui_usage.api.routes.prices import add_prices
from openwebui_usage.api.routes.readers import add_readers
from openwebui_usage.api.routes.refusals import add_refusals
from openwebui_usage.api.routes.reports import add_reports
from openwebui_usage.api.routes.typical import Typical, add_typical, nothing_known
from openwebui_usage.api.routes.unusual import add_unusual
from openwebui_usage.api.routes.views import add_views
from openwebui_usage.api.routes.webhook import add_webhook
from openwebui_usage.api.same_origin import same_origin
from openwebui_usage.ledger import Store
from openwebui_usage.rules.groups import Counting
from openwebui_usage.webhook import Notifier

__all__ = ["usage_router"]


def usage_router(
    store: Store,
    access: Access,
    counting: Counting,
    changed: Changed,
    health: Health,
    webhook: Notifier,
    readers: FixedReaders = FixedReaders(),  # noqa: B008 - a value that nobody can change
    typical: Typical = nothing_known,
    exposition: Exposition | None = None,
    metrics_token: str | None = None,
) -> APIRouter:
    """All routes, with paths of their own.

    `counting` is the default of new groups; `changed` is told the names of groups that an admin touched, and that
    definitions changed at all; `health` is what admins are told of the plugin itself;
    `readers` is what the environment says of them; `typical` is what calls of models usually use;
    `exposition` is what monitoring systems are told, who may have `metrics_token`.
    """
    router = APIRouter(
        prefix="/api/usage", tags=["usage"], route_class=LedgerRoute, dependencies=[Depends(same_origin)]
    )
    access = noting_who(access)
    add_groups(router, store, access, counting, changed)
    add_budgets(router, store, access, changed)
    add_credits(router, store, access, changed)
    add_journal(router, store, access)
    add_prices(router, store, access, changed)
    add_own(router, store, access)
    add_own_limit(router, store, access)
    add_own_chats(router, store, access)
    add_typical(router, access, typical)
    add_reports(router, store, access)
    add_refusals(router, store, access)
    add_unusual(router, store, access)
    add_forecasts(router, store, access)
    add_calls(router, store, access)
    add_focus(router, store, access)
    add_views(router, store, access)
    add_directory(router, access)
    add_readers(router, store, access, readers)
    add_webhook(router, store, access, webhook)
    add_configuration(router, store, access, counting, changed)
    add_health(router, access, health)
    if exposition is not None:
        add_metrics(router, access, exposition, metrics_token)
    return router
