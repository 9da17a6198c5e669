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
"""A chat in the page, one of the host's own tasks, a request with an API key or token, the token client, one of the
host's automations, the embedding of a text.
"""
Outcome = Literal["done", "stopped", "error"]
"""How a call ended: completely, stopped by the client, or with an error."""


def new_id() -> str:
    """A unique id. Ids increase with time, so that new entries are at the end of the database's index."""
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


def id_at(moment: float) -> str:
    """The smallest id that a call of this time (seconds since the epoch) can have."""
    return f"{max(0, round(moment * 1e9)):016x}"


def time_of(id_: str) -> float:
    """When an id was made, in seconds since the epoch."""
    return int(id_[:16], 16) / 1e9


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls what, and from where: everything in a row that is known before the call is made."""

    model: str
    """The requested id."""
    called_model: str
    """The id of the model that answers: the base of a workspace model, else the same as `model`."""
    user_id: str | None = None
    user_name: str | None = None
    user_groups: tuple[str, ...] = ()
    """Ids of the host's user groups that the user belongs to, for budgets with such a scope."""
    chat_id: str | None = None
    message_id: str | None = None
    task: str | None = None
    """`title_generation`, `tags_generation`, …, for calls that Open WebUI makes by itself."""
    path: str | None = None
    """The route that received the request."""
    kind: CallKind | None = None
    """The purpose of the call. None in rows of older versions."""
    key: str | None = None
    """An id of the host's API key that was used, which reveals nothing of the key. None without a key."""
    key_name: str | None = None
    """A name for that key which may be shown."""
    connection: str | None = None
    """A stable id of the connection that it goes to: its kind and base URL."""
    connection_name: str | None = None
    user_group_names: tuple[str, ...] = ()
    """In the order of `user_groups`; empty where they are not known."""
    user_role: str | None = None
    """The host's role of the user, for budgets that ask for it."""
    unverified: bool = False
    """True if the numbers come from the browser (direct connections). Such rows are stored, but not in any total."""
    provider_url: str | None = None
    """Base URL of the connection, without secrets. None if it is unknown. Only for the price, not stored."""
    is_free_connection: bool = False
    """Whether an admin has declared the connection as free. Only for the price, not stored."""

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The ids of the model for groups, budgets and prices, the most specific first."""
        return (self.model,) if self.model == self.called_model else (self.model, self.called_model)

    @property
    def caller(self) -> Subject:
        """The caller, as budgets need it."""
        return Subject(self.user_id, frozenset(self.user_groups), self.user_role)


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
    """The reasoning effort that was sent to the provider, whoever chose it."""
    error: str | None = None
    """The class of the error that it ended with, see `rules.error_classes`: `http_429`, `timeout`, `connection`, …"""
    cost_nano: int | None = None
    cost_source: str | None = None
    cost_input: int | None = None
    cost_cached: int | None = None
    cost_cache_write: int | None = None
    cost_output: int | None = None
    price_version: str | None = None
    id: str = field(default_factory=new_id)
    """Written once only, so that a retry is harmless."""

    @classmethod
    def from_row(cls, row: Any) -> CallRow:
        """The call in a row of the table `usage_call`."""
        usage = TokenUsage(*(getattr(row, name) for name in _NAMES[TokenUsage]))
        info = CallInfo(**{name: getattr(row, name) for name in _STORED_INFO})
        others = {name: getattr(row, name) for name in _NAMES[cls] if name not in ("info", "usage", "raw_usage")}
        return cls(info=info, usage=usage, raw_usage=_object(row.raw_usage), **others)

    def to_json(self) -> dict[str, Any]:
        """The form in the spool file: one object, which is flat except for `usage` and `raw_usage`."""
        values = asdict(self)
        return {**values.pop("info"), **values}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CallRow:
        """The reverse of `to_json`. Fields that this version does not know are ignored."""
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
    """The JSON object in `text`. None for anything else, so that the row can be read in any case."""
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _known(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in _NAMES[kind] if name in data}
