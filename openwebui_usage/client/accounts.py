"""The accounts of the token client: a name, a token of which only a keyed hash is stored, and a limit.

In the ledger an account is the user `account:ID`, and its limit an ordinary budget of that user. So gate, groups and
reports treat it like any other user.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from openwebui_usage.client.account import Account, account_of, row_of
from openwebui_usage.client.account_budgets import calls_of, delete_budget, insert_budget, new_budget, seed_budget
from openwebui_usage.client.account_status import AccountStatus, statuses_of
from openwebui_usage.client.tokens import TokenHasher, is_token
from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import raise_revision, read_revision
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.ledger.schema import usage_account, usage_budget, usage_call
from openwebui_usage.ledger.totals import sum_calls
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import ALL_TIME

DEFAULT_LIMIT = 1000 * NANO
LONGEST_NAME = 80
"""Together with "account " the name must fit into a budget's name, which has 100 characters."""


class AccountExists(Exception):
    """The name is taken."""


class AccountMissing(Exception):
    """No account has that token, name or id."""


class OtherSecret(Exception):
    """Existing accounts have hashes made with another secret, so their server would not accept a token made here."""


class Accounts:
    """The accounts in the ledger's database. Every method is one short transaction and blocks."""

    def __init__(self, engine: Engine, hasher: TokenHasher, schema: str | None = None) -> None:
        """`schema` is PostgreSQL's, as in `Store`."""
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._hasher = hasher

    def create(self, name: str, limit_nano: int = DEFAULT_LIMIT) -> tuple[AccountStatus, str]:
        """A new account and its token, which cannot be read again later. Raises `AccountExists`, `OtherSecret`."""
        account = Account(uuid.uuid4().hex, name, "", True, time.time(), self._hasher.key_id)
        budget = new_budget(account, limit_nano)
        try:
            with writing(self._engine) as connection:
                others = select(usage_account.c.key_id).where(usage_account.c.key_id != self._hasher.key_id)
                if connection.execute(others.limit(1)).first():
                    raise OtherSecret
                token = self._free_token(connection)
                account = replace(account, token_start=token[:2])
                connection.execute(insert(usage_account), row_of(account, self._hasher.hash(token)))
                insert_budget(connection, budget)
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
        return account_of(row)

    def named(self, name: str) -> Account:
        """The account with that name. Raises `AccountMissing`."""
        with self._engine.connect() as connection:
            row = connection.execute(select(usage_account).where(usage_account.c.name == name)).first()
        if row is None:
            raise AccountMissing(name)
        return account_of(row)

    def revision(self) -> int:
        """A number that increases with every change of a definition, including the limits of accounts."""
        with self._engine.connect() as connection:
            return read_revision(connection)

    def status(self, account_id: str) -> AccountStatus:
        """One account with its sums. Raises `AccountMissing`."""
        with self._engine.connect() as connection:
            return _status(connection, account_id)

    def settled(self, account_id: str, call_id: str) -> tuple[AccountStatus, CallRow | None]:
        """The same, and the row of a call. None while the row waits to be written."""
        with self._engine.connect() as connection:
            row = connection.execute(select(usage_call).where(usage_call.c.id == call_id)).first()
            return _status(connection, account_id), None if row is None else CallRow.from_row(row)

    def all(self) -> list[AccountStatus]:
        """Every account with its sums, the oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(usage_account).order_by(usage_account.c.created_at))
            return statuses_of(connection, [account_of(row) for row in rows])

    def last_seen(self) -> list[tuple[str, str]]:
        """The last address and the token's hash of each account that has been used, the latest last."""
        query = select(usage_account.c.last_ip, usage_account.c.token_hash).where(usage_account.c.last_ip.is_not(None))
        with self._engine.connect() as connection:
            return [
                (row.last_ip, row.token_hash) for row in connection.execute(query.order_by(usage_account.c.last_used))
            ]

    def made_elsewhere(self) -> int:
        """How many accounts have a hash made with another secret, so that their tokens are not accepted here."""
        with self._engine.connect() as connection:
            keys = connection.execute(select(usage_account.c.key_id)).scalars()
            return sum(key != self._hasher.key_id for key in keys)

    def used(self, account_id: str, ip: str | None) -> None:
        """Note that the account made a call from `ip`."""
        query = update(usage_account).where(usage_account.c.id == account_id)
        with self._engine.begin() as connection:
            connection.execute(query.values(last_used=time.time(), last_ip=ip and ip[:45]))

    def toggle(self, account_id: str) -> AccountStatus:
        """Deactivate the account, or activate it again. Raises `AccountMissing`."""
        return self._change(account_id, lambda now: {"is_active": not now.account.is_active})

    def reset_requests(self, account_id: str) -> AccountStatus:
        """Count its requests from zero. Cost, tokens and the ledger's rows stay. Raises `AccountMissing`."""
        with writing(self._engine) as connection:
            now = _status(connection, account_id)
            # Of all time, in whatever period the budget counts: that may be another one day.
            is_of_all_time = now.period.starts_at is None
            sums = now.sums if is_of_all_time else sum_calls(connection, ALL_TIME, calls_of(now.account))
            values = {"requests_offset": sums.calls, "requests_reset_at": time.time()}
            connection.execute(update(usage_account).where(usage_account.c.id == account_id).values(values))
            return _status(connection, account_id)

    def rotate(self, account_id: str) -> tuple[AccountStatus, str]:
        """A new token. The old one is void immediately. Raises `AccountMissing`."""
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

        Makes a new limit if there is none in money, because an admin deleted or changed the budget.
        """
        with writing(self._engine) as connection:
            now = _status(connection, account_id)
            if now.budget is not None and now.limit_nano is not None:
                limit = max(0, now.limit_nano + nano)
                changes = update(usage_budget).where(usage_budget.c.id == now.budget.id).values(limit=limit)
                connection.execute(changes)
                raise_revision(connection)
            else:
                if now.budget is not None:
                    delete_budget(connection, now.budget)
                budget = new_budget(now.account, max(0, nano))
                insert_budget(connection, budget)
                seed_budget(connection, budget, now.account)
            return _status(connection, account_id)

    def delete(self, account_id: str) -> AccountStatus:
        """Remove the account and its limit. The ledger keeps its rows. Raises `AccountMissing`."""
        with writing(self._engine) as connection:
            last = _status(connection, account_id)
            if last.budget is not None:
                delete_budget(connection, last.budget)
            connection.execute(delete(usage_account).where(usage_account.c.id == account_id))
            return last

    def _change(self, account_id: str, changes: Callable[[AccountStatus], dict[str, Any]]) -> AccountStatus:
        with writing(self._engine) as connection:
            values = changes(_status(connection, account_id))
            connection.execute(update(usage_account).where(usage_account.c.id == account_id).values(values))
            return _status(connection, account_id)

    def _free_token(self, connection: Connection) -> str:
        while True:
            token = self._hasher.new_token()
            taken = select(usage_account.c.id).where(usage_account.c.token_hash == self._hasher.hash(token))
            if connection.execute(taken).first() is None:
                return token


def _status(connection: Connection, account_id: str) -> AccountStatus:
    row = connection.execute(select(usage_account).where(usage_account.c.id == account_id)).first()
    if row is None:
        raise AccountMissing(account_id)
    return statuses_of(connection, [account_of(row)])[0]
