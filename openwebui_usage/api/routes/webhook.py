"""/api/usage/webhook."""

import asyncio

from fastapi import APIRouter, Depends, HTTPException

from openwebui_usage.api.access import Access
from openwebui_usage.api.answers.webhook import UsageWebhook, WebhookTested
from openwebui_usage.api.routes.errors import problems
from openwebui_usage.ledger import Store
from openwebui_usage.webhook import Notifier, NoWebhook


def add_webhook(router: APIRouter, store: Store, access: Access, notifier: Notifier) -> None:
    """For admins alone."""
    admin = Depends(access.admin)
    testing = asyncio.Lock()

    @router.get(
        "/webhook",
        summary="Where notices go, and how the last ones went",
        dependencies=[admin],
        responses=problems(401, 403, 503),
    )
    async def get_webhook() -> UsageWebhook:
        deliveries = store.deliveries
        return await asyncio.to_thread(lambda: UsageWebhook.of(notifier, deliveries.waiting(), deliveries.latest()))

    @router.post(
        "/webhook/test",
        summary="Post a test to the webhook, and see what the receiver says",
        dependencies=[admin],
        responses=problems(401, 403, 409),
    )
    async def test_webhook() -> WebhookTested:
        async with testing:  # A receiver that hangs is not asked by many threads at once.
            try:
                return WebhookTested.of(await asyncio.to_thread(notifier.test))
            except NoWebhook as error:
                text = "No webhook is set: give its address in OPENWEBUI_USAGE_WEBHOOK_URL, and start again."
                raise HTTPException(409, text) from error
