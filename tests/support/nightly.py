"""A table of parameters of which a plain run takes a few, and `tests/run --all` all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly_at_night(cases: Iterable[Any], *, everyday: Collection[Any], ids: Iterable[str] | None = None) -> list[Any]:
    """For `pytest.mark.parametrize`: all but those of `everyday` are marked `nightly`.

    A case is one value, or a tuple of the values of several parameters.
    """
    cases = list(cases)
    unknown = [case for case in everyday if case not in cases]
    if unknown:
        raise ValueError(f"in no case: {unknown}")
    names = list(ids) if ids is not None else [None] * len(cases)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=name,
            marks=() if case in everyday else pytest.mark.nightly,
        )
        for case, name in zip(cases, names, strict=True)
    ]
