"""The line under a reply: what it used, how long it took, what it cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from openwebui_usage.host import mount
from openwebui_usage.ledger import CallRow
from openwebui_usage.limits import amount

log = logging.getLogger(__name__)


async def status_line(message_id: str, show_tokens: bool, show_time: bool, show_cost: bool) -> str | None:
    """The line for a chat message; None where the ledger knows nothing of it, or nothing is to be shown."""
    store = mount.mounted_store()
    if store is None:
        return None
    try:
        rows = [row for row in await asyncio.to_thread(store.message, message_id) if row.task is None]
    except Exception:
        log.exception("The ledger could not be read for a status line")
        return None
    if not rows:
        return None
    parts = [
        *(_tokens(rows) if show_tokens else ()),
        *(_times(rows) if show_time else ()),
        *(_cost(rows) if show_cost else ()),
    ]
    return " · ".join(parts) or None


def _tokens(rows: Sequence[CallRow]) -> list[str]:
    about = "≈ " if any(row.usage.estimated for row in rows) else ""
    parts = [
        f"{about}{sum(row.usage.input for row in rows):,} in",
        f"{about}{sum(row.usage.output for row in rows):,} out",
    ]
    thought = sum(row.usage.reasoning for row in rows)
    return [*parts, f"{thought:,} of them reasoning"] if thought else parts


def _times(rows: Sequence[CallRow]) -> list[str]:
    thinking = sum(row.thinking or 0 for row in rows)
    parts = [f"thought for {seconds(thinking)}"] if thinking >= 0.05 else []
    return [*parts, f"{seconds(sum(row.duration for row in rows))} in all"]


def _cost(rows: Sequence[CallRow]) -> list[str]:
    known = [row.cost_nano for row in rows if row.cost_nano is not None]
    if len(known) < len(rows):
        return ["unpriced"] if not known else [f"{amount(sum(known), 'usd')} and unpriced calls"]
    return [amount(sum(known), "usd")]


def seconds(span: float) -> str:
    """A span of time for people: `3.2 s`, `1 min 12 s`."""
    if span < 60:
        return f"{span:.1f} s"
    return f"{int(span) // 60} min {int(span) % 60} s"
