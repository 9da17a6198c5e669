"""The ledger's metrics for Prometheus: which there are, and how they are made now and then.

Labels are bounded, and no user is among them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from openwebui_usage.checks import Looks, threaded
from openwebui_usage.ledger.metric_sums import LedgerMetrics, LimitStatus
from openwebui_usage.ledger.report_query import ReportSums
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.histograms import Histogram, cumulative, sum_of
from openwebui_usage.rules.json_values import to_json_amount

FRESH_SECONDS = 5.0
"""For which the same is answered."""
READ_TIMEOUT = 8.0
"""Seconds that the ledger may take; Prometheus itself waits for 10."""
DURATION_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)
"""Seconds."""
_PREFIX = "openwebui_usage"
_CALL = ("model", "connection", "kind")
_NANO = 10**9


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What only the worker that answers knows. None where nobody knows."""

    version: str
    spool_rows: int | None = None
    rejected_rows: int | None = None
    writer_lag: float | None = None
    """Seconds."""
    redis_up: bool | None = None
    """None where there is no Redis."""


class Exposition:
    """Answers scrapes of one worker. While the ledger is away it tells the rest. Lives on one event loop."""

    def __init__(self, read: Callable[[], LedgerMetrics], worker: Callable[[], Awaitable[WorkerState]]) -> None:
        """`read` blocks, and is called on a thread."""
        self._looks = Looks({"ledger": threaded(read)}, READ_TIMEOUT)
        self._worker = worker
        self._making = asyncio.Lock()
        self._made_at = float("-inf")
        self._registry = _registry([])
        self._bodies: dict[str, bytes] = {}

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """The metrics, and their content type, by what the client accepts."""
        async with self._making:  # Those that ask at the same time get the same.
            if time.monotonic() - self._made_at > FRESH_SECONDS:
                seen, state = await asyncio.gather(self._looks.all(), self._worker())
                self._registry = _registry([*of_worker(state), *of_ledger(seen.get("ledger"))])
                self._made_at = time.monotonic()
                self._bodies.clear()
            encode, content_type = choose_encoder(accept)
            if content_type not in self._bodies:
                self._bodies[content_type] = await asyncio.to_thread(encode, self._registry)
            return self._bodies[content_type], content_type


class _Made:
    """A collector of metrics that are made already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _registry(metrics: Iterable[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Made(metrics))
    return registry


def of_worker(state: WorkerState) -> Iterator[Metric]:
    """What the worker itself knows."""
    yield InfoMetricFamily(f"{_PREFIX}_build", "The version of the plugin.", {"version": state.version})
    gauges: Mapping[str, tuple[str, float | None]] = {
        "spool_rows": ("Calls that wait outside of the ledger.", state.spool_rows),
        "rejected_rows": ("Calls that were set aside, for a person to look at.", state.rejected_rows),
        "writer_lag_seconds": ("How long the oldest call waits for the ledger.", state.writer_lag),
        "redis_up": (
            "Whether Redis answers. Absent where there is none.",
            None if state.redis_up is None else float(state.redis_up),
        ),
    }
    for name, (text, value) in gauges.items():
        if value is not None:
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value)


def of_ledger(found: LedgerMetrics | None) -> Iterator[Metric]:
    """What the ledger knows; nothing while it is away."""
    yield GaugeMetricFamily(f"{_PREFIX}_ledger_up", "Whether the ledger could be read.", float(found is not None))
    if found is None:
        return
    yield from _of_calls(found)
    refusals = CounterMetricFamily(f"{_PREFIX}_refusals", "Calls that a limit refused.", labels=("limit", "type"))
    for (kind, name), calls in sorted(found.refusals.items()):
        refusals.add_metric((name, kind), calls)
    yield refusals
    yield from _of_durations(found)
    yield from _of_limits(found.limits)


def _of_calls(found: LedgerMetrics) -> Iterator[Metric]:
    tokens = CounterMetricFamily(
        f"{_PREFIX}_tokens",
        "Tokens that were billed, each in one type.",
        labels=("model", "connection", "type", "kind"),
    )
    cost = CounterMetricFamily(f"{_PREFIX}_cost_usd", "What calls cost, in US dollars.", labels=_CALL)
    calls = CounterMetricFamily(f"{_PREFIX}_calls", "Calls of models.", labels=(*_CALL, "outcome"))
    unpriced = CounterMetricFamily(f"{_PREFIX}_unpriced_calls", "Calls without a known price.", labels=_CALL)
    whole: dict[tuple[str, str, str], ReportSums] = {}
    for labels, sums in sorted(found.calls.items()):
        calls.add_metric(labels, sums.calls)
        known = whole.get(labels[:3])
        whole[labels[:3]] = sums if known is None else ReportSums(*map(sum, zip(known, sums, strict=True)))
    for (model, connection, kind), sums in whole.items():
        for type_, count in _tokens_of(sums).items():
            tokens.add_metric((model, connection, type_, kind), count)
        cost.add_metric((model, connection, kind), sums.cost_nano / _NANO)
        unpriced.add_metric((model, connection, kind), sums.unpriced_calls)
    yield from (tokens, cost, calls, unpriced)


def _tokens_of(sums: ReportSums) -> dict[str, int]:
    """Each token once, so that the sum over all types is what was billed."""
    return {
        "input": max(0, sums.input - sums.cached_input - sums.cache_write),
        "cached_input": sums.cached_input,
        "cache_write": sums.cache_write,
        "output": max(0, sums.output - sums.reasoning),
        "reasoning": sums.reasoning,
    }


def _of_durations(found: LedgerMetrics) -> Iterator[Metric]:
    labels = ("model", "connection")
    durations = HistogramMetricFamily(
        f"{_PREFIX}_call_duration_seconds", "How long calls took that did not fail.", labels=labels
    )
    first_tokens = HistogramMetricFamily(
        f"{_PREFIX}_time_to_first_token_seconds", "How long their first token took.", labels=labels
    )
    for of, latency in sorted(found.durations.items()):
        _add(durations, of, latency.duration, DURATION_BOUNDS)
        _add(first_tokens, of, latency.first_token, FIRST_TOKEN_BOUNDS)
    yield from (durations, first_tokens)


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], found: Histogram, bounds: tuple[float, ...]) -> None:
    if found:
        counts = [*cumulative(found, bounds), found.total()]
        buckets = [(f"{bound:g}", count) for bound, count in zip((*bounds, float("inf")), counts, strict=True)]
        family.add_metric(labels, [(bound.replace("inf", "+Inf"), count) for bound, count in buckets], sum_of(found))


def _of_limits(limits: Iterable[LimitStatus]) -> Iterator[Metric]:
    labels = ("budget", "type", "unit")
    text = "in tokens, requests or US dollars, as the unit says"
    most = GaugeMetricFamily(f"{_PREFIX}_budget_limit", f"How much may be used in the period, {text}.", labels=labels)
    used = GaugeMetricFamily(f"{_PREFIX}_budget_used", f"How much is used, {text}.", labels=labels)
    resets = GaugeMetricFamily(
        f"{_PREFIX}_budget_resets_timestamp_seconds", "When the next period begins. Absent for never.", labels=labels
    )
    for limit in limits:
        of = (limit.name, limit.kind, limit.unit)
        most.add_metric(of, _amount(limit.limit, limit.unit))
        used.add_metric(of, _amount(limit.used, limit.unit))
        if limit.resets_at is not None:
            resets.add_metric(of, limit.resets_at)
    yield from (most, used, resets)


def _amount(value: int, unit: Unit) -> float:
    return float(to_json_amount(value, unit))
