"""What people open at /usage/: built files and their routes. Knows Starlette alone."""

from openwebui_usage.pages.routes import page_routes

__all__ = ["page_routes"]
