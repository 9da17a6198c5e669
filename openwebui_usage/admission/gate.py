"""The gate: checks all limits before a call is sent, and reserves what the call will probably use."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from openwebui_usage.admission.allowances import Allowances
from openwebui_usage.admission.counters import LiveCounters, Reservation
from openwebui_usage.admission.rates import Take
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.steering import NOTHING, PER, Steering, most_output, steering
from openwebui_usage.admission.usual_answers import UsualAnswers
from openwebui_usage.admission.windows import WindowedCounters
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.recording import Key, Recorded
from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules import estimate
from openwebui_usage.rules.actions import may_refuse
from openwebui_usage.rules.budgets import Budget, Counter, ExpectedUsage, Refusal, budget_of_group, subject_of
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.output_caps import OUTPUT_FIELDS
from openwebui_usage.rules.periods import MINUTE, Period
from openwebui_usage.rules.pricing import Cost, PriceBook
from openwebui_usage.rules.rates import rate_key
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.wires import Wire

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
STALE_SECONDS = 10.0
"""Seconds for which the ledger may be unreachable before `fail_closed` refuses calls."""
FIRST_GUESS = 500
"""Assumed output tokens for a model that has not answered yet."""
MOST_OUTPUT = 1_000_000
"""The greatest number of output tokens to reserve for one answer: otherwise one call could reserve a whole budget."""
MOST_CHOICES = 128
"""OpenAI's maximum for `n`: https://platform.openai.com/docs/api-reference/chat/create"""
LATEST = 1000
"""Rows of the ledger from which a new worker learns how much models usually write."""
LONGEST_USUAL = 32_000
"""Output tokens that an answer without a maximum may well have: current models write as many. While several times this
is left of a limit, calls are not refused for what they might write.
"""


class LedgerAway(Exception):
    """The ledger is unreachable, and calls must not be made unchecked (`fail_closed`)."""


