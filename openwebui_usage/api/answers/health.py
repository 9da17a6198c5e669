"""How the plugin fares."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Moment, Seconds
from openwebui_usage.checks import Check, State
from openwebui_usage.checks.recent_errors import RecentError
from openwebui_usage.ledger.figures import Figures
from openwebui_usage.rules.json_values import iso_utc


class LedgerStatus(BaseModel):
    """Whether calls reach the database."""

    state: Literal["opening", "ok", "spooling"] = Field(
        description="`spooling` while rows cannot be written and wait in a file.", examples=["ok"]
    )
    since: Moment
    lag: Seconds = Field(description="How long the oldest row waits that is not written.", examples=[0.0])
    reason: str | None = Field(description="Why rows cannot be written.", examples=[None])
    spool_folder: str = Field(examples=["/app/backend/data/usage-spool"])
    spool_rows: Count = Field(description="Rows that wait in the folder.", examples=[0])
    memory_rows: Count = Field(description="Rows that wait in memory alone.", examples=[0])
    rejected_rows: Count = Field(description="Rows that were set aside for a person to look at.", examples=[0])


class ReportsStatus(BaseModel):
    """How far the background work is that makes reports fast. They are exact at any time."""

    folded_until: Moment | None = Field(
        description="Up to when the sums of hours, days and months are made; null before the first.",
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


CheckValue = str | int | float | dict[str, str] | dict[str, int]


class HealthCheck(BaseModel):
    """One thing that was looked at."""

    id: str = Field(description="The same in all versions.", examples=["ledger"])
    state: State = Field(
        description="`warn`: somebody should look at it, but calls are counted and limited.", examples=["ok"]
    )
    text: str = Field(description="How it is.", examples=["No call waits outside of the ledger."])
    mend: str | None = Field(description="What to do; null where it is `ok`.", examples=[None])
    code: str | None = Field(
        description="Which of the sentences of its `id` and `state` the check says, the same in all versions: for "
        "those who say it in another language. Null for a sentence that is only English.",
        examples=["waiting"],
    )
    values: dict[str, CheckValue] = Field(
        description="What is particular in the sentence. `n` is how many it speaks of; `bytes`, `seconds`, "
        "`milliseconds` and `share` (of 1) are what they are called; `at`, `since`, `until`, `oldest` and `utc` are "
        "times; `more` is how many names are left out; objects have a number or text for each name.",
        examples=[{"n": 2, "folder": "/app/backend/data/usage-spool"}],
    )

    @classmethod
    def of(cls, check: Check) -> HealthCheck:
        """As it was seen."""
        return cls(**asdict(check))


class DatabaseStatus(BaseModel):
    """What the ledger is kept in. No row is counted for it."""

    name: str = Field(examples=["SQLite 3.45.1"])
    rows: Count | None = Field(description="Of calls, about; null where the database does not know.", examples=[120])
    bytes: Count | None = Field(description="Of the whole ledger; null likewise.", examples=[1_048_576])

    @classmethod
    def of(cls, figures: Figures) -> DatabaseStatus:
        """As the database says."""
        return cls(name=figures.database, rows=figures.rows, bytes=figures.size)


class RecentFailure(BaseModel):
    """A warning or an error of the plugin in the log of this worker."""

    at: Moment = Field(description="The last time.")
    level: str = Field(examples=["warning"])
    text: str = Field(examples=["The webhook was not reached, a notice is tried again later: ConnectError"])
    times: Count = Field(description="Since the start.", examples=[1])

    @classmethod
    def of(cls, error: RecentError) -> RecentFailure:
        """With its time as ISO 8601."""
        at = iso_utc(error.at.replace(microsecond=0)) or ""
        return cls(at=at, level=error.level, text=error.text, times=error.times)


class WrongValue(BaseModel):
    """A setting that cannot be used, so that its default stands in for it."""

    variable: str = Field(examples=["OPENWEBUI_USAGE_FAIL_CLOSED"])
    fault: str = Field(examples=["Input should be a valid boolean, unable to interpret input (got 'ture')"])
    taken: str = Field(description="What is taken instead.", examples=["false"])


class PluginHealth(BaseModel):
    """How the plugin fares in the worker that answers."""

    version: str = Field(examples=["1.0.0"])
    running: bool = Field(description="Whether calls are metered.", examples=[True])
    ledger: LedgerStatus | None = Field(description="Null while the spool's folder does not answer.")
    reports: ReportsStatus | None = Field(description="Null while the database does not answer.")
    tasks: dict[str, str | None] = Field(
        description="The periodic tasks, each with what its last round failed with, or null.",
        examples=[{"prices": None}],
    )
    wrapped: list[str] = Field(
        description="The functions of Open WebUI through which calls are seen.",
        examples=[["open_webui.routers.openai.generate_chat_completion"]],
    )
    missing: list[str] = Field(
        description="The functions that this version of Open WebUI does not have.", examples=[[]]
    )
    wrong_settings: list[WrongValue]
    taken_back: list[TakenBack]
    faults: dict[str, Count] = Field(
        description="How often each part of the plugin failed, and the call went on.", examples=[{}]
    )
    checks: list[HealthCheck] = Field(
        description="All of this in words, and more; what everything depends on comes first."
    )
    versions: dict[str, str] = Field(
        description="Of what runs.", examples=[{"openwebui-usage": "1.0.0", "Open WebUI": "0.12.4", "Python": "3.11.9"}]
    )
    database: DatabaseStatus | None = Field(description="Null while it does not answer.")
    errors: list[RecentFailure] = Field(description="The last ones, the latest first.")
