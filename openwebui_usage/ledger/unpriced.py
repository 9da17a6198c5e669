"""Models whose calls have no price, and how much was used of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openwebui_usage.ledger.report_query import ReportQuery, ReportSums
from openwebui_usage.ledger.reports import Reports
from openwebui_usage.rules.buckets import TimeRange


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """Calls of one model that nobody knows the price of, and their tokens."""

    model: str
    """The id that the provider was asked for."""
    calls: int
    input: int
    cached_input: int
    """Subset of `input`."""
    cache_write: int
    """Subset of `input`."""
    output: int


def unpriced_models(reports: Reports, time: TimeRange) -> list[UnpricedModel]:
    """Those with the most tokens first. Blocks: call it off the event loop.

    The ledger sums the tokens of priced and unpriced calls together. On a day that had both, which is the day on which
    a price came or went, the tokens are divided as the calls are. Calls that failed used nothing and are left out.
    """
    report = reports.answer(ReportQuery(time, "day", ("called_model", "outcome")))
    found: dict[str, UnpricedModel] = {}
    for row in report.rows:
        model, outcome = row.values
        if outcome != "error" and row.sums.unpriced_calls:
            known = found.get(str(model), UnpricedModel(str(model), 0, 0, 0, 0, 0))
            found[str(model)] = _plus(known, row.sums)
    return sorted(found.values(), key=lambda each: (-each.input - each.output, -each.calls, each.model))


def _plus(known: UnpricedModel, sums: ReportSums) -> UnpricedModel:
    unpriced, calls = sums.unpriced_calls, sums.calls

    def share(tokens: int) -> int:
        return tokens if unpriced == calls else round(tokens * unpriced / calls)

    return replace(
        known,
        calls=known.calls + unpriced,
        input=known.input + share(sums.input),
        cached_input=known.cached_input + share(sums.cached_input),
        cache_write=known.cache_write + share(sums.cache_write),
        output=known.output + share(sums.output),
    )
