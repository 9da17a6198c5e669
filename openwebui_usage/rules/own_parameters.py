"""The parameters that an admin gave a model, in requests that go to another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_THE_CALLERS = frozenset({"model", "messages", "stream", "tools", "metadata"})
"""What a chat always says itself, whatever a model's parameters say."""


def without_own(settings: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a request, or of its `options`, without what `own` put into it: what has the value that the model's
    parameters give it.
    """
    gone = {name for name, value in own.items() if name in settings and settings[name] == value} - _THE_CALLERS
    return {name: value for name, value in settings.items() if name not in gone}
