"""
title: Reasoning effort
author: openwebui-usage
description: Which models reason, and how hard they think by default. Puts the Low | Medium | High menu beside the chat input; what a request or a model's own parameters say always wins.
version: 0.1.0
license: MIT
"""

from typing import Literal

from pydantic import BaseModel, Field

try:
    from openwebui_usage.effort import DEFAULT_EFFORT, NOT_REASONING_MODELS, REASONING_MODELS
    from openwebui_usage.host.effort import prefer
except ImportError:  # The package was uninstalled: this function does nothing until it is deleted or comes back.
    DEFAULT_EFFORT, NOT_REASONING_MODELS, REASONING_MODELS, prefer = "medium", "", "", None


class Filter:
    class Valves(BaseModel):
        reasoning_models: str = Field(
            default=REASONING_MODELS,
            description="Models that take a reasoning effort: ids or globs (* and ?), separated by commas.",
        )
        not_reasoning_models: str = Field(
            default=NOT_REASONING_MODELS,
            description="Exceptions from the above: models whose provider rejects a reasoning effort.",
        )
        default_effort: Literal["low", "medium", "high"] = Field(
            default=DEFAULT_EFFORT,
            description="What the menu shows until a user has chosen.",
        )
        priority: int = Field(default=0, description="Order among filters; smaller comes first.")

    class UserValves(BaseModel):
        effort: Literal["", "low", "medium", "high"] = Field(
            default="",
            description="Your effort where no menu is at hand (API, phone apps, automations). Empty: the model's own.",
        )

    def __init__(self) -> None:
        self.valves = self.Valves()

    def inlet(self, body: dict, __user__: dict | None = None, __request__=None) -> dict:
        """Remember the user's own effort for this request; the package does the rest where the call leaves."""
        valves = (__user__ or {}).get("valves")
        if prefer is not None and __request__ is not None:
            prefer(__request__, getattr(valves, "effort", None))
        return body
