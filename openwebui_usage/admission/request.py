"""A call that is about to be made, in the form that admission and metering need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.rules.wires import Wire


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What a call asks for, and how it is to be metered. `body` is the request as it goes to the provider."""

    info: CallInfo
    body: Mapping[str, Any]
    wire: Wire = "chat"
    generates: bool = True
    """False for embeddings: they have no output to estimate."""
    counts_reports_only: bool = False
    """What it asks for is unknown: it is counted only if the answer reports usage."""
    hide_usage_chunk: bool = False
    """The client did not ask for the chunk that reports usage, so that is not forwarded."""
    is_admitted: bool = False
    """Whether it is already admitted: a task of an admitted chat is counted, but never refused."""
    own_tasks: tuple[CallRow, ...] = ()
    """Rows of tasks of the same chat. Their usage is not held against the answer that they belong to."""
