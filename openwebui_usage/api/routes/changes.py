"""Whom a change is told to."""

from collections.abc import Awaitable, Callable, Iterable

Changed = Callable[[Iterable[str]], Awaitable[None]]
"""Called after each change with the names of the groups that it touched, which may be none."""
