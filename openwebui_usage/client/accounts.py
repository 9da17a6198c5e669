"""The users of the token client: a name, a token of which only a keyed hash is kept, and a budget that is their limit.

An account is the user `account:ID` of the ledger, and its limit an ordinary budget of that user. So the gate holds it,
and groups and reports count it, as they do with everybody.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from openwebui_usage.client.tokens import TokenHasher, is_token
from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import budget_from, budget_values, raise_revision, read_revision
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import usage_account, usage_budget, usage_call, usage_total
from openwebui_usage.ledger.totals import read_totals, sum_calls
from openwebui_usage.rules.budgets import ALL_TIME, NANO, Budget, Period, Scope, period_at
from openwebui_usage.rules.groups import Sums

DEFAULT_LIMIT = 1000 * NANO
LONGEST_NAME = 80
"""The budget's name has 100 characters, "account " among them."""


class AccountExists(Exception):
    """The name is taken."""


class AccountMissing(Exception):
    """Nobody has that token, or that name."""


class OtherSecret(Exception):
    """The accounts that exist have hashes made with another secret: a token made here would not be known there."""


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
        """How the ledger and its budgets know this user."""
        return f"account:{self.id}"


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account with what it used and may use. `budget` is None where an admin deleted it: no limit, then."""

    account: Account
    budget: Budget | None
    sums: Sums = field(default_factory=Sums)
    period: Period = ALL_TIME

    @property
    def limit_nano(self) -> int | None:
        """The limit in nano-USD; None for no limit in money."""
        return self.budget.limit if self.budget is not None and self.budget.unit == "usd" else None

    @property
    def remaining_nano(self) -> int | None:
        """What is left of it."""
        return None if self.limit_nano is None else max(0, self.limit_nano - self.sums.cost_nano)

    @property
    def requests(self) -> int:
        """Calls since the count was last reset."""
        reset_at, starts_at = self.account.requests_reset_at, self.period.starts_at
        if reset_at is None or (starts_at is not None and reset_at < starts_at.timestamp()):
            return self.sums.calls
        return max(0, self.sums.calls - self.account.requests_offset)

    @property
    def tokens(self) -> int:
        """Everything that was billed: prompt, reasoning and answer, each once."""
        return self.sums.total("billed")


class Accounts:
    """The accounts in the ledger's database. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine, hasher: TokenHasher, schema: str | None = None) -> None:
        """`schema` is PostgreSQL's, as in `Store`."""
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._hasher = hasher

    def create(self, name: str, limit_nano: int = DEFAULT_LIMIT) -> tuple[AccountStatus, str]:
        """A new account, and its token, which nobody can tell afterwards. Raises `AccountExists`, `OtherSecret`."""
        account = Account(uuid.uuid4().hex, name, "", True, time.time(), self._hasher.key_id)
        budget = _budget(account, limit_nano)
        try:
            with writing(self._engine) as connection:
                others = select(usage_account.c.key_id).where(usage_account.c.key_id != self._hasher.key_id)
                if connection.execute(others.limit(1)).first():
                    raise OtherSecret
                token = self._free_token(connection)
                account = replace(account, token_start=token[:2])
                connection.execute(insert(usage_account), _values(account, self._hasher.hash(token)))
                _insert_budget(connection, budget)
        except IntegrityError as error:
            raise AccountExists(name) from error
        return AccountStatus(account, budget), token

    def find(self, token: str) -> Account:
        """The account of a token. Raises `AccountMissing`."""
        if not is_token(token):
            raise AccountMissing
        wanted = self._hasher.hash(token)
        with self._engine.connect() as connection:
            row = connection.execute(select(usage_account).where(usage_account.c.token_hash == wanted)).first()
        if row is None or not hmac.compare_digest(row.token_hash, wanted):
            raise AccountMissing
        return _account(row)

    def named(self, name: str) -> Account:
        """The account of that name. Raises `AccountMissing`."""
        with self._engine.connect() as connection:
            row = connection.execute(select(usage_account).where(usage_account.c.name == name)).first()
        if row is None:
            raise AccountMissing(name)
        return _account(row)

    def revision(self) -> int:
        """Raised by every change of a definition, limits of accounts among them."""
        with self._engine.connect() as connection:
            return read_revision(connection)

    def status(self, account_id: str) -> AccountStatus:
        """One account with its sums. Raises `AccountMissing`."""
        with self._engine.connect() as connection:
            return _standing(connection, account_id)

    def settled(self, account_id: str, call_id: str) -> tuple[AccountStatus, CallRow | None]:
        """The same, and a call's row, which is not there while the database is away or the row waits."""
        with self._engine.connect() as connection:
            row = connection.execute(select(usage_call).where(usage_call.c.id == call_id)).first()
            return _standing(connection, account_id), None if row is None else CallRow.from_row(row)

    def all(self) -> list[AccountStatus]:
        """Every account with its sums, the oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(usage_account).order_by(usage_account.c.created_at))
            return _standings(connection, [_account(row) for row in rows])

    def last_seen(self) -> list[tuple[str, str]]:
        """From which address each was used last, and the hash of its token; who was never used is left out."""
        query = select(usage_account.c.last_ip, usage_account.c.token_hash).where(usage_account.c.last_ip.is_not(None))
        with self._engine.connect() as connection:
            return [
                (row.last_ip, row.token_hash) for row in connection.execute(query.order_by(usage_account.c.last_used))
            ]

    def made_elsewhere(self) -> int:
        """How many accounts have a hash made with another secret, so that their tokens are not known here."""
        with self._engine.connect() as connection:
            keys = connection.execute(select(usage_account.c.key_id)).scalars()
            return sum(key != self._hasher.key_id for key in keys)

    def used(self, account_id: str, ip: str | None) -> None:
        """The account made a call, from `ip`."""
        query = update(usage_account).where(usage_account.c.id == account_id)
        with self._engine.begin() as connection:
            connection.execute(query.values(last_used=time.time(), last_ip=ip and ip[:45]))

    def toggle(self, account_id: str) -> AccountStatus:
        """Shut the account out, or let it in again. Raises `AccountMissing`."""
        return self._change(account_id, lambda now: {"is_active": not now.account.is_active})

    def reset_requests(self, account_id: str) -> AccountStatus:
        """Count its requests from zero; cost, tokens and the ledger's rows stay. Raises `AccountMissing`."""
        return self._change(
            account_id, lambda now: {"requests_offset": now.sums.calls, "requests_reset_at": time.time()}
        )

    def rotate(self, account_id: str) -> tuple[AccountStatus, str]:
        """A new token; the old one is void at once. Raises `AccountMissing`."""
        token = ""

        def change(_: AccountStatus) -> dict[str, Any]:
            return {
                "token_hash": self._hasher.hash(token),
                "token_start": token[:2],
                "key_id": self._hasher.key_id,
            }

        with self._engine.connect() as connection:
            token = self._free_token(connection)
        return self._change(account_id, change), token

    def add_limit(self, account_id: str, nano: int) -> AccountStatus:
        """Raise the limit, or lower it by a negative amount, never below zero. Raises `AccountMissing`.

        Makes a limit where there is none in money (an admin deleted or changed the budget).
        """
        with writing(self._engine) as connection:
            now = _standing(connection, account_id)
            if now.budget is not None and now.limit_nano is not None:
                limit = max(0, now.limit_nano + nano)
                changes = update(usage_budget).where(usage_budget.c.id == now.budget.id).values(limit=limit)
                connection.execute(changes)
                raise_revision(connection)
            else:
                if now.budget is not None:
                    _delete_budget(connection, now.budget)
                budget = _budget(now.account, max(0, nano))
                _insert_budget(connection, budget)
                _seed(connection, budget, now.account)
            return _standing(connection, account_id)

    def delete(self, account_id: str) -> AccountStatus:
        """Remove the account and its limit; the ledger keeps its rows. Raises `AccountMissing`."""
        with writing(self._engine) as connection:
            last = _standing(connection, account_id)
            if last.budget is not None:
                _delete_budget(connection, last.budget)
            connection.execute(delete(usage_account).where(usage_account.c.id == account_id))
            return last

    def _change(self, account_id: str, changes: Callable[[AccountStatus], dict[str, Any]]) -> AccountStatus:
        with writing(self._engine) as connection:
            values = changes(_standing(connection, account_id))
            connection.execute(update(usage_account).where(usage_account.c.id == account_id).values(values))
            return _standing(connection, account_id)

    def _free_token(self, connection: Connection) -> str:
        while True:
            token = self._hasher.new_token()
            taken = select(usage_account.c.id).where(usage_account.c.token_hash == self._hasher.hash(token))
            if connection.execute(taken).first() is None:
                return token


