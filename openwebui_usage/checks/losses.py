"""What does not work where Open WebUI lacks a function that it was expected to have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Loss = Literal["uncounted", "no_429", "same_kind_only", "no_effort_in_responses", "effort_unrecorded", "no_status_line"]

LOSSES: Mapping[Loss, str] = {
    "uncounted": "calls made that way are not counted",
    "no_429": "a limit that is reached may look like another error than HTTP 429",
    "same_kind_only": "a budget's model to fall back on must have the same kind of connection as the model that is "
    "asked for",
    "no_effort_in_responses": "an effort is not translated for connections of the Responses API",
    "effort_unrecorded": "the effort that a model's own parameters set is not recorded",
    "no_status_line": "replies have no status line",
}
"""For the log and the checks."""
