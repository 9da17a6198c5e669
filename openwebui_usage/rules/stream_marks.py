"""The bytes by which a stream's usage, end and first tokens are recognised, without reading its JSON."""

from __future__ import annotations

import re

from openwebui_usage.rules.usage_places import usage_marks
from openwebui_usage.rules.wires import Wire

# What a report is found by; OpenAI's other chunks say `"usage": null`. What a model says cannot match: there each quote
# is escaped. The literal beginnings make these as quick as a search for bytes.
_USAGE = rb'"usage(?:Metadata|_metadata)?"\s*:\s*\{'
REPORT: dict[Wire, re.Pattern[bytes]] = {
    "chat": re.compile(_USAGE),
    "responses": re.compile(_USAGE + rb"|response\.(?:incomplete|failed)"),
    "anthropic": re.compile(_USAGE),
    "ollama": re.compile(rb'eval_count"\s*:'),
}
LAST_REPORT = re.compile(rb'"(?:%s)"\s*:' % b"|".join(re.escape(mark.encode()) for mark in usage_marks()))
"""All the rest, which only last chunks carry: looked for where nothing else was reported, once the stream is over."""
END_MARK: dict[Wire, bytes] = {
    "chat": b"[DONE]",
    "responses": b"response.completed",
    "anthropic": b"message_stop",
    "ollama": b"true",
}
ENDS = frozenset(("response.completed", "response.incomplete", "response.failed", "message_stop"))
"""Types of events that are the last of their stream."""

# The first visible and the first hidden token; the escaped quote of a string's content never matches.
VISIBLE = re.compile(rb'"(?:content|text|response|arguments)":\s*"[^"]|output_text\.delta|"text_delta"')
HIDDEN = re.compile(rb'"(?:reasoning_content|reasoning|thinking)":\s*"[^"]|reasoning_\w+\.delta|"thinking_delta"')
