"""Whatever callers and providers send, a row's values fit into every database."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.ledger.bounds import (
    MOST_COUNT,
    MOST_TEXT_BYTES,
    bounded_count,
    bounded_counts,
    bounded_seconds,
    bounded_text,
    is_moment,
    usage_text,
)

ANY_TEXT = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "So"]), max_size=1500)


@given(ANY_TEXT)
def test_a_text_has_a_bound_in_bytes(text: str) -> None:
    kept = bounded_text(text)
    assert kept is not None
    assert len(kept.encode()) <= MOST_TEXT_BYTES
    assert "\0" not in kept


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("\U0001f642" * 1000, "\U0001f642" * 250),
        ("漢" * 400, "漢" * 333),
        ("ü" * 1000, "ü" * 500),
        ("x" * 5000, "x" * 1000),
        ("\0" * 400, "\ufffd" * 333),
        ("a\0\ud83d", "a\ufffd?"),
        ("", ""),
        ("an id", "an id"),
    ],
)
def test_a_text_is_cut_between_characters(given_text: str, kept: str) -> None:
    assert bounded_text(given_text) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (5, 5),
        (-5, 0),
        (10**400, MOST_COUNT),
        (1e300, MOST_COUNT),
        (math.inf, MOST_COUNT),
        (-math.inf, 0),
        (math.nan, 0),
        (7.0, 7),
        (True, 1),
        (None, 0),
        ("7", 0),
        ([7], 0),
    ],
)
def test_a_count_is_a_whole_number_of_64_bits(value: object, kept: int) -> None:
    assert bounded_count(value) == kept
    assert bounded_counts((1, value, 2)) == (1, kept, 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, None, "soon", True])
def test_a_span_that_is_none_is_unknown(value: object) -> None:
    assert bounded_seconds(value) is None
    assert not is_moment(value)


@pytest.mark.parametrize(
    ("usage", "kept"),
    [
        (None, None),
        ({"a": [1, None, "\ud83d\0"]}, {"a": [1, None, "\ud83d\0"]}),
        ({"a": math.nan, "b": [math.inf, {"c": -math.inf}]}, {"a": None, "b": [None, {"c": None}]}),
        ({"when": 1j}, {"when": "1j"}),
        ({(1, 2): 3}, None),
        ({"long": "x" * 20_000}, None),
        ({"huge": 10**5000}, None),
    ],
)
def test_a_usage_payload_is_json_or_nothing(usage: Any, kept: Any) -> None:
    text = usage_text(usage)
    assert (None if text is None else json.loads(text)) == kept


def test_a_usage_payload_without_end_is_nothing() -> None:
    usage: dict[str, Any] = {}
    usage["self"] = usage
    assert usage_text(usage) is None
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert usage_text(deep) is None
