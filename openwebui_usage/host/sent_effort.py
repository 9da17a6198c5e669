"""The effort that a request has when it leaves.

Behind our wrappers the host still merges a model's own parameters into the request, and drops what an API does not
take. The functions that do so are watched, see `patch_points.LAST_CHANGES`, so that a call's row tells what was sent.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from openwebui_usage.meter import Call
from openwebui_usage.rules.effort import effort_of

log = logging.getLogger(__name__)

_leaving: ContextVar[Call | None] = ContextVar("openwebui_usage_leaving_call", default=None)


@contextlib.contextmanager
def noting_effort_of(call: Call | None) -> Iterator[None]:
    """What the host makes of a request in here is `call`'s; None: nobody's."""
    token = _leaving.set(call)
    try:
        yield
    finally:
        _leaving.reset(token)


def noting_effort(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, which returns a request, alone or among other things: its effort is the call's from now on."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        call = _leaving.get()
        if call is not None:
            try:
                _note(call, result)
            except Exception:
                log.exception("The effort of a call is not recorded")
        return result

    return noting


def _note(call: Call, result: Any) -> None:
    found = result if isinstance(result, tuple) else (result,)
    body = next((each for each in found if isinstance(each, Mapping)), None)
    if body is not None:
        call.effort = effort_of(body)
