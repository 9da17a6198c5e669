"""What the wrappers of the host's functions share, before, while and after the plugin runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.steering import NOTHING, Steering
from openwebui_usage.host import connections
from openwebui_usage.host.connections import Connections
from openwebui_usage.host.effort import EffortPolicy
from openwebui_usage.host.faults import Faults
from openwebui_usage.host.models import HostModels
from openwebui_usage.host.patching import Patches
from openwebui_usage.host.status import StatusLine
from openwebui_usage.host.valves import Valves
from openwebui_usage.ledger import Store
from openwebui_usage.rules.additions import RefusedAdditions
from openwebui_usage.rules.connections import Connection, ConnectionKind, MeteringRules
from openwebui_usage.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Host:
    """Whom we ask about one host application. None of them looks anything up before it is asked."""

    models: HostModels
    connections: Connections
    valves: Valves
    effort_policy: EffortPolicy
    status_line: StatusLine


def host_of(app: FastAPI, store: Store) -> Host:
    """That of `app`. The status line reads its numbers from `store`."""
    models, valves = HostModels(app), Valves()
    return Host(models, Connections(app), valves, EffortPolicy(models, valves), StatusLine(store, valves))


class Running:
    """The runtime and the host of one application, from start to stop, as calls ask for them.

    A question that fails is told once, and the call goes on with the answer that does least harm. Where `fail_closed`
    says so, what a limit may depend on raises instead.
    """

    def __init__(self, runtime: Runtime, host: Host, faults: Faults) -> None:
        """`runtime` must have begun. Calls under way keep its meter and gate when it ends."""
        self.meter, self.gate = runtime.meter, runtime.gate
        self.fail_closed = runtime.fail_closed
        self.host = host
        self.faults = faults

    def is_limiting(self) -> bool:
        """Whether there is any limit that may refuse a call."""
        try:
            return self.gate.is_limiting
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows whether there are limits", error)
            return self.fail_closed

    @property
    def may_fall_back(self) -> bool:
        """Whether any budget lets calls be made with another model."""
        try:
            return self.gate.falls_back
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows whether there is a model to fall back on", error)
            return False

    async def steering(self, request: CallRequest) -> Steering:
        """What budgets want of a call besides refusing it."""
        if request.is_admitted:
            return NOTHING
        try:
            return await self.gate.steer(request.info)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows what budgets want of a call", error)
            return NOTHING

    async def most_output(self, call_id: str, request: CallRequest) -> int | None:
        """How many tokens the answer of an admitted call may have; None where nobody bounds it."""
        return await self.gate.most_output(call_id, request)

    async def own_parameters(self, model: str) -> Mapping[str, Any]:
        """The parameters that an admin gave a model."""
        try:
            return await self.host.models.own_parameters(model)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("The parameters of a model are not known", error)
            return {}

    async def metering_rules(self) -> MeteringRules:
        """What the admin says about connections and pass-through."""
        try:
            return await self.host.valves.metering_rules()
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("The valves of metering cannot be read; the defaults hold", error)
            return MeteringRules()

    async def base_of(self, model: str) -> str | None:
        """The base model of a workspace model. A limit may hold for it alone."""
        try:
            return await self.host.models.base_of(model)
        except Exception as error:
            if self.fail_closed:
                raise
            self.faults.tell("The base model of a call is not known", error)
            return None

    async def user_groups(self, user_id: str | None) -> Mapping[str, str]:
        """The names of a user's groups by their ids, as the ledger keeps them; fresh where a budget asks for them."""
        if user_id is None:
            return {}
        is_for_budget = True
        try:
            budgets = self.gate.definitions.budgets
            is_for_budget = any(budget.needs_groups for budget in budgets)
            if is_for_budget:
                return await self.host.models.user_group_names(user_id)
            return await self.host.models.remembered_user_group_names(user_id)
        except Exception as error:
            if self.fail_closed and is_for_budget:
                raise
            self.faults.tell("The user groups of a call are not known", error)
            return {}

    async def connections_of(
        self,
        kind: ConnectionKind,
        model: str,
        http_request: Any,
        user: Any,
        *,
        index: object = None,
        fallback: int | None = None,
    ) -> tuple[Connection, ...]:
        """The connections that a call may go to; empty where nobody knows. See `Connections.of_provider`."""
        if kind == "pipe":
            return (connections.of_pipe(model),)
        if kind == "direct":
            return (connections.DIRECT,)
        try:
            await self.host.connections.load_models(kind, model, http_request, user)
            return await self.host.connections.of_provider(kind, model, index, fallback)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows which connection a call goes to", error)
            return ()

    async def connection_kind(self, model: str, http_request: Any, user: Any) -> ConnectionKind | None:
        """The kind of connection over which the host will ask `model`; None where nobody knows."""
        try:
            return await self.host.models.connection_kind(model, http_request, user)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows which connection a chat goes to", error)
            return None

    async def may_know(self, model: str, user: Any, role: str | None) -> bool:
        """Whether a user may use a model, and so know of its limits. The host looks at that only after us."""
        if role == "admin":
            return True
        try:
            return user is not None and any(model == seen.id for seen in await self.host.models.visible_to(user))
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows whether a user may see a limit; it is not shown", error)
            return False

    async def may_use(self, model: str, user: Any) -> bool:
        """Whether there is such a model, and a user may use it."""
        try:
            return user is not None and any(model == seen.id for seen in await self.host.models.visible_to(user))
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows whether a user may use the model to fall back on", error)
            return False

    async def takes_images(self, model: str) -> bool:
        """Whether nobody said that a model takes no images."""
        try:
            return await self.host.models.takes_images(model)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            self.faults.tell("Nobody knows whether a model takes images", error)
            return False


class Seam:
    """The wrappers pass everything through untouched while `running` is None: before the start, and after the stop."""

    def __init__(self) -> None:
        self.running: Running | None = None
        self.patches = Patches()
        self.faults = Faults()
        self.refused_additions = RefusedAdditions()

    def connect(self, runtime: Runtime, host: Host) -> None:
        """Begin to meter."""
        self.running = Running(runtime, host, self.faults)

    def disconnect(self) -> None:
        """Meter nothing more."""
        self.running = None
