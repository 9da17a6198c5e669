"""
title: Usage status
author: openwebui-usage
description: A line with each reply: tokens in and out, thinking time, total time and, where a price is known, cost.
version: 0.1.0
license: MIT
"""

# A filter without handlers, as reasoning_effort is: the package adds the line when the reply is complete.

from pydantic import BaseModel, Field


class Filter:
    class Valves(BaseModel):
        show_tokens: bool = Field(default=True, description="Show tokens in and out, and how many were spent thinking.")
        show_time: bool = Field(default=True, description="Show thinking time and total time.")
        show_cost: bool = Field(default=True, description="Show what the reply cost, where a price is known.")

    class UserValves(BaseModel):
        show: bool = Field(default=True, description="Show the line with my replies.")

    def __init__(self) -> None:
        self.valves = self.Valves()
