"""What many definitions cost: python -m tests.benchmarks.bench_size [GROUPS BUDGETS].

One process, a ledger in SQLite, an admin who sees everything. `blocked` is the longest that the event loop stood still.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
from fastapi import FastAPI
from sqlalchemy import create_engine, insert

from openwebui_usage.api import usage_router
from openwebui_usage.api.access import Access, Caller
from openwebui_usage.api.answers.health import PluginHealth
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger import CallInfo, CallRow, Store
from openwebui_usage.ledger.definitions import budget_values, raise_revision
from openwebui_usage.ledger.schema import usage_budget, usage_group
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import Notifier


def fill(store: Store, engine: Any, groups: int, budgets: int) -> None:
    """So many groups of one model each, and budgets that each count one of them."""
    first = store.create_group("group 0", ["model-0"], 10**9, "documented")
    shared = {"limit": 10**9, "counting": "documented", "period": "month", "timezone": "Europe/Berlin"}
    others = {"action": "block", "soft_limits": [80], "reset_at": None}
    rows = [
        {**shared, **others, "id": f"g{n}", "name": f"group {n}", "models": [f"model-{n}"], "created_at": float(n)}
        for n in range(1, groups)
    ]
    counted = [Budget(f"b{n}", f"budget {n}", 10**9, group="", group_id=first.group.id) for n in range(budgets)]
    with engine.begin() as connection:
        connection.execute(insert(usage_group), rows)
        connection.execute(insert(usage_budget), [{**budget_values(item), "created_at": 0.0} for item in counted])
        raise_revision(connection)
    usage = TokenUsage(input=3, output=2, completion=2)
    store.record([CallRow(CallInfo(f"model-{n}", ""), started_at=time.time(), usage=usage) for n in range(50)])


async def longest_pause(work: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """How long some work took, and the longest that the event loop did nothing else meanwhile; milliseconds."""
    pause, is_over = 0.0, False

    async def tick() -> None:
        nonlocal pause
        while not is_over:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            pause = max(pause, time.perf_counter() - before - 0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    await work()
    took = time.perf_counter() - started
    is_over = True
    await ticking
    return took * 1000, pause * 1000


async def main(groups: int, budgets: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/usage.db")
        store = Store(engine)
        store.migrate()
        fill(store, engine, groups, budgets)
        caller = Caller(id="admin", name="admin", is_admin=True)

        async def visibility(*_: Any) -> Visibility:
            return Visibility(None)

        async def nothing(*_: Any) -> Any:
            return ()

        async def health() -> PluginHealth:
            raise NotImplementedError

        access = Access(
            user=lambda: caller,
            admin=lambda: caller,
            visibility=visibility,
            page_models=nothing,
            user_groups=nothing,
            chat_titles=nothing,
            readable=nothing,
            reader=nothing,
            directory=cast(Any, None),
        )
        app = FastAPI()
        app.include_router(usage_router(store, access, "documented", nothing, health, Notifier(store, None, None)))
        transport = httpx.ASGITransport(app=app)
        print(f"{groups} groups, {budgets} budgets".ljust(40), "   ms", " blocked")
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            for path in ("groups", "me", "page"):
                for name in ("first", "again"):
                    took, pause = await longest_pause(lambda path=path: client.get(f"/api/usage/{path}"))  # type: ignore[misc]
                    print(f"GET /api/usage/{path}, {name}".ljust(40), f"{took:6.0f} {pause:8.0f}")
        for name in ("first", "again"):
            row = CallRow(started_at=time.time(), model="new", called_model="new", usage=TokenUsage(input=1))
            took, pause = await longest_pause(lambda row=row: asyncio.to_thread(store.record, [row]))  # type: ignore[misc]
            print(f"record a call of a model, {name}".ljust(40), f"{took:6.0f} {pause:8.0f}")
        engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*(int(number) for number in sys.argv[1:3])) if len(sys.argv) > 2 else main(10_000, 2_000))
