"""What is mounted under /api/usage. Knows FastAPI and the ledger, not Open WebUI: who asks is handed in."""

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.routes import usage_router

__all__ = ["Access", "Caller", "usage_router"]
