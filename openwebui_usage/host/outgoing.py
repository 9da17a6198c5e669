"""A request on its way out, with what we add to it.

One request has three names, here and everywhere in this room:

- `form_data` is what the host passes: a dict, one of its pydantic models, or None where it passes bytes through;
- `body` is the same as a mapping, as the caller sent it. Nobody changes it;
- `sent` is what goes out in its place where something is added: a dict of ours, without the host's own `metadata`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.steering import NOTHING, Steering
from openwebui_usage.host.patch_points import PatchPoint
from openwebui_usage.rules.additions import Addition, Target, kept_for_repetition
from openwebui_usage.rules.connections import Connection


@dataclass(slots=True)
class Outgoing:
    """A call that is about to be made."""

    point: PatchPoint
    request: CallRequest
    """What limits and the ledger look at. Its `body` is the caller's."""
    form_data: Any
    going_to: tuple[Connection, ...] = ()
    """The connections that it may go to; empty where nobody knows."""
    steering: Steering = NOTHING
    """What budgets want of it."""
    sent: dict[str, Any] | None = None
    added: list[Addition] = field(default_factory=list)
    """What of `sent` is ours, and can be taken back."""
    _kept: dict[str, Any] | None = None
    """`sent` as it was, for a repetition: the host may change the other while it works on it."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What the caller sent."""
        return self.request.body

    @property
    def target(self) -> Target:
        """Whom a refusal of our additions is remembered of."""
        names = (f"{connection.id} {connection.url or ''}".strip() for connection in self.going_to)
        connection = "|".join(names) or f"{self.point.module}.{self.point.name}"
        return Target(connection, self.request.info.called_model, bool(self.body.get("tools")))

    def send(self, sent: dict[str, Any], added: list[Addition]) -> None:
        """Send `sent`, of which we added `added`."""
        self.sent, self.added = sent, added
        self._kept = kept_for_repetition(sent) if added else None

    def take_back(self, refused: Iterable[Addition]) -> None:
        """Prepare a repetition without what was refused."""
        gone = list(refused)
        sent = dict(self._kept or {})
        for addition in gone:
            addition.take_back(sent)
        self.send(sent, [addition for addition in self.added if addition not in gone])

    def to_form_data(self) -> Any:
        """What the host's function gets: of the kind that it passed, with our changes."""
        form_data, body, sent = self.form_data, self.body, self.sent
        if sent is None:
            return form_data
        if isinstance(form_data, dict):
            return {**sent, "metadata": body["metadata"]} if "metadata" in body else sent
        changes = {key: value for key, value in sent.items() if body.get(key) != value}
        changes |= {key: None for key in body if key not in sent and key != "metadata"}
        return form_data.model_copy(update=changes) if changes else form_data
