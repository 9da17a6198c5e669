"""What our endpoints say of themselves, as JSON on standard output: python -m tests.support.openapi usage|client"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from fastapi.openapi.utils import get_openapi
from sqlalchemy import create_engine

from openwebui_usage import __version__
from openwebui_usage.api import Access, usage_router
from openwebui_usage.api.metrics import Exposition
from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.app import create_app
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.ledger import Store
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from openwebui_usage.webhook import Notifier


def usage() -> dict[str, Any]:
    """OpenAPI of what is mounted under /api/usage. Nobody is asked for anything, so that there need be nobody."""

    def nobody(*_: Any) -> Any:
        raise NotImplementedError

    store = Store(create_engine("sqlite://"))
    router = usage_router(
        store=store,
        access=Access(**{field.name: cast(Any, nobody) for field in fields(Access)}),
        counting="documented",
        changed=nobody,
        health=nobody,
        webhook=Notifier(store, None, None),
        exposition=Exposition(nobody, nobody),
    )
    return get_openapi(title="Open WebUI usage", version=__version__, routes=router.routes)


def client() -> dict[str, Any]:
    """OpenAPI of the token client, which shows it to nobody."""
    engine, hasher = create_engine("sqlite://"), TokenHasher(b"")
    runtime = Runtime(Store(engine), Path(), Settings())
    provider = Provider(Upstream("o1"), 1)
    app = create_app(runtime, Accounts(engine, hasher), hasher, provider, rate=0)
    return get_openapi(title="Token client", version=__version__, routes=app.routes)


if __name__ == "__main__":
    json.dump({"usage": usage, "client": client}[sys.argv[1]](), sys.stdout)
