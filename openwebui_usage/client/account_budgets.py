"""The limit of an account, as an ordinary budget of the ledger that the gate enforces like any other."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import Connection, delete, insert

from openwebui_usage.client.account import Account
from openwebui_usage.ledger.credits import forget_credits
from openwebui_usage.ledger.definitions import budget_values, raise_revision
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.ledger.schema import usage_budget, usage_call, usage_total
from openwebui_usage.ledger.totals import sum_calls
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.periods import ALL_TIME


def budget_name(account: Account) -> str:
    """The name that distinguishes an account's own budget from others that an admin gives it."""
    return f"account {account.name}"


def new_budget(account: Account, limit_nano: int) -> Budget:
    """A limit of `limit_nano` nano-USD for all time."""
    return Budget(
        id=uuid.uuid4().hex,
        name=budget_name(account),
        limit=limit_nano,
        unit="usd",
        scope=Scope("user", account.user_id),
        counting="billed",
    )


def insert_budget(connection: Connection, budget: Budget) -> None:
    """Define a budget, and make every gate read its definitions again."""
    connection.execute(insert(usage_budget), {**budget_values(budget), "created_at": time.time()})
    raise_revision(connection)


def delete_budget(connection: Connection, budget: Budget) -> None:
    """Remove a budget with its sums and its credit, and make every gate read its definitions again."""
    forget_credits(connection, [budget])
    connection.execute(delete(usage_total).where(usage_total.c.subject == budget.id))
    connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
    raise_revision(connection)


def seed_budget(connection: Connection, budget: Budget, account: Account) -> None:
    """Start a new budget of an existing account with what the account has already used."""
    sums = sum_calls(connection, ALL_TIME, calls_of(account))
    if sums.calls:
        values = {name: getattr(sums, name) for name in SUMS}
        connection.execute(insert(usage_total), {"subject": budget.id, "period": ALL_TIME.key, **values})


def calls_of(account: Account) -> Any:
    """The SQL condition for the ledger rows that count towards an account."""
    return (usage_call.c.user_id == account.user_id) & usage_call.c.unverified.is_(False)
