"""May this call be made? Budgets are asked before anything is sent, and hold what the call will probably use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from openwebui_usage.admission.counters import LiveCounters, Reservation
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.usual_answers import UsualAnswers
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.recording import Key, Recorded
from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules import estimate
from openwebui_usage.rules.budgets import Budget, Counter, ExpectedUsage, Refusal, budget_of_group
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.pricing import Cost, PriceBook
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.wires import Wire

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
STALE_SECONDS = 10.0
"""How long the ledger may be out of reach before `fail_closed` refuses."""
FIRST_GUESS = 500
"""Output tokens that a model is expected to write before it was ever seen to."""
MOST_OUTPUT = 1_000_000
"""Output tokens that no call is believed to write, whatever it asks for: else one could reserve a budget of years."""
MOST_CHOICES = 128
"""What OpenAI takes as `n`: https://platform.openai.com/docs/api-reference/chat/create"""
LATEST = 1000
"""Calls of the ledger that tell a new worker what its models usually write."""
LONGEST_USUAL = 32_000
"""Output tokens of an answer that nobody limits and that is not astonishing: models of our day write so many. While
several times that is left, calls are not held back for what they might write.
"""


class LedgerAway(Exception):
    """The ledger cannot be asked, and the admin wants no call that is not checked."""


