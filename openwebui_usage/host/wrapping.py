"""Which wrapper goes around which function of the host."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType

from openwebui_usage.host.calls import metered
from openwebui_usage.host.chat_endpoint import with_early_refusal
from openwebui_usage.host.compat import completes_replies
from openwebui_usage.host.effort import for_responses
from openwebui_usage.host.fallback import with_fallback
from openwebui_usage.host.patch_points import (
    CHAT_ENDPOINT,
    COMPLETED,
    DISPATCH,
    LAST_CHANGES,
    OUTLET,
    PATCH_POINTS,
    RESPONSES_PAYLOAD,
    HostFunction,
)
from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.seam import Seam
from openwebui_usage.host.sent_effort import noting_effort
from openwebui_usage.host.status_hook import with_status_line, with_status_line_of_page


def _to_responses(original: Wrapped) -> Wrapped:
    return for_responses(noting_effort(original))


def wrap_module(seam: Seam, module: ModuleType) -> None:
    """Wrap what `patch_points` lists of `module`, and whatever of it the rest of the host holds already."""
    for point in PATCH_POINTS:
        if point.module == module.__name__:
            seam.patches.wrap(module, point, functools.partial(metered, seam, point))
    others: tuple[tuple[HostFunction, Callable[[Wrapped], Wrapped]], ...] = (
        (CHAT_ENDPOINT, functools.partial(with_early_refusal, seam)),
        (DISPATCH, functools.partial(with_fallback, seam)),
        (RESPONSES_PAYLOAD, _to_responses),
        *((function, noting_effort) for function in LAST_CHANGES),
    )
    for function, make in others:
        if function.module == module.__name__:
            seam.patches.wrap(module, function, make)
    if module.__name__ == OUTLET.module:
        _wrap_outlet(seam, module)


def _wrap_outlet(seam: Seam, middleware: ModuleType) -> None:
    """Wrap what runs when a reply is complete."""
    chat = sys.modules.get(COMPLETED.module)  # The middleware has imported it.
    if chat is None or completes_replies(middleware):
        seam.patches.wrap(middleware, OUTLET, functools.partial(with_status_line, seam))
    else:
        seam.patches.wrap(chat, COMPLETED, functools.partial(with_status_line_of_page, seam))
