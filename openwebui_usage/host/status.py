"""The line with a reply: what it used, how long it took, what it cost."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from openwebui_usage.host.valves import STATUS, Valves
from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.rules.refusal_texts import amount

log = logging.getLogger(__name__)

_MOST_REMEMBERED = 1000


class StatusLine:
    """Sends the line to the page, and into the saved chat, once a reply is complete."""

    def __init__(self, store: Store, valves: Valves) -> None:
        """`valves` are those of the function `usage_status`."""
        self._store = store
        self._valves = valves
        self._remembered: OrderedDict[str, str] = OrderedDict()

    def remember(self, message_id: str, text: str) -> None:
        """Have the line with a reply begin with `text`."""
        self._remembered[message_id] = text
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    async def send(self, context: Mapping[str, Any]) -> None:
        """Send it for one reply. `context` is the host's: its metadata, user and event emitter. Never raises.

        The ledger has the reply's rows already: the end of a stream is not seen before it does.
        """
        try:
            emit = context.get("event_emitter")
            message_id = (context.get("metadata") or {}).get("message_id")
            user_id = getattr(context.get("user"), "id", None)
            if emit is None or not message_id or user_id is None:
                return
            line = await self._line(message_id, user_id)
            if line:
                await emit({"type": "status", "data": {"description": line, "done": True}})
        except Exception:
            log.exception("A status line could not be sent")

    async def _line(self, message_id: str, user_id: str) -> str | None:
        remembered = self._remembered.pop(message_id, None)
        valves = await self._valves.of(STATUS)
        if valves is None or (await self._valves.of_user(STATUS, user_id)).get("show") is False:
            return None
        rows = await asyncio.to_thread(self._store.message, message_id)
        # A message's id is whatever a caller of a pass-through endpoint says it is.
        rows = [row for row in rows if row.info.task is None and row.info.user_id == user_id]
        if not rows:
            return None
        parts = [
            *((remembered,) if remembered is not None else ()),
            *(_tokens(rows) if valves.get("show_tokens", True) else ()),
            *(_times(rows) if valves.get("show_time", True) else ()),
            *(_cost(rows) if valves.get("show_cost", True) else ()),
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
    used = [row for row in rows if row.usage.input or row.usage.output]  # A try that failed cost nothing.
    known = [row.cost_nano for row in used if row.cost_nano is not None]
    if len(known) < len(used):
        return ["unpriced"] if not known else [f"{amount(sum(known), 'usd')} and unpriced calls"]
    return [amount(sum(known), "usd")]


def seconds(span: float) -> str:
    """A span of time for people: `3.2 s`, `1 min 12 s`."""
    if span < 60:
        return f"{span:.1f} s"
    return f"{int(span) // 60} min {int(span) % 60} s"
