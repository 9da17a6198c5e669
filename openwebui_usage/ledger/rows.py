"""One row of the ledger: one provider call."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from openwebui_usage.rules.tokens import TokenUsage

Outcome = Literal["done", "stopped", "error"]
"""How a call ended: as the provider meant it, stopped by who asked, or broken."""


def new_id() -> str:
    """A unique id. Ids grow with time, so that the database appends to its index instead of scattering over it."""
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


@dataclass(frozen=True, slots=True)
class CallRow:
    """Who called what, where, how much and for how long. Times are seconds since the epoch, UTC; spans are seconds."""

    started_at: float
    model: str
    """The id that was asked for."""
    called_model: str
    """The id that answered: the base model of a workspace model, else the same."""
    usage: TokenUsage
    outcome: Outcome = "done"
    user_id: str | None = None
    user_name: str | None = None
    user_groups: tuple[str, ...] = ()
    """Ids of the host's user groups that the user was a member of, for the budgets that bind those. Not stored."""
    chat_id: str | None = None
    message_id: str | None = None
    task: str | None = None
    """`title_generation`, `tags_generation`, … where Open WebUI called by itself."""
    path: str | None = None
    """The route that the call came in by."""
    first_token_after: float | None = None
    thinking: float | None = None
    duration: float = 0.0
    unverified: bool = False
    """True where only the browser saw the provider (direct connections): kept, but in no total."""
    provider_url: str | None = None
    """Base URL of the connection that was called, without anything secret. For the price; not stored."""
    is_free_connection: bool = False
    """The admin says that this connection costs nothing. For the price; not stored."""
    raw_usage: dict[str, Any] | None = None
    """The provider's own usage payload."""
    cost_nano: int | None = None
    cost_source: str | None = None
    id: str = field(default_factory=new_id)
    """Makes a retry harmless."""

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The ids by which groups and prices know this call, the most specific first."""
        return (self.model,) if self.model == self.called_model else (self.model, self.called_model)

    @classmethod
    def from_row(cls, row: Any) -> CallRow:
        """A row of the table `usage_call`."""
        known = {item.name for item in fields(cls)} - {"usage", "raw_usage", *_NOT_STORED}
        usage = TokenUsage(*(getattr(row, item.name) for item in fields(TokenUsage)))
        return cls(**{name: getattr(row, name) for name in known}, usage=usage, raw_usage=_object(row.raw_usage))

    def to_json(self) -> dict[str, Any]:
        """For the spool file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CallRow:
        """The reverse of `to_json`; fields that this version does not know are left out."""
        values = _known(cls, data)
        groups = tuple(values.get("user_groups", ()))
        return cls(**{**values, "usage": TokenUsage(**_known(TokenUsage, values["usage"])), "user_groups": groups})


_NOT_STORED = ("user_groups", "provider_url", "is_free_connection")


def _object(text: str | None) -> dict[str, Any] | None:
    """The JSON object that `text` is; None for anything else, which would keep nobody from reading the row."""
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _known(kind: type[CallRow] | type[TokenUsage], data: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {key: value for key, value in data.items() if key in names}