class Gate:
    """Admits calls. There is one gate per worker, with a `refresh` every `REFRESH_SECONDS`."""

    def __init__(
        self,
        store: Store,
        live: LiveCounters,
        *,
        fail_closed: bool = False,
        refusals: PendingRefusals | None = None,
    ) -> None:
        """`fail_closed`: refuse calls while the ledger is away, instead of admitting them unchecked.

        `refusals` counts refused calls.
        """
        self._refusals = refusals
        self._misses_refusals = False
        self._store = store
        self._live: LiveCounters = WindowedCounters(store, live)
        self._fail_closed = fail_closed
        self._definitions = Definitions()
        self._known_at = float("-inf")
        self._looking = asyncio.Lock()
        self.misses_ledger = False
        """Whether the ledger could not be read the last time."""
        self._usual = UsualAnswers()
        self._has_learned = False
        self._allowances = Allowances(store)
        self._steers = self._caps = self._falls_back = False

    @property
    def definitions(self) -> Definitions:
        """Groups, budgets and prices, at most a second old."""
        return self._definitions

    async def refresh(self) -> None:
        """Read definitions and sums from the ledger. Reservations are kept up even while it is away."""
        async with self._looking:  # Otherwise an older read could end later and overwrite a newer one.
            results = await asyncio.gather(self._read(), self._live.refresh(), return_exceptions=True)
        self.misses_ledger = isinstance(results[0], Exception)
        errors = [error for error in results if isinstance(error, Exception)]
        if errors:  # The next refresh tries again.
            log.debug("The ledger could not be looked at: %s", errors[0])
        else:
            self._known_at = time.monotonic()

    async def _read(self) -> None:
        self._definitions = await asyncio.to_thread(self._store.definitions)
        budgets = self._definitions.budgets
        self._steers = any(budget.action == "slow" or budget.effort_from is not None for budget in budgets)
        self._caps = any(budget.cap_output for budget in budgets)
        self._falls_back = any(budget.action == "fallback" for budget in budgets)
        if not self._has_learned:
            self._usual.learn(await asyncio.to_thread(self._store.latest, LATEST))
            self._has_learned = True
        if any(budget.unit == "usd" for budget in self._definitions.budgets):
            # The first price takes longest, because it loads the whole list.
            await asyncio.to_thread(self._definitions.book.is_free, ["gpt-4o"])

    async def changed(self) -> None:
        """An admin changed a definition or reset a counter. This applies to the next call already."""
        await self.refresh()
        await self._live.forget()

    async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal | None:
        """Reserve what a call will probably use. None if it may be made: it must then be settled or released.

        `outer` is the id of the call on whose behalf this one is made, and whose reservations it replaces: a pipe's own
        row counts only if the pipe called no model. Raises `LedgerAway` if limits cannot be checked and `fail_closed`
        is set. Whoever answers with the refusal reports that with `refused`.
        """
        try:
            exceeded = await self._rated(call_id, request) if self._definitions.rates else None
            if exceeded is not None:
                return exceeded
            reservations = await self._reservations(request)
            refusal = await self._live.reserve(call_id, reservations, outer) if reservations else None
            if refusal is not None:
                self._give_back(call_id)
            return refusal
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            if self._fail_closed:  # It is not made.
                self._give_back(call_id)
            self._let_through(error)
            return None
        except BaseException:  # Cancelled: nobody is left to give back what was reserved.
            self.release(call_id)
            raise
        finally:
            if outer is not None:
                self._live.release([outer])
                self._give_back(outer)

    async def _rated(self, call_id: str, request: CallRequest) -> Refusal | None:
        """Take what a call will probably use of the budgets of a minute."""
        info, definitions = request.info, self._definitions
        budgets = [
            budget
            for budget in definitions.rates_for(info.model_ids, info.caller)
            if budget.limit is not None and may_refuse(budget, info.model_ids)
        ]
        if not budgets:
            return None
        most = _most_output(request.body, request.wire) if request.generates else 0
        probable, _ = self._expected(request, most, budgets)
        takes = [
            Take(
                rate_key(budget, info.caller, info.called_model),
                budget.limit or 0,
                probable.of(budget),
                self._prompt(request, budget) if budget.strict else 1,
            )
            for budget in budgets
        ]
        refused = await self._live.rates.take(call_id, takes)
        if refused is None:
            return None
        budget, take, now = budgets[refused.position], takes[refused.position], datetime.now(UTC)
        period = Period(MINUTE, None, now + timedelta(seconds=refused.seconds))
        counter = Counter(budget, subject_of(budget, info.caller), period)
        return Refusal(counter, refused.used, 0, take.must_fit if budget.strict else 0)

    def _give_back(self, call_id: str) -> None:
        if self._definitions.rates:
            self._live.rates.give_back(call_id)

    def _settle_rates(self, rows: Iterable[CallRow]) -> None:
        definitions = self._definitions
        for row in rows if definitions.rates else ():
            info, usage = row.info, row.usage
            sums = Sums(1, 0, usage.input, 0, 0, usage.completion, usage.reasoning, usage.output)
            amounts = {
                rate_key(budget, info.caller, info.called_model): budget.used(sums)
                for budget in definitions.rates_for(info.model_ids, info.caller)
            }
            if amounts:
                self._live.rates.settle(row.id, amounts)

    async def check(self, info: CallInfo) -> Refusal | None:
        """Why a call would be refused at this moment, if it would. Reserves nothing. Raises `LedgerAway`.

        A budget that falls back on another model is not asked: whether that is possible, the call itself will tell.
        Whoever answers with the refusal reports that with `refused`.
        """
        try:
            asked = [
                Reservation(counter, counter.budget.limit or 0, 0)
                for counter in await self._refusing(info)
                if counter.budget.action != "fallback"
            ]
            return await self._live.ask(asked) if asked else None
        except Exception as error:  # noqa: BLE001 - whatever it is, no call fails by it but where the admin says so
            self._let_through(error)
            return None

    @property
    def falls_back(self) -> bool:
        """Whether any budget lets calls be made with another model."""
        return self._falls_back

    async def steer(self, info: CallInfo) -> Steering:
        """What budgets want of a call that is about to be made, besides refusing it. Never raises."""
        if not self._steers:
            return NOTHING
        try:
            return await steering(self._live, await self._binding(info))
        except Exception as error:
            log.debug("A call is not steered", exc_info=error)
            return NOTHING

    async def most_output(self, call_id: str, request: CallRequest) -> int | None:
        """How many tokens the answer of an admitted call may have; None where no budget caps it. Never raises."""
        if not self._caps:
            return None
        try:
            counters = [counter for counter in await self._refusing(request.info) if counter.budget.cap_output]
            if not counters:
                return None
            info, prompt = request.info, estimate.prompt_tokens(request.body)
            cost = (self._price(info, prompt, 0), self._price(info, prompt, PER))
            most = await most_output(self._live, counters, call_id, prompt, cost)
            return None if most is None else max(1, most // _choices(request.body))
        except Exception as error:
            log.debug("An answer is not capped", exc_info=error)
            return None

    def refused(self, request: CallRequest, refusal: Refusal) -> None:
        """Count a call that got no answer because of the result of `admit` or `check`. If that fails, it is refused
        nevertheless.
        """
        if self._refusals is None:
            return
        try:
            info, budget = request.info, refusal.counter.budget
            groups = self._definitions.matching(info.model_ids).groups
            self._refusals.note(info, groups, budget, self._asked(request, budget))
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
        """A call ended without a row: release its reservations."""
        self._live.release([call_id])
        self._give_back(call_id)

    def settled(self, done: Recorded) -> None:
        """Rows are committed: settle their reservations by what was really used. On the writer's thread."""
        self._live.release([row.id for row in done.rows], done.changes)
        self._settle_rates(done.rows)
        self._usual.learn(done.rows)

    def spooled(self, rows: Iterable[CallRow]) -> None:
        """Rows wait in the spool: let their reservations expire, unless they are settled before. From any thread."""
        self._live.let_expire([row.id for row in rows])

    def rejected(self, rows: Iterable[CallRow]) -> None:
        """The database rejected these rows for good: release their reservations. From any thread."""
        self._live.release([row.id for row in rows])

    @property
    def is_limiting(self) -> bool:
        """Whether there is any limit that may refuse a call."""
        definitions = self._definitions
        budgets = (*map(budget_of_group, definitions.groups), *definitions.budgets)
        return any(may_refuse(replace(budget, limit=budget.least_limit), ()) for budget in budgets)

    async def _binding(self, info: CallInfo) -> list[Counter]:
        """The counters whose limits hold for a call, whatever happens there."""
        definitions, now = self._definitions, datetime.now(UTC)
        counters = [
            counter
            for counter in definitions.counters(info.model_ids, info.caller, now, only_limits=True)
            if counter.budget.limit is not None and not _exempts(counter.budget, info, definitions.book)
        ]
        return await self._allowances.applied(definitions, counters, info.caller, now)

    async def _refusing(self, info: CallInfo) -> list[Counter]:
        """Those that can refuse it."""
        if self._fail_closed and time.monotonic() - self._known_at > STALE_SECONDS:
            raise LedgerAway
        return [counter for counter in await self._binding(info) if may_refuse(counter.budget, info.model_ids)]

    async def _reservations(self, request: CallRequest) -> list[Reservation]:
        """The reservations of a call, one for each counter that can refuse it."""
        # Of several that refuse, the first is told: one that leaves no way out, before one that falls back.
        counters = sorted(await self._refusing(request.info), key=lambda counter: counter.budget.action == "fallback")
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
                self._prompt(request, counter.budget) if counter.budget.needs_prompt_to_fit else 0,
            )
            for counter in counters
        ]

    def _prompt(self, request: CallRequest, budget: Budget) -> int:
        """What the prompt alone will use, in the budget's unit."""
        if budget.unit == "requests":
            return 1
        prompt = estimate.prompt_tokens(request.body)
        cost = self._price(request.info, prompt, 0) if budget.unit == "usd" else None
        return ExpectedUsage(prompt, 0, 0, None if cost is None else cost.nano).of(budget)

    def _used_by(self, rows: Sequence[CallRow]) -> dict[Key, int]:
        """How much `rows` added to each counter."""
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
        """What a call will probably use, and what it may well use if its answer has no maximum length."""
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
            if price is None:  # A price that only the provider knows is taken from its latest answers.
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
    """Whether the call is known to cost nothing, so that it stays possible when a money budget is used up."""
    if budget.unit != "usd" or not budget.free_models_exempt:
        return False
    return book.is_free(info.model_ids, info.provider_url, is_free_connection=info.is_free_connection)


def _most_output(body: Mapping[str, Any], wire: Wire) -> int | None:
    """The maximum length of one answer, if the request sets one. Fields that the provider does not obey don't count:
    with them, callers could make their reservations arbitrarily small.
    """
    place = body.get("options") if wire == "ollama" else body
    if not isinstance(place, Mapping):
        return None
    said = [count for key in OUTPUT_FIELDS[wire] if (count := _count(place.get(key))) is not None]
    # If there are several, providers differ in which one they obey.
    return min(max(said), MOST_OUTPUT) if said else None


def _choices(body: Mapping[str, Any]) -> int:
    """The number of answers that are billed."""
    asked = max(_count(body.get("n")) or 1, _count(body.get("best_of")) or 1)
    return min(asked, MOST_CHOICES)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
