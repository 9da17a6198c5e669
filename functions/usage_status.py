"""
title: Usage status
author: openwebui-usage
description: A line under each reply: tokens in and out, thinking time, total time and, where a price is known, cost.
version: 0.1.0
license: MIT
"""

from pydantic import BaseModel, Field

try:
    from openwebui_usage.host.status import status_line
except ImportError:  # The package was uninstalled: this function does nothing until it is deleted or comes back.
    status_line = None


class Filter:
    class Valves(BaseModel):
        show_tokens: bool = Field(default=True, description="Show tokens in and out, and how many were spent thinking.")
        show_time: bool = Field(default=True, description="Show thinking time and total time.")
        show_cost: bool = Field(default=True, description="Show what the reply cost, where a price is known.")
        priority: int = Field(default=0, description="Order among filters; smaller comes first.")

    class UserValves(BaseModel):
        show: bool = Field(default=True, description="Show the line under my replies.")

    def __init__(self) -> None:
        self.valves = self.Valves()

    async def outlet(self, body: dict, __user__=None, __event_emitter__=None, __metadata__=None) -> dict:
        """Add the line. The ledger has the reply's row already: a stream's end is not shown before it does."""
        message_id = (__metadata__ or {}).get("message_id") or body.get("id")
        mine = getattr((__user__ or {}).get("valves"), "show", True)
        if status_line is None or __event_emitter__ is None or not message_id or not mine:
            return body
        valves = self.valves
        line = await status_line(message_id, valves.show_tokens, valves.show_time, valves.show_cost)
        if line:
            await __event_emitter__({"type": "status", "data": {"description": line, "done": True}})
        return body
