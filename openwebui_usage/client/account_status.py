"""What the accounts of the token client have used of their limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from openwebui_usage.client.account import Account
from openwebui_usage.client.account_budgets import budget_name, calls_of
from openwebui_usage.ledger.credits import read_allowances
from openwebui_usage.ledger.definitions import Definitions, budget_from, read_credits
from openwebui_usage.ledger.rolling import in_windows
from openwebui_usage.ledger.schema import usage_budget
from openwebui_usage.ledger.totals import read_totals, sum_calls
from openwebui_usage.rules.budgets import Budget, Counter, Subject
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.periods import ALL_TIME, Period, period_at


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account with what it has used and may use. `budget` is None if an admin deleted it: there is no limit then."""

    account: Account
    budget: Budget | None
    sums: Sums = field(default_factory=Sums)
    period: Period = ALL_TIME
    before_reset: int = 0
    """Of the calls in `sums`, those before its requests were last counted from zero."""
    extra: int = 0
    """What credit and remainders of earlier periods add to the limit now, in the budget's unit."""

    @property
    def limit_nano(self) -> int | None:
        """The limit itself, in nano-USD. None if there is no limit in money."""
        return self.budget.limit if self.budget is not None and self.budget.unit == "usd" else None

    @property
    def allowed_nano(self) -> int | None:
        """The limit with `extra`, in nano-USD. None if there is no limit in money."""
        return None if self.limit_nano is None else self.limit_nano + self.extra

    @property
    def remaining_nano(self) -> int | None:
        """What is left of it, in nano-USD. None if there is no limit in money."""
        return None if self.allowed_nano is None else max(0, self.allowed_nano - self.sums.cost_nano)

    @property
    def requests(self) -> int:
        """Calls since the count was last reset."""
        return max(0, self.sums.calls - self.before_reset)

    @property
    def tokens(self) -> int:
        """Everything that was billed: prompt, reasoning and answer, each once."""
        return self.sums.total("billed")


def statuses_of(connection: Connection, accounts: Iterable[Account]) -> list[AccountStatus]:
    """Each account with its own budget and the sums of that budget's current period."""
    accounts = list(accounts)
    query = select(usage_budget).where(usage_budget.c.scope == "user")
    if len(accounts) == 1:
        query = query.where(usage_budget.c.scope_id == accounts[0].user_id)
    # An admin may give an account further budgets. Its own is recognised by its name.
    own_names = {account.user_id: budget_name(account) for account in accounts}
    budgets = {
        budget.scope.id: budget
        for budget in map(budget_from, connection.execute(query))
        if budget.name == own_names.get(budget.scope.id or "")
    }
    now = datetime.now(UTC)
    periods = {budget.id: period_at(budget.period, budget.timezone, now) for budget in budgets.values()}
    totals = read_totals(connection, [(id_, period.key) for id_, period in periods.items()])
    extras = _extras(connection, budgets.values(), periods, now)
    found = []
    for account in accounts:
        own = budgets.get(account.user_id)
        if own is None:
            sums = sum_calls(connection, ALL_TIME, calls_of(account))
            found.append(AccountStatus(account, None, sums, before_reset=_before_reset(connection, account, None)))
        else:
            period = periods[own.id]
            sums = totals.get((own.id, period.key), Sums())
            [(_, sums)] = in_windows(connection, [(Counter(own, own.id, period), sums)], now)
            before_reset = _before_reset(connection, account, own, period)
            found.append(AccountStatus(account, own, sums, period, before_reset, extras.get(own.id, 0)))
    return found


def _extras(
    connection: Connection, budgets: Iterable[Budget], periods: Mapping[str, Period], now: datetime
) -> dict[str, int]:
    """What may be used beyond the limits of some budgets now, by their ids."""
    definitions = Definitions(budgets=tuple(budgets), credits_=read_credits(connection))
    counters = [
        Counter(budget, budget.id, periods[budget.id])
        for budget in definitions.budgets
        if definitions.may_exceed(budget)
    ]
    # Without what ended credit covered: rows would tell that, and nobody can wait for them here.
    given = read_allowances(connection, definitions, [(counter, Subject()) for counter in counters], None)
    return {
        counter.budget.id: each.at(now.timestamp())
        for counter, each in zip(counters, given, strict=True)
        if each is not None
    }


def _before_reset(connection: Connection, account: Account, budget: Budget | None, period: Period = ALL_TIME) -> int:
    """How many of the period's calls came before the last reset of the requests, whatever the period was then."""
    reset_at, starts_at = account.requests_reset_at, period.starts_at
    if reset_at is None or (budget is not None and budget.reset_at is not None and budget.reset_at > reset_at):
        return 0
    if starts_at is None:
        return account.requests_offset
    if reset_at < starts_at.timestamp():
        return 0
    earlier = replace(period, ends_at=datetime.fromtimestamp(reset_at, UTC))
    return sum_calls(connection, earlier, calls_of(account)).calls