class Gate:
    """Admits calls. One per worker, kept up to date by a `refresh` every `REFRESH_SECONDS`."""

    def __init__(
        self,
        store: Store,
        live: LiveCounters,
        *,
        fail_closed: bool = False,
        refusals: PendingRefusals | None = None,
    ) -> None:
        """`fail_closed`: refuse while the ledger is away, instead of letting calls through.

        `refusals` are where refused calls are counted.
        """
        self._refusals = refusals
        self._misses_refusals = False
        self._store = store
        self._live = live
        self._fail_closed = fail_closed
        self._definitions = Definitions()
        self._known_at = float("-inf")
        self._looking = asyncio.Lock()
        self._usual = UsualAnswers()
        self._has_learned = False

    @property
    def definitions(self) -> Definitions:
        """Groups, budgets and prices, at most a second old."""
        return self._definitions

    async def refresh(self) -> None:
        """Look at the ledger now. Reservations are looked after even while it is away."""
        async with self._looking:  # Or an older look might end later, and its answer stand.
            results = await asyncio.gather(self._read(), self._live.refresh(), return_exceptions=True)
        errors = [error for error in results if isinstance(error, Exception)]
        if errors:  # It is tried again in a second.
            log.debug("The ledger could not be looked at: %s", errors[0])
        else:
            self._known_at = time.monotonic()

    async def _read(self) -> None:
        self._definitions = await asyncio.to_thread(self._store.definitions)
        if not self._has_learned:
            self._usual.learn(await asyncio.to_thread(self._store.latest, LATEST))
            self._has_learned = True
        if any(budget.unit == "usd" for budget in self._definitions.budgets):
            # The first price is the dear one: it loads the list of all.
            await asyncio.to_thread(self._definitions.book.is_free, ["gpt-4o"])

    async def changed(self) -> None:
        """An admin changed a definition or reset a counter here: it holds for the next call."""
        await self.refresh()
        await self._live.forget()

    async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal | None:
        """Reserve what a call will probably use. None: it may be made, and must be settled by its `call_id`.

        `outer` is the id of the call on whose behalf this one is made, and whose reservation it replaces: a pipe's own
        row counts only where it called nobody. Raises `LedgerAway` where it cannot be told and that counts as no.
        """
        try:
            definitions = self._definitions
            reservations = self._reservations(request)
            refusal = await self._live.reserve(call_id, reservations, outer) if reservations else None
            if refusal is not None:
                wanted = {reservation.counter.key: reservation.wanted for reservation in reservations}
                self._note(request.info, refusal, definitions, lambda: wanted[refusal.counter.key])
            return refusal
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            self._let_through(error)
            return None
        finally:
            if outer is not None:
                self._live.release([outer])

    async def check(self, info: CallInfo) -> Refusal | None:
        """Whether a call would be admitted at this moment, without reserving anything. Raises `LedgerAway`.

        Whoever refuses a call because of it says so by `refused`.
        """
        try:
            asked = [Reservation(counter, counter.budget.limit or 0, 0) for counter in self._counters(info)]
            return await self._live.ask(asked) if asked else None
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            self._let_through(error)
            return None

    def refused(self, request: CallRequest, refusal: Refusal) -> None:
        """A call was refused because of what `check` said of it: count it among the refusals."""
        self._note(request.info, refusal, self._definitions, lambda: self._asked(request, refusal.counter.budget))

    def _note(self, info: CallInfo, refusal: Refusal, definitions: Definitions, asked: Callable[[], int]) -> None:
        """Count a refusal; where that fails, the refusal stands without it."""
        if self._refusals is None:
            return
        try:
            groups = definitions.matching(info.model_ids).groups
            self._refusals.note(info, groups, refusal.counter.budget, asked())
        except Exception as error:
            log.log(logging.DEBUG if self._misses_refusals else logging.ERROR, "Refusals are missed", exc_info=error)
            self._misses_refusals = True

    def _asked(self, request: CallRequest, budget: Budget) -> int:
        """What a call would probably use, in the budget's unit."""
        most = _most_output(request.body, request.wire) if request.generates else 0
        return self._expected(request, most, [budget])[0].of(budget)

    def _let_through(self, error: Exception) -> None:
        if self._fail_closed:
            raise LedgerAway from error
        log.warning("A call was let through unchecked: %s: %s", type(error).__name__, str(error).partition("\n")[0])

    def release(self, call_id: str) -> None:
        """A call ended without a row."""
        self._live.release([call_id])

    def settled(self, done: Recorded) -> None:
        """Rows are in the ledger: their reservations give way to what they really used. From the writer's thread."""
        self._live.release([row.id for row in done.rows], done.changes)
        self._usual.learn(done.rows)

    def spooled(self, rows: Iterable[CallRow]) -> None:
        """Rows wait outside of the ledger: their reservations expire, if they do not end before. From any thread."""
        self._live.let_expire([row.id for row in rows])

    def rejected(self, rows: Iterable[CallRow]) -> None:
        """The ledger will never take these rows: nothing is reserved for them any more. From any thread."""
        self._live.release([row.id for row in rows])

    @property
    def is_limiting(self) -> bool:
        """Whether there is any limit that may refuse a call."""
        definitions = self._definitions
        budgets = (*map(budget_of_group, definitions.groups), *definitions.budgets)
        return any(budget.limit is not None and budget.action == "block" for budget in budgets)

    def _counters(self, info: CallInfo) -> list[Counter]:
        """The counters that can refuse a call."""
        if self._fail_closed and time.monotonic() - self._known_at > STALE_SECONDS:
            raise LedgerAway
        definitions = self._definitions
        return [
            counter
            for counter in definitions.counters(info.model_ids, info.caller, datetime.now(UTC))
            if counter.budget.limit is not None
            and counter.budget.action == "block"
            and not _exempts(counter.budget, info, definitions.book)
        ]

    def _reservations(self, request: CallRequest) -> list[Reservation]:
        """What a call asks of the counters that can refuse it."""
        counters = self._counters(request.info)
        if not counters:
            return []
        most = _most_output(request.body, request.wire) if request.generates else 0
        probable, possible = self._expected(request, most, [counter.budget for counter in counters])
        own = self._used_by(request.own_tasks)
        return [
            Reservation(
                counter,
                (counter.budget.limit or 0) + own.get(counter.key, 0),
                probable.of(counter.budget),
                0 if most is not None else possible.of(counter.budget),
            )
            for counter in counters
        ]

    def _used_by(self, rows: Sequence[CallRow]) -> dict[Key, int]:
        """What some rows added to each counter."""
        used: dict[Key, int] = {}
        for row in rows:
            usage, cost = row.usage, self._definitions.cost_of(row)
            sums = Sums(
                calls=1,
                input=usage.input,
                completion=usage.completion,
                reasoning=usage.reasoning,
                output=usage.output,
                cost_nano=0 if cost is None else cost.nano,
            )
            for counter in self._definitions.counters_of(row):
                used[counter.key] = used.get(counter.key, 0) + counter.budget.used(sums)
        return used

    def _expected(
        self, request: CallRequest, most: int | None, budgets: Sequence[Budget]
    ) -> tuple[ExpectedUsage, ExpectedUsage]:
        """What a call will probably use, and what it may well use where nobody says how long its answer may be."""
        if all(budget.unit == "requests" for budget in budgets):
            return ExpectedUsage(0, 0), ExpectedUsage(0, 0)
        info, choices = request.info, _choices(request.body)
        prompt = estimate.prompt_tokens(request.body)
        usual = self._usual.long_answer(info.called_model, info.user_id) or TokenUsage(output=FIRST_GUESS)
        output = (usual.output if most is None else most) * choices
        reasoning = min(output, usual.reasoning * choices)
        longest = output if most is not None else max(output, LONGEST_USUAL * choices)
        cost = cost_of_longest = None
        if any(budget.unit == "usd" for budget in budgets):
            price = self._price(info, prompt, output)
            if price is None:  # A price that only the provider tells is known from its last answers.
                cost = cost_of_longest = self._usual.dear_answer(info.called_model)
                if cost is not None:
                    cost_of_longest = cost * longest // max(1, output)
            else:
                dear = self._price(info, prompt, longest)
                cost, cost_of_longest = price.nano, price.nano if dear is None else dear.nano
        return ExpectedUsage(prompt, output, reasoning, cost), ExpectedUsage(
            prompt, longest, reasoning, cost_of_longest
        )

    def _price(self, info: CallInfo, prompt: int, output: int) -> Cost | None:
        return self._definitions.book.cost(
            info.model_ids,
            TokenUsage(input=prompt, output=output),
            provider_url=info.provider_url,
            is_free_connection=info.is_free_connection,
        )


def _exempts(budget: Budget, info: CallInfo, book: PriceBook) -> bool:
    """Whether the call is known to cost nothing, and so stays possible when the money is spent."""
    if budget.unit != "usd" or not budget.free_models_exempt:
        return False
    return book.is_free(info.model_ids, info.provider_url, is_free_connection=info.is_free_connection)


_MOST_KEYS: dict[Wire, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "anthropic": ("max_tokens",),
    "ollama": ("num_predict",),
}
"""Only what the provider heeds: by any other word a caller could make reservations as small as they like."""


def _most_output(body: Mapping[str, Any], wire: Wire) -> int | None:
    """The most that the provider may write of one answer, where the request says so."""
    place = body.get("options") if wire == "ollama" else body
    if not isinstance(place, Mapping):
        return None
    said = [count for key in _MOST_KEYS[wire] if (count := _count(place.get(key))) is not None]
    # Where it says so twice, providers differ in which they follow.
    return min(max(said), MOST_OUTPUT) if said else None


def _choices(body: Mapping[str, Any]) -> int:
    """How many answers are paid for."""
    asked = max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1)
    return min(asked, MOST_CHOICES)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
