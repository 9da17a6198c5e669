"""Long answers are encoded a part at a time, and read the same as if they were encoded at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwebui_usage.api.routes.encoding import json_bytes

VALUES: list[Any] = [
    {},
    {"rows": []},
    {"a": None, "b": True, "c": [1, 2], "d": {"e": 'ä\n"\\/ \u2028'}},
    {"wide": 2**70, "less": -(2**65), "small": 1e-9, "large": 1e22, "exact": 0.0331, "zero": 0.0},
    {"half of a pair": "\ud83d", "all": "\U0001f600"},
    {"half of a pair, as a name": {"\udc00": 1}},
    {'a "name"': 1},
]


@pytest.mark.parametrize("value", VALUES)
def test_an_object_reads_as_it_was(value: dict[str, Any]) -> None:
    assert json.loads(json_bytes(value)) == value


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1234])
def test_an_iterator_becomes_an_array(count: int) -> None:
    rows = [{"number": number, "text": "\ud83d" if number == 700 else "x"} for number in range(count)]
    answer = json.loads(json_bytes({"before": 1, "rows": iter(rows), "after": 2}))
    assert list(answer.items()) == [("before", 1), ("rows", rows), ("after", 2)]
