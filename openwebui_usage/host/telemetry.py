"""Calls for Open WebUI's own OpenTelemetry exporter, as the semantic conventions for generative AI name them.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ (client metrics). Told on the writer's thread, once
the calls are in the ledger, so that nobody who calls waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from openwebui_usage import __version__
from openwebui_usage.ledger import CallRow, Recorded
from openwebui_usage.rules.public_prices import provider_of

_TOKEN_BOUNDS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_SECOND_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""As the conventions advise."""
_PROVIDERS = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
"""Those of genai-prices that the conventions call otherwise."""

Told = Callable[[Recorded], None]


def telemetry() -> Told | None:
    """What tells the host's exporter of calls; None where its metrics are off."""
    try:
        from open_webui.env import ENABLE_OTEL, ENABLE_OTEL_METRICS
    except ImportError:  # Older hosts have no metrics.
        return None
    return instruments() if ENABLE_OTEL and ENABLE_OTEL_METRICS else None


def instruments() -> Told:
    """Instruments of whatever meter provider there is in this process."""
    from opentelemetry import metrics

    meter = metrics.get_meter("openwebui_usage", __version__)
    tokens = meter.create_histogram(
        "gen_ai.client.token.usage",
        unit="{token}",
        description="Number of input and output tokens used.",
        explicit_bucket_boundaries_advisory=_TOKEN_BOUNDS,
    )
    durations = meter.create_histogram(
        "gen_ai.client.operation.duration",
        unit="s",
        description="GenAI operation duration.",
        explicit_bucket_boundaries_advisory=_SECOND_BOUNDS,
    )

    def told(recorded: Recorded) -> None:
        for row in recorded.rows:
            attributes = attributes_of(row)
            usage = row.usage
            for kind, count in (("input", usage.input), ("output", usage.output)):
                if count:
                    tokens.record(count, {**attributes, "gen_ai.token.type": kind})
            failed = {"error.type": row.error or "_OTHER"} if row.outcome == "error" else {}
            durations.record(row.duration, {**attributes, **failed})

    return told


def attributes_of(row: CallRow) -> Mapping[str, str]:
    """What the conventions tell calls apart by. No user is among them."""
    info = row.info
    attributes = {
        "gen_ai.operation.name": "embeddings" if info.kind == "embedding" else "chat",
        "gen_ai.provider.name": _provider(info.provider_url, info.connection),
        "gen_ai.request.model": info.model,
        "gen_ai.response.model": info.called_model,
    }
    host = urlsplit(info.provider_url).hostname if info.provider_url else None
    if host:
        attributes["server.address"] = host
    return attributes


def _provider(url: str | None, connection: str | None) -> str:
    """A provider that is known by its address; else what kind of connection it is."""
    found = provider_of(url)
    if found is not None:
        return _PROVIDERS.get(found, found)
    return (connection or "").partition(":")[0] or "_OTHER"
