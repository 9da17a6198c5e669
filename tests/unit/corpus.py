"""Real usage payloads of every provider, from `tests/data/usage`: a new trap is a new file there.

A file has a `source`, the `wire` format, one `body` or a `stream` (its events; a text is a line as it stands), the
row that must come of it (`expected`), and what a group then shows as documented (`in`, `out`). `"generates": false`
marks embeddings, `cost` what the provider says the call cost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.wires import Wire

DIRECTORY = Path(__file__).parents[1] / "data" / "usage"


@dataclass(frozen=True, slots=True)
class Case:
    """One file."""

    name: str
    wire: Wire
    expected: TokenUsage
    documented: tuple[int, int]
    body: dict[str, Any] | None = None
    stream: list[Any] | None = None
    generates: bool = True
    cost: float | None = None

    def lines(self, newline: str = "\n", after_data: str = " ") -> bytes:
        """The stream as it goes over the network."""
        return b"".join(encode(event, self.wire, newline, after_data) for event in self.stream or [])


def encode(event: Any, wire: Wire, newline: str = "\n", after_data: str = " ") -> bytes:
    """One event, in the framing of its wire format."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    if wire == "ollama":
        return f"{text}{newline}".encode()
    if text.startswith(":"):
        return f"{text}{newline}{newline}".encode()
    name = f"event: {event['type']}{newline}" if wire in ("responses", "anthropic") else ""
    return f"{name}data:{after_data}{text}{newline}{newline}".encode()


def _load(path: Path) -> Case:
    data = json.loads(path.read_text(encoding="utf-8"))
    data.pop("source")
    documented = (data.pop("in"), data.pop("out"))
    return Case(path.stem, expected=TokenUsage(**data.pop("expected")), documented=documented, **data)


CASES = [_load(path) for path in sorted(DIRECTORY.glob("*.json"))]
BODIES = [case for case in CASES if case.body is not None]
STREAMS = [case for case in CASES if case.stream is not None]
