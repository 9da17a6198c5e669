"""From a request to an answer: what will be said and what it will cost, before any wire format is known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.support.provider.behaviour import Behaviour

CALL_ID = "call~~~~~~~~"
"""Stands for the call's id in prepared bytes."""

_WORDS = ("all", "happy", "families", "are", "alike", "each", "unhappy", "family", "is", "in", "its", "own", "way")
_TASK_ANSWER = json.dumps(
    {
        "title": "Stand-in title",
        "tags": ["Testing"],
        "follow_ups": ["And then?", "Why?", "Who says so?"],
        "queries": [],
        "text": "more",
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, whatever its wire format."""

    model: str
    prompt: str
    stream: bool = False
    effort: str | None = None
    wants_usage: bool = True
    has_tool_result: bool = False
    has_tools: bool = False

    @property
    def is_task(self) -> bool:
        """Open WebUI's own calls for titles, tags and the like."""
        return "### Task:" in self.prompt


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens. `prompt` includes `cached` and `cache_write`; `output` is visible and reasoning, each once."""

    prompt: int
    cached: int = 0
    cache_write: int = 0
    visible: int = 0
    reasoning: int = 0

    @property
    def output(self) -> int:
        return self.visible + self.reasoning


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer. Hashable, so that the bytes of equal answers are made once."""

    model: str
    behaviour: Behaviour
    bill: Bill
    thoughts: tuple[str, ...]
    pieces: tuple[str, ...]
    tool: str | None
    wants_usage: bool

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def thinking(self) -> str:
        return "".join(self.thoughts)

    @property
    def reports(self) -> bool:
        """Whether a stream of this plan tells its usage at its end."""
        if self.behaviour.usage in ("never", "timings_only"):
            return False
        return self.wants_usage or self.behaviour.usage not in ("asked", "total_only")

    def so_far(self, thoughts: int, pieces: int) -> Bill:
        """The bill when so many chunks of thinking and text have been made. Hidden thinking comes first."""
        visible = self.bill.visible * pieces // max(1, len(self.pieces))
        spent = 1.0 if pieces or not self.thoughts else thoughts / len(self.thoughts)
        bill = self.bill
        return Bill(bill.prompt, bill.cached, bill.cache_write, visible, round(bill.reasoning * spent))


@dataclass(frozen=True, slots=True)
class Frame:
    """One event on the wire, what has been spent once it is made, and the usage it tells, if any."""

    data: bytes
    bill: Bill
    usage: dict[str, Any] | None = None


def plan(call: Call, behaviour: Behaviour) -> Plan:
    """What `behaviour` answers to `call`."""
    tool = behaviour.tool if call.has_tools and not call.has_tool_result and not call.is_task else None
    if tool:
        pieces = tuple(_cut(behaviour.tool_arguments, 2))
    elif call.is_task:
        pieces = tuple(_cut(_TASK_ANSWER, 4))
    elif behaviour.text is not None:
        pieces = tuple(_cut(behaviour.text, behaviour.chunks))
    else:
        pieces = tuple(_words(behaviour.chunks))
    prompt = max(1, len(call.prompt) // 4) if behaviour.prompt is None else behaviour.prompt
    visible = len(pieces) if behaviour.visible is None else behaviour.visible
    return Plan(
        model=call.model,
        behaviour=behaviour,
        bill=Bill(
            prompt=max(prompt, behaviour.cached + behaviour.cache_write),
            cached=behaviour.cached,
            cache_write=behaviour.cache_write,
            visible=visible,
            reasoning=behaviour.reasoning_tokens(call.effort),
        ),
        thoughts=tuple(_words(behaviour.thoughts)),
        pieces=pieces,
        tool=tool,
        wants_usage=call.wants_usage,
    )


def _words(count: int) -> Iterable[str]:
    return (word + " " for word in itertools.islice(itertools.cycle(_WORDS), count))


def _cut(text: str, count: int) -> Iterable[str]:
    size = -(-len(text) // max(1, count)) or 1
    return (text[start : start + size] for start in range(0, len(text), size))
