"""One row of the ledger: one provider call."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.tokens import TokenUsage

CallKind = Literal["chat", "task", "api", "client", "automation", "embedding"]
"""A chat in the page, a task of the host's own, a request by an API key or token, the token client, an automation of
the host's, a text that is embedded.
"""
Outcome = Literal["done", "stopped", "error"]
"""How a call ended: as the provider meant it, stopped by who asked, or broken."""


def new_id() -> str:
    """A unique id. Ids grow with time, so that the database appends to its index instead of scattering over it."""
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls what, and from where: all that is known of a call before it is made and that its row tells."""

    model: str
    """The id that was asked for."""
    called_model: str
    """The id that answers: the base model of a workspace model, else the same."""
    user_id: str | None = None
    user_name: str | None = None
    user_groups: tuple[str, ...] = ()
    """Ids of the host's user groups that the user is a member of, for the budgets that bind those."""
    chat_id: str | None = None
    message_id: str | None = None
    task: str | None = None
    """`title_generation`, `tags_generation`, … where Open WebUI calls by itself."""
    path: str | None = None
    """The route that the call came in by."""
    kind: CallKind | None = None
    """What it is made for. None in rows of older versions."""
    key: str | None = None
    """Which of the host's API keys it came in with: an id that tells nothing of the key; None where by none."""
    key_name: str | None = None
    """What may be shown of that key."""
    connection: str | None = None
    """A stable id of the connection that it goes to: its kind and base URL."""
    connection_name: str | None = None
    user_group_names: tuple[str, ...] = ()
    """In the order of `user_groups`; empty where they are not known."""
    unverified: bool = False
    """True where only the browser sees the provider (direct connections): kept, but in no total."""
    provider_url: str | None = None
    """Base URL of the connection that it goes to, without anything secret; None where that is not known. For the price;
    not stored.
    """
    is_free_connection: bool = False
    """The admin says that this connection costs nothing. For the price; not stored."""

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The ids by which groups, budgets and prices know the model, the most specific first."""
        return (self.model,) if self.model == self.called_model else (self.model, self.called_model)

    @property
    def caller(self) -> Subject:
        """Who calls, as budgets know them."""
        return Subject(self.user_id, frozenset(self.user_groups))


@dataclass(frozen=True, slots=True)
class CallRow:
    """What a call used, and for how long it ran. Times are seconds since the epoch, UTC; spans are seconds."""

    info: CallInfo
    started_at: float
    usage: TokenUsage
    outcome: Outcome = "done"
    first_token_after: float | None = None
    thinking: float | None = None
    duration: float = 0.0
    raw_usage: dict[str, Any] | None = None
    """The provider's own usage payload."""
    effort: str | None = None
    """How hard the model was asked to think, by whomever."""
    error: str | None = None
    """What kind of error it ended with, see `rules.error_classes`: `http_429`, `timeout`, `connection`, …"""
    cost_nano: int | None = None
    cost_source: str | None = None
    cost_input: int | None = None
    cost_cached: int | None = None
    cost_cache_write: int | None = None
    cost_output: int | None = None
    price_version: str | None = None
    id: str = field(default_factory=new_id)
    """Makes a retry harmless."""

    @classmethod
    def from_row(cls, row: Any) -> CallRow:
        """A row of the table `usage_call`."""
        usage = TokenUsage(*(getattr(row, name) for name in _NAMES[TokenUsage]))
        info = CallInfo(**{name: getattr(row, name) for name in _STORED_INFO})
        others = {name: getattr(row, name) for name in _NAMES[cls] if name not in ("info", "usage", "raw_usage")}
        return cls(info=info, usage=usage, raw_usage=_object(row.raw_usage), **others)

    def to_json(self) -> dict[str, Any]:
        """For the spool file: one flat object, but for `usage` and `raw_usage`."""
        values = asdict(self)
        return {**values.pop("info"), **values}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CallRow:
        """The reverse of `to_json`; fields that this version does not know are left out."""
        info = _known(CallInfo, data)
        for name in ("user_groups", "user_group_names"):
            info[name] = tuple(info.get(name, ()))
        usage = TokenUsage(**_known(TokenUsage, data["usage"]))
        return cls(**{**_known(cls, data), "info": CallInfo(**info), "usage": usage})


_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(item.name for item in fields(kind)) for kind in (CallInfo, CallRow, TokenUsage)
}
_STORED_INFO = (
    "model",
    "called_model",
    "user_id",
    "user_name",
    "chat_id",
    "message_id",
    "task",
    "path",
    "unverified",
)
"""The others are in its combination, or for the price alone."""


def _object(text: str | None) -> dict[str, Any] | None:
    """The JSON object that `text` is; None for anything else, which would keep nobody from reading the row."""
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _known(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in _NAMES[kind] if name in data}
