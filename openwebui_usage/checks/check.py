"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from openwebui_usage.checks.values import Raw, Value

State = Literal["ok", "warn", "fail"]
"""`warn`: somebody should look at it, but calls are counted and limited."""


@dataclass(frozen=True, slots=True)
class Check:
    """How one thing is, in words."""

    id: str
    """The same in all versions."""
    state: State
    text: str
    """One or two sentences."""
    mend: str | None = None
    """What to do, where there is something to do."""
    code: str | None = None
    """Which of the sentences of its id and state this is, the same in all versions; None for what is only English."""
    values: Mapping[str, Raw] = field(default_factory=dict)
    """What is particular in it, for those who say it in another language: by the names in the template."""


def ok(id_: str, text: str, *, code: str | None = None, **values: Value | str) -> Check:
    """It works.

    With a `code`, `text` is a template that takes `values` in place of its `{names}`, and the admin page says it in its
    languages: `frontend_patches/pages/words/checks.json` has words for each code. Without one `text` stays as it is.
    """
    return _check(id_, "ok", text, None, code, values)


def warn(id_: str, text: str, mend: str, *, code: str | None = None, **values: Value | str) -> Check:
    """Somebody should look at it."""
    return _check(id_, "warn", text, mend, code, values)


def fail(id_: str, text: str, mend: str, *, code: str | None = None, **values: Value | str) -> Check:
    """It does not work."""
    return _check(id_, "fail", text, mend, code, values)


def _check(
    id_: str, state: State, text: str, mend: str | None, code: str | None, values: Mapping[str, Value | str]
) -> Check:
    if code is None:
        return Check(id_, state, text, mend)
    raw = {name: value.raw if isinstance(value, Value) else value for name, value in values.items()}
    return Check(id_, state, text.format_map(values), None if mend is None else mend.format_map(values), code, raw)
