"""What people open at /usage/: built files and their routes. Knows Starlette alone."""

from openwebui_usage.pages.routes import LOAD_ENTRIES, page_routes

__all__ = ["LOAD_ENTRIES", "page_routes"]
