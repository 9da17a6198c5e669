"""How the plugin fares."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Moment


class LedgerStatus(BaseModel):
    """Whether calls reach the database."""

    state: Literal["opening", "ok", "spooling"] = Field(
        description="`spooling` while rows cannot be written and wait in a file.", examples=["ok"]
    )
    since: Moment
    reason: str | None = Field(description="Why rows cannot be written.", examples=[None])
    spool_folder: str = Field(examples=["/app/backend/data/usage-spool"])
    spool_rows: Count = Field(description="Rows that wait in the folder.", examples=[0])
    memory_rows: Count = Field(description="Rows that wait in memory alone.", examples=[0])
    rejected_rows: Count = Field(description="Rows that were set aside for a person to look at.", examples=[0])


class ReportsStatus(BaseModel):
    """How far the work is that reports are made fast by. They are exact at any time."""

    folded_until: Moment | None = Field(
        description="Up to when sums of longer spans are made; null before the first.",
        examples=["2026-11-27T00:00:00Z"],
    )
    converted: float | None = Field(
        ge=0,
        le=1,
        description="The share of calls from older versions that reports know already; null for all of them.",
        examples=[None],
    )


class TakenBack(BaseModel):
    """What a provider refused of our additions to a request, so that it is left out until the next start."""

    connection: str = Field(examples=["https://api.example.com/v1"])
    model: str = Field(examples=["some-model"])
    with_tools: bool = Field(description="Whether that is so of requests that offer tools.", examples=[False])
    fields: list[str] = Field(examples=[["stream_options"]])


class PluginHealth(BaseModel):
    """How the plugin fares in the worker that answers."""

    version: str = Field(examples=["1.0.0"])
    running: bool = Field(description="Whether calls are metered.", examples=[True])
    ledger: LedgerStatus
    reports: ReportsStatus | None = Field(description="Null while the database does not answer.")
    tasks: dict[str, str | None] = Field(
        description="The periodic tasks, each with what its last round failed with, or null.",
        examples=[{"prices": None}],
    )
    wrapped: list[str] = Field(
        description="The functions of Open WebUI through which calls are seen.",
        examples=[["open_webui.routers.openai.generate_chat_completion"]],
    )
    missing: list[str] = Field(description="Those that this version of Open WebUI does not have.", examples=[[]])
    taken_back: list[TakenBack]
    faults: dict[str, Count] = Field(
        description="How often each part of the plugin failed, and the call went on.", examples=[{}]
    )
