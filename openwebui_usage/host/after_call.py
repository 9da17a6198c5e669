"""What is done after a call: settle it by what the host's function returned or raised, or at the end of its stream."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable
from typing import Any

from openwebui_usage.host.outer_call import stream_within
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.host.provider_answers import tells_error
from openwebui_usage.meter import Call
from openwebui_usage.rules.error_classes import error_class, reported_class, status_class

log = logging.getLogger(__name__)


async def settle(point: PatchPoint, call: Call, result: Any) -> Any:
    """Settle a call that returned `result`; returns what the host gets."""
    status = getattr(result, "status_code", 200)
    chunks = getattr(result, "body_iterator", None)
    if status >= 400:
        await _log_errors(call.failed(status_class(status)))
    elif chunks is not None:
        result.body_iterator = call.forward(stream_within(call, chunks) if point.kind == "pipe" else chunks)
    else:
        body = getattr(result, "body", result)
        if isinstance(body, bytes | bytearray | memoryview):
            body = _parsed(bytes(body))
        await _log_errors(call.failed(reported_class(body)) if tells_error(body) else call.answered(body))
    return result


async def settle_raised(call: Call, error: Exception) -> None:
    """Settle a call that raised: it has a row where a provider was asked, none where the host refused it before."""
    try:
        status = getattr(error, "status_code", 500)
        if status in (401, 403, 404) or (status == 400 and type(error).__name__ == "HTTPException"):
            call.forget()
        else:
            await call.failed(error_class(error))
    except Exception:
        log.exception("A call could not be settled")


async def _log_errors(settling: Awaitable[None]) -> None:
    """A fault of ours never becomes a fault of the host's."""
    try:
        await settling
    except Exception:
        log.exception("A call could not be settled")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
