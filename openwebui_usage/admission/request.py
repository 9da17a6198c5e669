"""A call that is about to be made, as admission and metering look at it."""

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
    """Nobody knows what it asks for: it has a row only where the answer tells usage."""
    hide_usage_chunk: bool = False
    """The client did not ask for the chunk that tells the usage, so it does not see it."""
    is_admitted: bool = False
    """A task of a chat that was admitted is counted, and never refused."""
    own_tasks: tuple[CallRow, ...] = ()
    """What tasks of the same chat have used already, which does not count against it."""
