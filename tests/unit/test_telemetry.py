"""What Open WebUI's OpenTelemetry exporter is told of calls, by the semantic conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from openwebui_usage.host.telemetry import attributes_of, instruments
from openwebui_usage.ledger import CallInfo, CallRow, Recorded
from openwebui_usage.rules.tokens import TokenUsage

Points = dict[str, list[Any]]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    yield reader
    provider.shutdown()


def row(**values: Any) -> CallRow:
    info = {
        "connection": "openai:https://api.openai.com/v1",
        "provider_url": "https://api.openai.com/v1",
        "kind": "chat",
    }
    info |= {name: values.pop(name) for name in ("connection", "provider_url", "kind") if name in values}
    return CallRow(
        CallInfo("helper", "gpt-4o", "u1", "Ada", **info),
        **{"started_at": 1.0, "usage": TokenUsage(input=30, output=7), "duration": 1.5, **values},
    )


def points(reader: InMemoryMetricReader) -> Points:
    found = reader.get_metrics_data()
    assert found is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in found.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_tokens_and_durations_are_told(reader: InMemoryMetricReader) -> None:
    instruments()(Recorded((row(), row())))
    found = points(reader)
    tokens = {
        point.attributes["gen_ai.token.type"]: (point.count, point.sum) for point in found["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": (2, 60), "output": (2, 14)}
    [duration] = found["gen_ai.client.operation.duration"]
    assert (duration.count, duration.sum) == (2, 3.0)
    assert duration.explicit_bounds[0] == 0.01
    assert dict(duration.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "helper",
        "gen_ai.response.model": "gpt-4o",
        "server.address": "api.openai.com",
    }


def test_a_call_that_failed_says_so_and_used_nothing(reader: InMemoryMetricReader) -> None:
    instruments()(Recorded((row(outcome="error", error="http_500", usage=TokenUsage()),)))
    found = points(reader)
    assert "gen_ai.client.token.usage" not in found
    [duration] = found["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "http_500"


@pytest.mark.parametrize(
    ("values", "name", "value"),
    [
        ({"kind": "embedding"}, "gen_ai.operation.name", "embeddings"),
        ({"provider_url": "https://api.mistral.ai/v1"}, "gen_ai.provider.name", "mistral_ai"),
        (
            {"provider_url": "http://gpu:11434", "connection": "ollama:http://gpu:11434"},
            "gen_ai.provider.name",
            "ollama",
        ),
        ({"provider_url": None, "connection": None}, "gen_ai.provider.name", "_OTHER"),
    ],
)
def test_what_calls_are_told_apart_by(values: dict[str, Any], name: str, value: str) -> None:
    assert attributes_of(row(**values))[name] == value
    assert not {"u1", "Ada"} & set(attributes_of(row(**values)).values())
