"""Bytes that indicate usage, the end and the first tokens in a stream, so that its JSON need not be parsed."""

from __future__ import annotations

import re

from openwebui_usage.rules.usage_places import usage_marks
from openwebui_usage.rules.wires import Wire

# Usage reports. OpenAI's other chunks have `"usage": null`, and a model's text cannot match because its quotes are
# escaped. The literal prefixes make these patterns as fast as a search for bytes.
_USAGE = rb'"usage(?:Metadata|_metadata)?"\s*:\s*\{'
REPORT: dict[Wire, re.Pattern[bytes]] = {
    "chat": re.compile(_USAGE),
    "responses": re.compile(_USAGE + rb"|response\.(?:incomplete|failed)"),
    "anthropic": re.compile(_USAGE),
    "ollama": re.compile(rb'eval_count"\s*:'),
}
LAST_REPORT = re.compile(rb'"(?:%s)"\s*:' % b"|".join(re.escape(mark.encode()) for mark in usage_marks()))
"""Usage under other names, which only last chunks have. Searched for at the end, if there was no other report."""
END_MARK: dict[Wire, bytes] = {
    "chat": b"[DONE]",
    "responses": b"response.completed",
    "anthropic": b"message_stop",
    "ollama": b"true",
}
ENDS = frozenset(("response.completed", "response.incomplete", "response.failed", "message_stop"))
"""Types of events that end a stream."""

# Visible and hidden tokens. Escaped quotes inside a text do not match.
VISIBLE = re.compile(rb'"(?:content|text|response|arguments)":\s*"[^"]|output_text\.delta|"text_delta"')
HIDDEN = re.compile(rb'"(?:reasoning_content|reasoning|thinking)":\s*"[^"]|reasoning_\w+\.delta|"thinking_delta"')
