"""One question of one account to the provider: admitted, metered, and answered as a whole or as a stream of events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from openwebui_usage.admission.gate import LedgerAway
from openwebui_usage.client import responses
from openwebui_usage.client.accounts import Account, AccountMissing, Accounts, AccountStatus
from openwebui_usage.client.sound_json import sound_json
from openwebui_usage.client.upstream import Provider, ProviderFailed, reason_of_event
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.meter import Call, CallInfo, Refused
from openwebui_usage.rules.budgets import Refusal, amount, refusal_message, retry_after
from openwebui_usage.rules.connections import public_url
from openwebui_usage.rules.effort import Effort
from openwebui_usage.rules.pricing import dollars
from openwebui_usage.rules.streams import parse_line
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.runtime import Runtime

log = logging.getLogger(__name__)

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent: a model may think for minutes, and proxies give up sooner."""
FIRST_ANSWER_TIMEOUT = 10.0
"""Seconds that a stream waits for the provider's yes or no, so that a no has an HTTP status of its own."""


class ApiError(Exception):
    """Why there is no answer: an HTTP status and a sentence."""

    def __init__(self, status: int, text: str, retry_after: int | str | None = None, *, close: bool = False) -> None:
        """`retry_after` becomes the header; `close`: nothing more can be asked over this connection."""
        super().__init__(text)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if close:
            self.headers["Connection"] = "close"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What an account asks, from where."""

    account: Account
    address: str
    path: str
    messages: Sequence[Mapping[str, Any]]
    effort: Effort


class ChatService:
    """Takes questions."""

    def __init__(self, runtime: Runtime, accounts: Accounts, provider: Provider) -> None:
        """Runtime and provider are started by whoever made them."""
        self._runtime = runtime
        self._accounts = accounts
        self._provider = provider

    async def answer(self, turn: ChatTurn) -> dict[str, Any]:
        """The documented answer of `POST /chat`. Raises `ApiError`."""
        body = self._provider.body(turn.messages, turn.effort, stream=False)
        call = await self._admitted(turn, body)
        started = time.monotonic()
        try:
            answer = await self._provider.ask(body)
        except ProviderFailed as failure:
            await call.failed()
            raise _problem(failure) from failure
        except BaseException:  # The server ends while the provider is at it, which bills the prompt.
            call.stopped()
            raise
        thinking = time.monotonic() - started
        await call.answered(answer)
        return await self._report(turn.account, call, _content(answer), thinking)

    async def stream(self, turn: ChatTurn) -> Stream:
        """The same, as it comes. Raises `ApiError` before the first event."""
        body = self._provider.body(turn.messages, turn.effort, stream=True)
        call = await self._admitted(turn, body)
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

    async def _admitted(self, turn: ChatTurn, body: Mapping[str, Any]) -> Call:
        if not self._runtime.is_running:
            raise ApiError(503, "The usage ledger is not open. Try again in a moment.", 5)
        account, model = turn.account, self._provider.model
        try:
            await self._catch_up()
            await self._check_price(account)
        except SQLAlchemyError as error:  # The gate decides whether calls go on without the ledger.
            log.warning("It could not be seen what is new in the ledger: %s", str(error).partition("\n")[0])
        info = CallInfo(
            model=model,
            called_model=model,
            body=body,
            wire=self._provider.wire,
            provider_url=public_url(self._provider.upstream.url),
            user_id=account.user_id,
            user_name=account.name,
            path=turn.path,
        )
        try:
            call = await self._runtime.meter.open(info)
        except Refused as refused:
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
        return call

    async def _catch_up(self) -> None:
        """The gate looks at its definitions once a second; an account, or its limit, may be younger than that."""
        gate = self._runtime.gate
        if gate.definitions.revision != await asyncio.to_thread(self._accounts.revision):
            await gate.refresh()

    async def _check_price(self, account: Account) -> None:
        """A limit in dollars says nothing about calls that cost nobody knows what."""
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
        """The fields of the documented answer, once the call is in the ledger."""
        row, status = call.row, None
        try:
            status, written = await asyncio.to_thread(self._accounts.settled, account.id, call.id)
            row = written or row
        except (SQLAlchemyError, AccountMissing) as error:  # The answer counts, and waits in the spool.
            log.warning("The totals of an account cannot be told: %s", str(error).partition("\n")[0])
        usage = row.usage if row else TokenUsage()
        reasoning = max(usage.reasoning, usage.output - usage.completion)
        return {
            "content": content,
            "prompt_tokens": usage.input,
            "reasoning_tokens": reasoning,
            "completion_tokens": usage.output - reasoning,
            "total_tokens": usage.input + usage.output,
            "cost": dollars(self._cost(row)),
            "user_total_cost": None if status is None else dollars(status.sums.cost_nano),
            "request_count": None if status is None else status.requests,
            "thinking_time": round(thinking, 2),
        }

    def _cost(self, row: CallRow | None) -> int | None:
        if row is None:
            return None
        if row.cost_nano is not None or not (row.usage.input or row.usage.output):
            return row.cost_nano or 0
        book = self._runtime.gate.definitions.book
        cost = book.cost(row.model_ids, row.usage, row.raw_usage, row.started_at, row.provider_url)
        return None if cost is None else cost.nano


Report = Callable[[str, float], Any]


class Stream:
    """An answer under way, as server-sent events: `thinking`, `content`, and at the end `done` or `error`.

    `begin` it, then read its `events`, and `close` it in any case: a stream that nobody listens to any more is settled
    by what came so far.
    """

    def __init__(self, call: Call, answer: AbstractAsyncContextManager[AsyncIterator[bytes]], report: Report) -> None:
        """`answer` is the provider's, not yet asked for; `report` tells the numbers when it is over."""
        self._call = call
        self._answer = answer
        self._answers = asyncio.Event()
        self._chunks = call.forward(self._received())
        self._report = report
        self._next: asyncio.Task[Any] | None = None
        self._begun = time.monotonic()
        self._visible_after: float | None = None
        self._content: list[str] = []

    async def begin(self) -> None:
        """Ask the provider. Raises `ProviderFailed` where it refuses soon; what takes longer is told by an event."""
        self._next = asyncio.ensure_future(anext(self._chunks, None))
        answers = asyncio.ensure_future(self._answers.wait())
        try:
            await asyncio.wait({self._next, answers}, timeout=FIRST_ANSWER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answers.cancel()
        if self._next.done() and not self._answers.is_set():
            self._next.result()

    async def _received(self) -> AsyncIterator[bytes]:
        """The provider's bytes. One that refuses is paid nothing."""
        try:
            async with self._answer as chunks:
                self._answers.set()
                async for chunk in chunks:
                    yield chunk
        except ProviderFailed:
            if not self._answers.is_set():
                await self._call.failed()
            raise

    async def events(self) -> AsyncIterator[bytes]:
        """Each event's bytes. The last one comes only after the call is in the ledger."""
        failure: str | None = None
        rest = b""
        try:
            async for chunk in self._patiently():
                if chunk is None:
                    yield b": thinking\n\n"
                    continue
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = parse_line(line)
                    failure = failure or reason_of_event(event)
                    for kind, text in self._read(event):
                        yield _event({"type": kind, "text": text})
            for kind, text in self._read(parse_line(rest)):
                yield _event({"type": kind, "text": text})
        except Exception as error:  # noqa: BLE001 - whatever broke the stream, its reader is told
            log.warning("The provider broke off: %s", type(error).__name__)
            refused = isinstance(error, ProviderFailed) and not self._answers.is_set()
            failure = str(error) if refused else "The provider broke off in the middle of the answer."
        thinking = time.monotonic() - self._begun if self._visible_after is None else self._visible_after
        numbers = await self._report("".join(self._content), thinking)
        yield _event({"type": "error", "error": failure, **numbers} if failure else {"type": "done", **numbers})

    async def close(self) -> None:
        """Give up the provider's answer, wherever it stands."""
        if self._next is not None:
            self._next.add_done_callback(_see_error)
            self._next.cancel()
            # Raises only where we are cancelled ourselves: then the stream is settled by what came of it, as it ends.
            await asyncio.wait({self._next})
        with contextlib.suppress(Exception):
            await self._chunks.aclose()  # type: ignore[attr-defined]
        if self._call.row is None:  # It was never begun to be read.
            self._call.stopped()

    async def _patiently(self) -> AsyncIterator[bytes | None]:
        """The chunks; None where none came for a while."""
        while True:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._chunks, None))
            while not (await asyncio.wait({self._next}, timeout=KEEP_ALIVE))[0]:
                yield None
            chunk = self._next.result()
            self._next = None
            if chunk is None:
                return
            yield chunk if isinstance(chunk, bytes) else chunk.encode()

    def _read(self, event: object) -> list[tuple[str, str]]:
        """What the model says in an event of the provider's."""
        delta = _first_choice(event).get("delta")
        if not isinstance(delta, Mapping):
            piece = responses.piece_of(event)
            if piece is None:
                return []
            kind, said = piece
            delta = {"content": said} if kind == "content" else {"reasoning": said}
        found = []
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            found.append(("thinking", thought))
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            if self._visible_after is None:
                self._visible_after = time.monotonic() - self._begun
            self._content.append(text)
            found.append(("content", text))
        return found