def _budget_name(account: Account) -> str:
    return f"account {account.name}"


def _budget(account: Account, limit_nano: int) -> Budget:
    return Budget(
        id=uuid.uuid4().hex,
        name=_budget_name(account),
        limit=limit_nano,
        unit="usd",
        scope=Scope("user", account.user_id),
        counting="billed",
    )


def _insert_budget(connection: Connection, budget: Budget) -> None:
    connection.execute(insert(usage_budget), {**budget_values(budget), "created_at": time.time()})
    raise_revision(connection)


def _delete_budget(connection: Connection, budget: Budget) -> None:
    connection.execute(delete(usage_total).where(usage_total.c.subject == budget.id))
    connection.execute(delete(usage_budget).where(usage_budget.c.id == budget.id))
    raise_revision(connection)


def _seed(connection: Connection, budget: Budget, account: Account) -> None:
    """A budget that comes after the first calls starts with what they used."""
    sums = sum_calls(connection, ALL_TIME, _calls_of(account))
    if sums.calls:
        values = {name: getattr(sums, name) for name in SUMS}
        connection.execute(insert(usage_total), {"subject": budget.id, "period": ALL_TIME.key, **values})


def _calls_of(account: Account) -> Any:
    return (usage_call.c.user_id == account.user_id) & usage_call.c.unverified.is_(False)


