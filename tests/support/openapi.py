"""What our endpoints say of themselves, as JSON on standard output: python -m tests.support.openapi usage"""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi.openapi.utils import get_openapi
from sqlalchemy import create_engine

from openwebui_usage import __version__
from openwebui_usage.api import Access, usage_router
from openwebui_usage.ledger import Store


def usage() -> dict[str, Any]:
    """OpenAPI of what is mounted under /api/usage. Nobody is asked for anything, so that there need be nobody."""

    def nobody(*_: Any) -> Any:
        raise NotImplementedError

    access = Access(nobody, nobody, nobody, nobody, nobody)
    router = usage_router(Store(create_engine("sqlite://")), access, "documented", nobody, nobody)
    return get_openapi(title="Open WebUI usage", version=__version__, routes=router.routes)


if __name__ == "__main__":
    json.dump({"usage": usage}[sys.argv[1]](), sys.stdout)
