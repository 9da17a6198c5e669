"""The wire formats, one module each, all with the same few functions: see `Wire`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import Bill, Call, Frame, Plan


class Wire(Protocol):
    """What a module here offers."""

    API: str
    MEDIA_TYPE: str

    def read(self, body: dict[str, Any]) -> Call:
        """The request, understood."""

    def complaint(self, body: dict[str, Any], behaviour: Behaviour) -> str | None:
        """What a strict provider has against this request."""

    def completion(self, bill: Bill, behaviour: Behaviour) -> int:
        """The number of completion tokens that this API reports for a bill."""

    def whole(self, plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The answer in one piece, and the usage in it."""

    def frames(self, plan: Plan) -> Sequence[Frame]:
        """The answer as a stream."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of an answer with an error status."""

    def error_frame(self, message: str) -> bytes:
        """An error in the middle of a stream."""
