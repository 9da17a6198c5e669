"""Fixtures of the tests in a browser."""

from tests.support.pages import open_page

__all__ = ["open_page"]
