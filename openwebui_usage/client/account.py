"""One account of the token client: its row in the database, without the hash of its token."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the token client. Times are seconds since the epoch."""

    id: str
    name: str
    token_start: str
    is_active: bool
    created_at: float
    key_id: str
    last_used: float | None = None
    last_ip: str | None = None
    requests_reset_at: float | None = None
    requests_offset: int = 0

    @property
    def user_id(self) -> str:
        """The user id in the ledger and its budgets."""
        return f"account:{self.id}"


_COLUMNS = [field.name for field in fields(Account)]


def row_of(account: Account, token_hash: str) -> dict[str, Any]:
    """The values to insert for an account."""
    return {**{name: getattr(account, name) for name in _COLUMNS}, "token_hash": token_hash}


def account_of(row: Row[Any]) -> Account:
    """The account in a row of `usage_account`."""
    return Account(**{name: getattr(row, name) for name in _COLUMNS})
