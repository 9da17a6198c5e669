"""What very many definitions cost: groups, budgets with exceptions, prices, models, users.

    tests/run --bench definitions
    tests/run --bench definitions --groups 1000 --budgets 200

A ledger in SQLite with them, in this process, without Open WebUI. Prints a table in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import json
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from openwebui_usage.admission.counters import MemoryCounters
from openwebui_usage.admission.gate import Gate
from openwebui_usage.admission.request import CallRequest
from openwebui_usage.api.routes.own import own_view
from openwebui_usage.api.visibility import Visibility
from openwebui_usage.ledger import CallInfo, Store
from openwebui_usage.ledger.group_store import group_values
from openwebui_usage.ledger.schema import usage_budget, usage_group, usage_price
from openwebui_usage.ledger.sqlite_file import file_engine
from openwebui_usage.rules.budgets import Subject
from openwebui_usage.rules.groups import Group

GROUPS, BUDGETS, OVERRIDES, PRICES, MODELS, USERS = 10_000, 2_000, 1_000, 1_000, 1_000, 20_000
USER_GROUPS, OF_A_USER = 200, 3
"""User groups, and how many of them somebody is in."""
OWN_MODELS = (10, 30)
"""How many models somebody may use."""
CALLS, PAGES = 2_000, 20
BODY = {"messages": [{"role": "user", "content": "Hello there"}], "max_tokens": 100}


class World:
    """The definitions, and people who call by them."""

    def __init__(self, store: Store, given: argparse.Namespace) -> None:
        self.store = store
        self.chance = random.Random(1)
        self.models = [f"vendor{number % 20}/model-{number:04}" for number in range(given.models)]
        self.users = [f"user-{number}" for number in range(given.users)]
        with store._engine.begin() as connection:
            connection.execute(insert(usage_group), [self._group(number) for number in range(given.groups)])
            budgets = [self._budget(number, given) for number in range(given.budgets)]
            connection.execute(insert(usage_budget), budgets)
            connection.execute(insert(usage_price), [self._price(number) for number in range(given.prices)])

    def caller(self, number: int) -> Subject:
        chance = random.Random(number)
        groups = chance.sample(range(USER_GROUPS), OF_A_USER)
        return Subject(self.users[number], frozenset(f"staff-{each}" for each in groups), "user")

    def request(self, caller: Subject) -> CallRequest:
        model = self.chance.choice(self.models)
        info = CallInfo(model, model, caller.user_id, user_groups=tuple(caller.user_groups), user_role=caller.role)
        return CallRequest(info, BODY, "chat")

    def _patterns(self, number: int) -> tuple[str, ...]:
        """Of a hundred 90 are one or two exact ids, nine all models that begin alike, one those that look alike."""
        model = self.chance.choice(self.models)
        match number % 100:
            case 99:
                return (f"*{model[-6:-2]}?{model[-1:]}",)
            case rest if rest >= 90:
                return (f"{model[:-1]}*",)
            case rest:
                return (model, self.chance.choice(self.models))[: 1 + rest % 2]

    def _group(self, number: int) -> dict[str, object]:
        limit = 10**12 if number % 10 == 0 else None
        group = Group(f"group-{number}", f"Group {number}", self._patterns(number), limit)
        return {**group_values(group), "created_at": float(number)}

    def _budget(self, number: int, given: argparse.Namespace) -> dict[str, object]:
        """Most for one user; the others for user groups, for roles, and for each user of some models or of all."""
        scope: tuple[str, str | None]
        models, overrides = ["*"], []
        match number % 20:
            case 0:
                scope, models = ("each_user", None), list(self._patterns(number // 20))
            case 1:
                scope, models = ("role", "user"), list(self._patterns(number // 20))
            case 2 | 3:
                scope = ("group", f"staff-{number % USER_GROUPS}")
            case _:
                scope = ("user", self.chance.choice(self.users))
        if number < 10:
            scope, models = ("each_user", None), ["*"]
            chosen = self.chance.sample(self.users, given.overrides // 10)
            overrides = [{"kind": "user", "id": user, "limit": 10**12} for user in chosen]
        return {
            "id": f"budget-{number}",
            "name": f"Budget {number}",
            "limit": 10**11,
            "unit": "tokens",
            "scope": scope[0],
            "scope_id": scope[1],
            "models": models,
            "period": "month",
            "timezone": "UTC",
            "action": "block",
            "soft_limits": [80],
            "counting": "documented",
            "free_models_exempt": True,
            "overrides": overrides,
            "slow_up_to": 0,
            "strict": False,
            "cap_output": False,
            "carry_over": "none",
            "created_at": float(number),
        }

    def _price(self, number: int) -> dict[str, object]:
        model = self.models[number % len(self.models)]
        pattern = model if number % 5 else f"{model[:-1]}*{number}"
        return {"pattern": pattern, "input": "1", "output": "2", "request": "0"}


def milliseconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) * 1000


async def admissions(world: World) -> tuple[float, float, float]:
    """Milliseconds of CPU time on the event loop: the first calls of models, the first of people, and further ones."""
    gate = Gate(world.store, MemoryCounters(_load(world.store)))
    await gate.refresh()

    async def spans(callers: list[Subject]) -> list[float]:
        found = []
        for number, caller in enumerate(callers):
            request = world.request(caller)
            started = time.thread_time()
            refusal = await gate.admit(str(number), request)
            found.append((time.thread_time() - started) * 1000)
            assert refusal is None
            gate.release(str(number))
        return found

    callers = [world.caller(world.chance.randrange(len(world.users))) for _ in range(CALLS)]
    fresh = await spans(callers[:200])
    await spans(callers)
    first = await spans([world.caller(number) for number in range(200)])
    return statistics.median(fresh), statistics.median(first), statistics.median(await spans(callers))


def _load(store: Store) -> Callable[..., object]:
    async def load(keys: object) -> object:
        return await asyncio.to_thread(store.totals, keys)

    return load


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("groups", "budgets", "overrides", "prices", "models", "users"):
        parser.add_argument(f"--{name}", type=int, default=globals()[name.upper()])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(file_engine(Path(folder) / "ledger.db"))
        store.migrate()
        world = World(store, given)
        gc.collect()
        tracemalloc.start()
        definitions = store.definitions()
        for model in world.models:
            definitions.matching((model,))
        kept = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        fresh, first, further = asyncio.run(admissions(world))
        pages = {count: [_page(world, number, count) for number in range(PAGES)] for count in OWN_MODELS}
        print(f"\n| {given.groups:,} groups, {given.budgets:,} budgets, {given.models:,} models | figure |")
        print("|---|---|")
        print(f"| memory of the definitions, each model looked up once | {kept:.1f} MB |")
        print(f"| admission, the first of a model | {fresh:.3f} ms |")
        print(f"| admission, the first of a user | {first:.3f} ms |")
        print(f"| admission, further ones | {further:.3f} ms |")
        for count, asked in pages.items():
            spans, bodies = zip(*asked, strict=True)
            size = statistics.median(map(len, bodies)) / 1000
            packed = statistics.median(len(gzip.compress(body)) for body in bodies) / 1000
            groups = statistics.median(len(json.loads(body)["groups"]) for body in bodies)
            print(f"| what the page asks for, {count} models of one's own | {statistics.median(spans):.1f} ms |")
            print(f"| its size, {groups:.0f} groups | {size:.1f} kB, {packed:.1f} kB packed |")


def _page(world: World, number: int, models: int) -> tuple[float, bytes]:
    """Milliseconds of CPU time, and the answer."""
    caller = world.caller(number)
    own = [(model, None) for model in world.chance.sample(world.models, models)]
    started = time.thread_time()
    fields = own_view(world.store, Visibility(own), str(caller.user_id), caller)
    body = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items()) + "}"
    return (time.thread_time() - started) * 1000, body.encode()


if __name__ == "__main__":
    main()
