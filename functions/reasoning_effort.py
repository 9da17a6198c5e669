"""
title: Reasoning effort
author: openwebui-usage
description: Which models reason, and how hard they think by default. Puts the Low | Medium | High menu beside the chat input; what a request or a model's own parameters say always wins.
version: 0.1.0
license: MIT
"""

# A filter without handlers: what is set here is applied where calls leave, on every path, pass-through endpoints
# included. Handlers would run Open WebUI's filter machinery for each chunk of each answer.

from typing import Literal

from pydantic import BaseModel, Field

try:
    from openwebui_usage.rules.effort import DEFAULT_EFFORT, NOT_REASONING_MODELS, REASONING_MODELS
except ImportError:  # The package was uninstalled: this function does nothing until it is deleted or comes back.
    DEFAULT_EFFORT, NOT_REASONING_MODELS, REASONING_MODELS = "medium", "", ""


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
            description="What the menu shows, and sends, until a user has chosen: for models that are known to take it.",
        )
        show_typical: bool = Field(
            default=True,
            description="Say in the menu and in the counter's tooltip what answers usually use: from everybody's calls of the last 30 days, where there are at least 8.",
        )

    class UserValves(BaseModel):
        effort: Literal["", "low", "medium", "high"] = Field(
            default="",
            description="Your effort where no menu is at hand (API, phone apps, automations). Empty: the model's own.",
        )

    def __init__(self) -> None:
        self.valves = self.Valves()
