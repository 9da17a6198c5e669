"""The routes of /api/usage in this process: a real ledger in SQLite, and a host that is made up.

Every answer is held against the documentation, whatever else a test looks at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine

from openwebui_usage.api import Access, Caller, usage_router
from openwebui_usage.api.access import PageModel
from openwebui_usage.api.answers.health import (
    DatabaseStatus,
    HealthCheck,
    PluginHealth,
    RecentFailure,
    TakenBack,
    WrongValue,
)
from openwebui_usage.api.directory import DeployedModel, Person, UserGroup
from openwebui_usage.api.metrics import Exposition, WorkerState
from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.checks import Looks
from openwebui_usage.checks.ledger import looks_at_ledger, of_prices, of_size
from openwebui_usage.checks.recent_errors import RecentError
from openwebui_usage.ledger import CallInfo, CallRow, Store
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.ledger.typical import TypicalModels
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from openwebui_usage.webhook import Notifier
from tests.support.clients import Client
from tests.support.documented import Documented

PEOPLE = {
    "admin": Caller("admin", "Ada", is_admin=True, role="admin"),
    "user": Caller("user", "Uma", is_admin=False, role="user"),
    "lead": Caller("lead", "Lea", is_admin=False),
    "reader": Caller("reader", "Ray", is_admin=False),
}
"""By token. Uma is in the user group "staff", and so is Lea, who leads it. Ray is in "finance"."""
USER_GROUPS = {"user": ("staff",), "lead": ("staff", "leads"), "reader": ("finance",)}
CHATS = {"user": {"chat-1": "Holidays", "chat-2": "A proof"}}
"""Titles of chats that are in the host."""
READERS = FixedReaders.of("Finance", "leads")
MODELS = (
    PageModel("gpt-4o", "GPT-4o", None, None),
    PageModel("helper", "Helper", "o3", "medium", ("low", "medium", "high")),
)
"""What everybody can use."""
DEPLOYED = (
    DeployedModel("gpt-4o", "GPT-4o", None, "gpt-4o", "https://api.openai.com/v1", "https://api.openai.com/v1", False),
    DeployedModel("helper", "Helper", "o3", "o3", "https://api.openai.com/v1", "https://api.openai.com/v1", False),
    DeployedModel("llama", "Llama", None, "llama:latest", "http://gpu:11434", "http://gpu:11434", False),
    DeployedModel("mine", "Mine", None, "mine", "http://own:1", "http://own:1", True),
)
USERS = tuple(Person(caller.id, caller.name, f"{caller.id}@example.com", "user") for caller in PEOPLE.values())
METRICS_TOKEN = "of-a-monitoring-system"
WEBHOOK = "http://127.0.0.1:9/secret"
"""Where nobody listens."""


class MadeUpDirectory:
    """A host that knows few models and people."""

    async def models(self, request: Request) -> tuple[DeployedModel, ...]:
        return DEPLOYED

    async def users(self, search: str, ids: Sequence[str], most: int) -> list[Person]:
        return [each for each in USERS if (each.id in ids if ids else search.lower() in each.name.lower())][:most]

    async def user_groups(self, search: str, ids: Sequence[str], most: int) -> list[UserGroup]:
        known = [UserGroup(id_, id_.capitalize()) for id_ in ("finance", "leads", "staff")]
        return [each for each in known if (each.id in ids if ids else search.lower() in each.name.lower())][:most]


class Router:
    """Routes, ledger and documentation."""

    def __init__(
        self,
        folder: Path,
        readers: FixedReaders = READERS,
        webhook: tuple[str | None, str | None] = (WEBHOOK, "secret"),
    ) -> None:
        """`readers` is what the environment says of them; `webhook` an address, and what its posts are signed by."""
        self.engine: Engine = create_engine(f"sqlite:///{folder}/usage.db")
        self.store = Store(self.engine)
        self.changes: list[list[str]] = []
        """What was told of each change."""
        self.typical: TypicalModels | None = {}
        """What calls usually use; None while that is switched off."""
        runtime = Runtime(self.store, folder / "spool", Settings())

        async def changed(names: Any) -> None:
            self.changes.append(list(names))

        async def health() -> PluginHealth:
            refused = [TakenBack(connection="https://a.example", model="m", with_tools=True, fields=["think"])]
            wrong = [WrongValue(variable="OPENWEBUI_USAGE_COUNTING", fault="is wrong", taken="documented")]
            faults = {"effort": 1}
            found = await asyncio.to_thread(runtime.health)
            looks = Looks(looks_at_ledger(self.store))
            seen = await looks.all()
            checks = [seen.check("size", of_size, "figures"), seen.check("prices", of_prices, "unpriced")]
            error = RecentError("Something failed", "warning", datetime.now(UTC))
            return PluginHealth(
                version="1.0",
                **found,
                wrapped=["x"],
                missing=[],
                wrong_settings=wrong,
                taken_back=refused,
                faults=faults,
                checks=[HealthCheck.of(check) for check in checks],
                versions={"Python": "3.11"},
                database=(figures := seen.get("figures")) and DatabaseStatus.of(figures),
                errors=[RecentFailure.of(error)],
            )

        async def typical() -> TypicalModels | None:
            return self.typical

        async def worker() -> WorkerState:
            return WorkerState("1.0", spool_rows=0, rejected_rows=0, writer_lag=0.0)

        sums = self.store.metric_sums(2)
        exposition = Exposition(lambda: sums.read(self.store.definitions()), worker)
        self.notifier = Notifier(self.store, *webhook)
        access = make_access(self.store, readers)
        self.routes = usage_router(
            store=self.store,
            access=access,
            counting="documented",
            changed=changed,
            health=health,
            webhook=self.notifier,
            readers=readers,
            typical=typical,
            exposition=exposition,
            metrics_token=METRICS_TOKEN,
        )
        self.documented = documentation()
        self.app = FastAPI(routes=self.routes.routes)

    @contextmanager
    def client(self, token: str | None = None) -> Iterator[Client]:
        """Somebody who asks, by one of the tokens of `PEOPLE`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with TestClient(self.app, base_url="http://usage.test", headers=headers) as http:
            http.event_hooks = {"response": [self.documented.check]}
            caller = PEOPLE.get(token or "")
            yield Client("http://usage.test", token, {"id": caller.id} if caller else None, http)

    def record_call(self, id_: str) -> None:
        """A call of this id is in the ledger, from the time that the id says."""
        started_at = int(id_[:16], 16) / 1e9
        row = CallRow(CallInfo("gpt-4o", "gpt-4o", "user"), started_at=started_at, usage=TokenUsage(input=1), id=id_)
        self.store.record([row], maybe_written=True)

    def record(self, *models: str, user_id: str = "user", **usage: int) -> None:
        """Calls of these models are in the ledger."""
        tokens = TokenUsage(**{"input": 10, "output": 5, "completion": 5, **usage})
        self.store.record(
            [CallRow(CallInfo(model, model, user_id), started_at=time.time(), usage=tokens) for model in models]
        )