def _standing(connection: Connection, account_id: str) -> AccountStatus:
    row = connection.execute(select(usage_account).where(usage_account.c.id == account_id)).first()
    if row is None:
        raise AccountMissing(account_id)
    return _standings(connection, [_account(row)])[0]


def _standings(connection: Connection, accounts: Iterable[Account]) -> list[AccountStatus]:
    accounts = list(accounts)
    query = select(usage_budget).where(usage_budget.c.scope == "user")
    if len(accounts) == 1:
        query = query.where(usage_budget.c.scope_id == accounts[0].user_id)
    # An admin may give an account further budgets: its own is told by its name.
    own_names = {account.user_id: _budget_name(account) for account in accounts}
    budgets = {
        budget.scope.id: budget
        for budget in map(budget_from, connection.execute(query))
        if budget.name == own_names.get(budget.scope.id or "")
    }
    now = datetime.now(UTC)
    periods = {budget.id: period_at(budget.period, budget.timezone, now) for budget in budgets.values()}
    totals = read_totals(connection, [(id_, period.key) for id_, period in periods.items()])
    found = []
    for account in accounts:
        own = budgets.get(account.user_id)
        if own is None:
            found.append(AccountStatus(account, None, sum_calls(connection, ALL_TIME, _calls_of(account))))
        else:
            period = periods[own.id]
            found.append(AccountStatus(account, own, totals.get((own.id, period.key), Sums()), period))
    return found


def _values(account: Account, token_hash: str) -> dict[str, Any]:
    names = [column.name for column in usage_account.columns if column.name != "token_hash"]
    return {**{name: getattr(account, name) for name in names}, "token_hash": token_hash}


def _account(row: Row[Any]) -> Account:
    names = [column.name for column in usage_account.columns if column.name != "token_hash"]
    return Account(**{name: getattr(row, name) for name in names})
