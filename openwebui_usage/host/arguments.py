"""What the host passes to one of its functions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Arguments:
    """The arguments of one call, whichever way they are passed."""

    __slots__ = ("_args", "_by_name", "_kwargs", "_names")

    def __init__(self, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """`names` are the function's parameters, see `compat.parameter_names`."""
        self._names, self._args, self._kwargs = names, args, kwargs
        self._by_name: dict[str, Any] = dict(zip(names, args, strict=False), **kwargs)

    def get(self, name: str) -> Any:
        """An argument; None where it is not passed."""
        return self._by_name.get(name)

    @property
    def http_request(self) -> Any:
        """The host's `request`."""
        return self.get("request")

    @property
    def form_data(self) -> Any:
        """The body: a dict, or one of the host's pydantic models."""
        return self.get("form_data")

    @property
    def user(self) -> Any:
        """The host's user."""
        return self.get("user")

    def of_user(self, name: str) -> str | None:
        """What the user's `id`, `name` or `role` is."""
        user = self.user
        return text(user.get(name) if isinstance(user, Mapping) else getattr(user, name, None))

    @property
    def path(self) -> str | None:
        """The route that the HTTP request came in by."""
        return text((getattr(self.http_request, "scope", None) or {}).get("path"))

    def with_form_data(self, form_data: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and named arguments as the host passed them, with another body."""
        args, kwargs = self._args, self._kwargs
        if "form_data" in kwargs:
            return args, {**kwargs, "form_data": form_data}
        if "form_data" not in self._names or (place := self._names.index("form_data")) >= len(args):
            return args, kwargs
        return (*args[:place], form_data, *args[place + 1 :]), kwargs


def text(value: Any) -> str | None:
    """A text from outside, as the ledger can store it: PostgreSQL takes no NUL."""
    return value.replace("\x00", "")[:1000] if isinstance(value, str) and value else None
