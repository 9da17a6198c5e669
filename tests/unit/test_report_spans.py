"""The rows that a report reads make up its time exactly, however they are taken."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openwebui_usage.ledger.cubes import CUBES, FAMILIES, FOLDED, Cube, Marks, end_of, quarter_of
from openwebui_usage.ledger.report_spans import Stretch, stretches
from openwebui_usage.rules.buckets import BUCKETS, time_range

NOW = quarter_of(datetime(2026, 11, 28, 22, tzinfo=UTC).timestamp())
BY_ID = {cube.id: cube for cube in CUBES}
COLUMNS = (
    (),
    ("model",),
    ("user",),
    ("user", "model"),
    ("user_groups",),
    ("user_groups", "model"),
    ("kind",),
    ("key",),
)


def quarters_of(cube: Cube, stretch: Stretch, folded: int) -> Counter[tuple[int, int]]:
    """What one stretch adds: how often each quarter of an hour is in each part."""
    found: Counter[tuple[int, int]] = Counter()
    start = cube.start_of(stretch.start)
    start = start if start == stretch.start else end_of(cube.span, start)
    while start < stretch.end:
        part = stretch.part + (start - stretch.start) // stretch.width
        end = end_of(cube.span, start)
        for quarter in range(start, end if cube.id == 0 else min(end, folded)):
            found[part, quarter] += stretch.sign
        start = end
    return found


def covered(read: list[Stretch], folded: int) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for stretch in read:
        found.update(quarters_of(BY_ID[stretch.cube], stretch, folded))
    return Counter({key: count for key, count in found.items() if count})


def wanted(parts: list[tuple[int, int, int]]) -> Counter[tuple[int, int]]:
    return Counter((part, quarter) for start, end, part in parts for quarter in range(start, end))


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(-40_000, 200),
    length=st.one_of(st.integers(1, 400), st.integers(1, 40_000)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]),
    bucket=st.sampled_from(BUCKETS),
    columns=st.sampled_from(COLUMNS),
    folded=st.integers(-41_000, 0),
    is_filled=st.booleans(),
)
def test_every_quarter_is_read_once(
    start: int, length: int, zone: str, bucket: str, columns: tuple[str, ...], folded: int, is_filled: bool
) -> None:
    first = datetime.fromtimestamp((NOW + start) * 900, UTC)
    last = datetime.fromtimestamp((NOW + start + length) * 900, UTC)
    time = time_range(first.isoformat(), last.isoformat(), zone, last)
    starts = time.cut(bucket if length < 5000 or bucket not in ("15m", "hour") else "week")  # type: ignore[arg-type]
    parts = [(one, other, number) for number, (one, other) in enumerate(pairwise((*starts, time.end)))]
    marks = Marks(NOW + folded, NOW + folded - (0 if is_filled else 500))
    read = stretches(parts, columns, marks)
    assert covered(read, marks.folded) == wanted(parts)
    for stretch in read:
        cube = BY_ID[stretch.cube]
        assert set(columns) <= FAMILIES[cube.family]
        assert is_filled or cube.mark == FOLDED


@pytest.mark.parametrize(
    ("zone", "bucket", "columns", "most"),
    [
        ("UTC", "month", ("model",), 12),
        ("Europe/Berlin", "month", ("model",), 60),
        ("Europe/Berlin", "day", ("model",), 365 * 5 + 10),
        ("Asia/Kathmandu", "day", ("user_groups",), 365 * 20),
        ("Europe/Berlin", "none", ("user",), 20),
        ("Asia/Kathmandu", "none", ("user", "model"), 60),
    ],
)
def test_few_spans_are_read(zone: str, bucket: str, columns: tuple[str, ...], most: int) -> None:
    time = time_range("2025-12-01", "2026-12-01", zone, datetime.now(UTC))
    starts = time.cut(bucket)  # type: ignore[arg-type]
    parts = [(one, other, number) for number, (one, other) in enumerate(pairwise((*starts, time.end)))]
    read = stretches(parts, columns, Marks(time.end + 96, time.end + 96))
    count = 0
    for stretch in read:
        cube, start = BY_ID[stretch.cube], stretch.start
        while start < stretch.end:
            start, count = end_of(cube.span, start), count + 1
    assert count <= most