def refusal_text(refusal: Refusal, account: Account, now: datetime) -> str:
    """Why a question was refused, to the person who asked it."""
    budget = refusal.counter.budget
    if budget.scope.id != account.user_id:
        return refusal_message(refusal, now)
    if refusal.used < (budget.limit or 0):
        return "Your limit is taken up by answers that are still being written. Try again in a moment."
    used, limit = amount(refusal.used, budget.unit), amount(budget.limit or 0, budget.unit)
    return f"Usage limit reached: {used} of {limit} used."


def stats(status: AccountStatus) -> dict[str, Any]:
    """The documented answer of `GET /user/stats`. Costs are US dollars, the time is UTC."""
    account = status.account
    last = account.last_used
    return {
        "name": account.name,
        "total_tokens": status.tokens,
        "total_cost": dollars(status.sums.cost_nano),
        "request_count": status.requests,
        "usage_limit": dollars(status.limit_nano),
        "is_active": account.is_active,
        "last_used": None if last is None else datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "last_ip": account.last_ip,
    }


def _see_error(task: asyncio.Task[Any]) -> None:
    """Nobody else asks for it any more."""
    if not task.cancelled():
        task.exception()


def _problem(failure: ProviderFailed) -> ApiError:
    return ApiError(502, str(failure), failure.retry_after)


def _first_choice(body: object) -> Mapping[str, Any]:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, Mapping) else {}


def _content(answer: Mapping[str, Any]) -> str:
    message = _first_choice(answer).get("message")
    if message is None:
        return responses.content_of(answer)
    content = (message.get("content") or message.get("refusal")) if isinstance(message, Mapping) else None
    if isinstance(content, list):
        return "".join(
            part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + sound_json(data) + b"\n\n"
