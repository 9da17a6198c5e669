"""Sends an account's chat to the provider: admitted, metered, and answered at once or as a stream of events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from openwebui_usage.admission.gate import LedgerAway
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.client.account import Account
from openwebui_usage.client.accounts import AccountMissing, Accounts
from openwebui_usage.client.answers import ChatNumbers
from openwebui_usage.client.completions import content_of_answer
from openwebui_usage.client.errors import ApiError
from openwebui_usage.client.stream import Stream
from openwebui_usage.client.upstream import Provider, ProviderFailed
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.meter import Call, Refused
from openwebui_usage.rules.budgets import Refusal, retry_after
from openwebui_usage.rules.connections import public_url
from openwebui_usage.rules.effort import Effort
from openwebui_usage.rules.error_classes import error_class
from openwebui_usage.rules.money import dollars
from openwebui_usage.rules.refusal_texts import amount, refusal_message
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.runtime import Runtime

log = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks whether somebody who waits is still there."""


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A chat to be continued: its account, where the request came from, and the messages."""

    account: Account
    address: str
    path: str
    messages: Sequence[Mapping[str, Any]]
    effort: Effort
    is_gone: Callable[[], Awaitable[bool]]
    """Whether whoever asked has gone: nobody is asked for them after a wait."""


class ChatService:
    """Answers chats."""

    def __init__(self, runtime: Runtime, accounts: Accounts, provider: Provider) -> None:
        """The caller starts and stops `runtime` and `provider`."""
        self._runtime = runtime
        self._accounts = accounts
        self._provider = provider

    async def answer(self, turn: ChatTurn) -> dict[str, Any]:
        """The documented answer of `POST /chat`, see `ChatAnswer`. Raises `ApiError`."""
        call, body = await self._admitted(turn, stream=False)
        started = time.monotonic()
        try:
            answer = await self._provider.ask(body)
        except ProviderFailed as failure:
            await call.failed(error_class(failure))
            raise _problem(failure) from failure
        except BaseException:  # The server stops during the request, and the provider bills the prompt.
            call.stopped()
            raise
        thinking = time.monotonic() - started
        await call.answered(answer)
        return await self._report(turn.account, call, content_of_answer(answer), thinking)

    async def stream(self, turn: ChatTurn) -> Stream:
        """The same as a stream. Raises `ApiError` before its first event."""
        call, body = await self._admitted(turn, stream=True)
        stream = Stream(call, self._provider.stream(body), lambda *told: self._report(turn.account, call, *told))
        try:
            await stream.begin()
        except ProviderFailed as failure:
            await stream.close()
            raise _problem(failure) from failure
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _admitted(self, turn: ChatTurn, *, stream: bool) -> tuple[Call, dict[str, Any]]:
        """The call, and what is sent to the provider: after the wait, and with the effort, that budgets want."""
        if not self._runtime.is_running:
            raise ApiError(503, "The usage ledger is not open. Try again in a moment.", 5)
        account, model = turn.account, self._provider.model
        try:
            await self._catch_up()
            await self._check_price(account)
        except SQLAlchemyError as error:  # The gate decides whether calls are admitted without the ledger.
            log.warning("It could not be seen what is new in the ledger: %s", str(error).partition("\n")[0])
        url = public_url(self._provider.upstream.url)
        info = CallInfo(
            model=model,
            called_model=model,
            user_id=account.user_id,
            user_name=account.name,
            path=turn.path,
            kind="client",
            connection="demo" if url is None else f"openai:{url}",
            connection_name="The demo provider" if url is None else url,
            provider_url=url,
        )
        steering = await self._runtime.gate.steer(info)
        if steering.wait is not None:
            await _wait(steering.wait.seconds, turn.is_gone)
        effort = self._provider.lowered(turn.effort) if steering.low_effort else turn.effort
        body = self._provider.body(turn.messages, effort, stream=stream)
        request = CallRequest(info, body, self._provider.wire)
        try:
            call = await self._runtime.meter.open(request)
        except Refused as refused:
            self._runtime.gate.refused(request, refused.refusal)
            now = datetime.now(UTC)
            text = refusal_text(refused.refusal, account, now)
            raise ApiError(429, text, retry_after(refused.refusal, now)) from None
        except LedgerAway:
            raise ApiError(
                503, "The usage ledger is away, and without it nobody may ask. Try again later.", 30
            ) from None
        try:
            await asyncio.to_thread(self._accounts.used, account.id, turn.address)
        except SQLAlchemyError as error:
            log.warning("It could not be noted who asked last: %s", str(error).partition("\n")[0])
        except BaseException:
            call.forget()
            raise
        return call, body

    async def _catch_up(self) -> None:
        """Refresh the gate, which reads its definitions once a second, if an account or its limit is newer."""
        gate = self._runtime.gate
        if gate.definitions.revision != await asyncio.to_thread(self._accounts.revision):
            await gate.refresh()

    async def _check_price(self, account: Account) -> None:
        """Refuse models without a price, because a limit in dollars cannot be enforced for them."""
        provider = self._provider
        book, url = self._runtime.gate.definitions.book, public_url(provider.upstream.url)
        if provider.upstream.is_demo or book.source(provider.model, url) is not None:
            return
        status = await asyncio.to_thread(self._accounts.status, account.id)
        if status.limit_nano is not None:
            raise ApiError(
                503,
                f"No price is known for {provider.model}, so your limit could not be kept. "
                "Whoever runs this server must set one.",
            )

    async def _report(self, account: Account, call: Call, content: str, thinking: float) -> dict[str, Any]:
        """The fields of the documented answer, after the call is in the ledger."""
        row, status = call.row, None
        try:
            status, written = await asyncio.to_thread(self._accounts.settled, account.id, call.id)
            row = written or row
        except (SQLAlchemyError, AccountMissing) as error:  # The call is counted, but waits in the spool.
            log.warning("The totals of an account cannot be told: %s", str(error).partition("\n")[0])
        usage = row.usage if row else TokenUsage()
        reasoning = max(usage.reasoning, usage.output - usage.completion)
        numbers = ChatNumbers(
            prompt_tokens=usage.input,
            reasoning_tokens=reasoning,
            completion_tokens=usage.output - reasoning,
            total_tokens=usage.input + usage.output,
            cost=dollars(self._cost(row)),
            user_total_cost=None if status is None else dollars(status.sums.cost_nano),
            request_count=None if status is None else status.requests,
            thinking_time=round(thinking, 2),
        )
        # Beside the model: what a provider says need not be sound Unicode.
        return {"content": content, **numbers.model_dump()}

    def _cost(self, row: CallRow | None) -> int | None:
        if row is None:
            return None
        if row.cost_nano is not None or not (row.usage.input or row.usage.output):
            return row.cost_nano or 0
        cost = self._runtime.gate.definitions.cost_of(row)
        return None if cost is None else cost.nano


async def _wait(seconds: float, is_gone: Callable[[], Awaitable[bool]]) -> None:
    """Nothing is reserved meanwhile, and no connection to the provider is open."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        await asyncio.sleep(min(_LOOK, left))
        if await is_gone():
            raise ApiError(499, "Nobody is there to read the answer.")


def refusal_text(refusal: Refusal, account: Account, now: datetime) -> str:
    """Why a chat was refused, in the words of the token client."""
    budget = refusal.counter.budget
    if budget.scope.id != account.user_id:
        return refusal_message(refusal, now)
    if refusal.used < (budget.limit or 0):
        return "Your limit is taken up by answers that are still being written. Try again in a moment."
    used, limit = amount(refusal.used, budget.unit), amount(budget.limit or 0, budget.unit)
    return f"Usage limit reached: {used} of {limit} used."


def _problem(failure: ProviderFailed) -> ApiError:
    return ApiError(502, str(failure), failure.retry_after)