@cache
def documentation() -> Documented:
    """What is documented of the routes: of each router the same, and a second's work."""

    async def nothing(*_: Any) -> Any:
        raise NotImplementedError

    store = Store(create_engine("sqlite://"))
    router = usage_router(
        store=store,
        access=make_access(store),
        counting="documented",
        changed=nothing,
        health=nothing,
        webhook=Notifier(store, None, None),
        exposition=Exposition(nothing, nothing),
    )
    return Documented(router.routes)


def make_access(store: Store, readers: FixedReaders = READERS) -> Access:
    async def user(request: Request) -> Caller:
        caller = PEOPLE.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if caller is None:
            raise HTTPException(401, "Not signed in.")
        return caller

    async def admin(request: Request) -> Caller:
        caller = await user(request)
        if not caller.is_admin:
            raise HTTPException(403, "For admins.")
        return caller

    async def visibility(request: Request, caller: Caller) -> Visibility:
        return Visibility(None if caller.is_admin else [(model.id, model.base) for model in MODELS])

    async def page_models(request: Request, caller: Caller) -> list[PageModel]:
        return list(MODELS)

    async def user_groups(caller: Caller) -> tuple[str, ...]:
        return USER_GROUPS.get(caller.id, ())

    async def chat_titles(caller: Caller, chat_ids: Collection[str]) -> Mapping[str, str]:
        return {id_: title for id_, title in CHATS.get(caller.id, {}).items() if id_ in chat_ids}

    async def readable(caller: Caller) -> Readable | None:
        groups = {id_: id_.capitalize() for id_ in await user_groups(caller)}
        return Readable() if caller.is_admin else readers.over(store.readers()).readable(groups, groups)

    async def reader(request: Request) -> Readable:
        found = await readable(await user(request))
        if found is None:
            raise HTTPException(403, "For readers.")
        return found

    return Access(user, admin, visibility, page_models, user_groups, chat_titles, readable, reader, MadeUpDirectory())
