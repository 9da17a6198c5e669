"""By what calls are chosen on the command line: the same dimensions as over HTTP, as options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import typer

from openwebui_usage.client.commands.output import fail

if TYPE_CHECKING:
    from openwebui_usage.api.routes.parameters import Filters

Values = Annotated[list[str], typer.Option(help="Only these: ids or names. Repeat it for several.", show_default=False)]
Models = Annotated[list[str], typer.Option(help="Only these: ids or globs. Repeat it for several.", show_default=False)]

_Request = TypeVar("_Request")


def asked(
    filters: Mapping[str, list[str]],
    make: Callable[[Filters], _Request],
    *,
    more_outcomes: tuple[str, ...] = (),
    options: Mapping[str, str] | None = None,
) -> _Request:
    """What `make` makes of the filters; ends the command with the option that is wrong.

    `options` are those that are not named as the parameter of the API is.
    """
    from fastapi.exceptions import RequestValidationError

    from openwebui_usage.api.routes.parameters import call_filters
    from openwebui_usage.ledger.report_query import NONE, NOT_RECORDED
    from openwebui_usage.ledger.rows import CallKind, Outcome

    known = {"kind": get_args(CallKind), "outcome": (*get_args(Outcome), *more_outcomes)}
    for name, values in known.items():
        if wrong := set(filters[name]) - {*values, NONE, NOT_RECORDED}:
            fail(f"--{name}: must be one of {', '.join(values)} (got {min(wrong)})")
    given: dict[str, Any] = dict(filters)
    try:
        return make(call_filters(**given))
    except RequestValidationError as error:
        [first, *_] = error.errors()
        name = str(first["loc"][-1])
        fail(f"{(options or {}).get(name, f'--{name}')}: {first['msg']}")
