"""Where a call comes from: a page, an API key, an automation of the host's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openwebui_usage.host.compat import api_key_of, came_by_api_key
from openwebui_usage.host.outer_call import outer_call
from openwebui_usage.ledger.rows import CallKind

_AUTOMATIONS = ("/api/v1/automations/", "/api/v1/timers/")
"""Routes of what the host starts by itself, at a time that somebody has set."""
_OF_AUTOMATION = "automation:"
"""The session of an automation, and of the sub-agents that it starts."""
_OF_SUB_AGENT = "subagent"
"""The session of a sub-agent whose parent had none."""
_FINGERPRINT = 16
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Origin:
    """See the fields of `CallInfo`. A kind of None: there is no request, and nobody knows."""

    kind: CallKind | None
    key: str | None = None
    key_name: str | None = None


def origin_of(http_request: Any, path: str | None, metadata: Mapping[str, Any]) -> Origin:
    """Who makes a call. What a pipe calls is of the kind that the pipe's own call is, and came in by the same key.

    `metadata` is what the host knows of the chat. A session of the page is in there: what has none was asked for by
    a token alone, as a script does it.
    """
    outer = outer_call()
    if outer is not None:
        info = outer.request.info
        return Origin(info.kind, info.key, info.key_name)
    session = metadata.get("session_id")
    session = session if isinstance(session, str) else ""
    if session.startswith(_OF_AUTOMATION) or (path or "").startswith(_AUTOMATIONS):
        return Origin("automation")
    if came_by_api_key(http_request):
        key = api_key_of(http_request)
        return Origin("api") if key is None else Origin("api", fingerprint(key), shown(key))
    if session and not session.startswith(_OF_SUB_AGENT):
        return Origin("chat")
    return Origin(None if http_request is None else "api")


def fingerprint(key: str) -> str:
    """An id of a key: it tells nothing of it, for the host's keys are random."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:_FINGERPRINT]


def shown(key: str) -> str:
    """What people may see of a key, to know theirs by."""
    return f"…{key[-_SHOWN:]}"
