"""What is known of a call before it is made: who makes it and how, where it goes, and which groups its caller is in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.host.connections import DIRECT, of_pipe
from openwebui_usage.host.models import HostModels
from openwebui_usage.host.origin import Origin, fingerprint, origin_of
from openwebui_usage.host.outer_call import within
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.meter import Call
from openwebui_usage.rules.connections import Connection, connection_id, connection_label, with_url_names
from tests.unit.small_host import Host, Models, NoLimits, Rows, answered, http_request

pytestmark = pytest.mark.anyio

KEY = "sk-0123456789abcdef0123456789abcdef"
CHAT = "/api/chat/completions"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def signed_in(token: str | None, auth_type: str | None = None, path: str = CHAT) -> Any:
    """A request as the host has it: before 0.11 it does not tell how its caller signed in."""
    state: dict[str, Any] = {"token": None if token is None else SimpleNamespace(credentials=token)}
    return http_request(path, **state, **({} if auth_type is None else {"auth_type": auth_type}))


BY_KEY = Origin("api", fingerprint(KEY), "…cdef")
PAGE = {"session_id": "a-socket"}
AUTOMATION = "/api/v1/automations/internal"


@pytest.mark.parametrize(
    ("request_", "metadata", "origin"),
    [
        (signed_in("a-session", "jwt"), PAGE, Origin("chat")),
        (signed_in("a-session"), PAGE, Origin("chat")),
        (signed_in("a-session", "jwt"), {"session_id": "channel:1"}, Origin("chat")),
        (signed_in("a-session", "jwt"), {"session_id": None}, Origin("api")),
        (signed_in("a-session", "jwt"), {}, Origin("api")),
        (signed_in("a-session"), {}, Origin("api")),
        (signed_in("a-session"), {"session_id": 7}, Origin("api")),
        (signed_in(None), {}, Origin("api")),
        (signed_in(KEY, "api_key"), {}, BY_KEY),
        (signed_in(KEY), {}, BY_KEY),
        (signed_in(KEY, "api_key"), PAGE, BY_KEY),
        (signed_in(None, "api_key"), {}, Origin("api")),
        (signed_in(KEY, "jwt"), PAGE, Origin("chat")),
        (signed_in("a-token", path=AUTOMATION), {"session_id": "automation:1"}, Origin("automation")),
        (signed_in(None, path=AUTOMATION), {"session_id": "channel:1"}, Origin("automation")),
        (signed_in(None, path="/api/v1/timers/internal"), {"session_id": "a-socket"}, Origin("automation")),
        (signed_in("a-token", path="/api/v1/subagents/internal"), {"session_id": "automation:1"}, Origin("automation")),
        (signed_in("a-token", path="/api/v1/subagents/internal"), PAGE, Origin("chat")),
        (signed_in("a-token", path="/api/v1/subagents/internal"), {"session_id": "subagent:1"}, Origin("api")),
        (None, PAGE, Origin("chat")),
        (None, {}, Origin(None)),
        (SimpleNamespace(), {}, Origin("api")),
    ],
)
def test_a_call_tells_how_it_came_in(request_: Any, metadata: Mapping[str, Any], origin: Origin) -> None:
    path = None if request_ is None else getattr(request_, "scope", {}).get("path")
    assert origin_of(request_, path, metadata) == origin


def test_what_a_pipe_calls_came_in_as_the_pipes_own_call_did() -> None:
    for kind in ("chat", "api", "task", "automation"):
        outer = Call(CallRequest(CallInfo("pipe", "pipe", kind=kind, key="k", key_name="…k"), {}), Rows())  # type: ignore[arg-type]
        with within(outer):
            assert origin_of(signed_in("a-session", "jwt"), CHAT, {}) == Origin(kind, "k", "…k")  # type: ignore[arg-type]


def test_of_a_key_only_its_end_is_shown() -> None:
    assert BY_KEY.key is not None
    assert (len(BY_KEY.key), BY_KEY.key_name) == (16, "…cdef")
    assert not any(KEY[start : start + 8] in f"{BY_KEY.key} {BY_KEY.key_name}" for start in range(len(KEY) - 7))
    assert fingerprint(KEY) != fingerprint(f"{KEY[:-1]}e")
    fingerprint("sk-\ud800")  # Whatever a header may carry.


async def test_a_row_tells_all_of_it() -> None:
    host = Host(answered)
    await host.chat(signed_in(KEY, "api_key"), reasoning_effort="high")
    [row] = host.rows.rows
    info = row.info
    assert (info.kind, info.key, info.key_name) == ("api", BY_KEY.key, "…cdef")
    assert (info.user_groups, info.user_group_names) == (("g-1", "g-2"), ("Staff", "Writers"))
    assert (info.connection, info.connection_name) == (
        "openai:https://api.example.com/v1",
        "https://api.example.com/v1",
    )
    assert (row.effort, row.error) == ("high", None)


async def test_a_task_is_one_whoever_asks_for_it() -> None:
    host = Host(answered)
    for request in (signed_in(KEY, "api_key"), signed_in("a-session", "jwt"), signed_in(None, path=AUTOMATION)):
        await host.chat(request, metadata={"task": "title_generation", **PAGE})
    assert [row.info.kind for row in host.rows.rows] == ["task"] * 3
    assert [row.info.key_name for row in host.rows.rows] == ["…cdef", None, None]


# --- user groups


class Groups(Models):
    """Tells how often the host's database was asked."""

    def __init__(self, app: Any, error: Exception | None = None) -> None:
        super().__init__(app)
        self.asked = 0
        self._error = error

    async def user_group_names(self, user_id: str) -> Mapping[str, str]:
        self.asked += 1
        if self._error is not None:
            raise self._error
        return self.groups


class GroupBudget(NoLimits):
    """A gate with a budget that a user group has."""

    definitions = SimpleNamespace(budgets=[SimpleNamespace(needs_groups=True)])


async def test_the_host_is_asked_once_a_minute_for_a_user() -> None:
    host = Host(answered)
    groups = Groups(host.app)
    host = Host(answered, models=groups)
    for _ in range(5):
        await host.chat()
    assert groups.asked == 1
    assert [row.info.user_groups for row in host.rows.rows] == [("g-1", "g-2")] * 5


async def test_groups_are_looked_up_anew_beside_a_later_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """That call does not wait for it; the next one knows."""
    groups = Groups(Host(answered).app)
    host = Host(answered, models=groups)
    now = time.monotonic()
    await host.chat()
    monkeypatch.setattr(groups, "groups", {"g-3": "Movers"})
    for later, asked in ((30, 1), (61, 2), (90, 2), (130, 3), (800, 4)):
        monkeypatch.setattr("openwebui_usage.host.models._now", lambda later=later: now + later)
        await host.chat()
        await asyncio.sleep(0.01)
        assert groups.asked == asked, later
    found = [row.info.user_group_names for row in host.rows.rows]
    assert found == [("Staff", "Writers")] * 3 + [("Movers",)] * 3


async def test_a_budget_of_a_group_asks_anew() -> None:
    groups = Groups(Host(answered).app)
    host = Host(answered, models=groups, gate=GroupBudget())
    for _ in range(3):
        await host.chat()
    assert groups.asked == 3


@pytest.mark.parametrize("fail_closed", [False, True])
async def test_groups_that_cannot_be_looked_up_break_no_call(*, fail_closed: bool) -> None:
    groups = Groups(Host(answered).app, RuntimeError("the host's database is away"))
    host = Host(answered, models=groups, fail_closed=fail_closed)
    answer = await host.chat()
    assert answer["choices"]
    [row] = host.rows.rows
    assert (row.usage.input, row.info.user_groups, row.info.user_group_names) == (3, (), ())
    assert host.faults == {"The user groups of a call are not known": 1}


async def test_a_call_whose_budget_needs_them_is_refused_where_the_admin_says_so() -> None:
    groups = Groups(Host(answered).app, RuntimeError("the host's database is away"))
    host = Host(answered, models=groups, gate=GroupBudget(), fail_closed=True)
    assert (await host.chat()).status_code == 503
    assert host.rows.rows == []


async def test_no_call_waits_long_for_what_only_reports_want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openwebui_usage.host.models._PATIENCE", 0.02)

    class Slow(HostModels):
        async def user_group_names(self, user_id: str) -> Mapping[str, str]:
            await asyncio.sleep(60)
            raise AssertionError

    host = Host(answered, models=Slow(Host(answered).app))
    await asyncio.wait_for(host.chat(), 5)
    assert [row.info.user_groups for row in host.rows.rows] == [()]


# --- connections

FIRST, SECOND = "https://one.example.com/v1", "https://two.example.com/v1"


@pytest.mark.parametrize(
    ("connections", "id_", "label"),
    [
        ((), None, None),
        ((of_pipe("my_pipe.gpt-4o"),), "pipe:my_pipe", "my_pipe"),
        ((DIRECT,), "direct", "Direct connections"),
        ((Connection("openai:0", "openai", FIRST),), f"openai:{FIRST}", FIRST),
        ((Connection("openai:7", "openai", FIRST),), f"openai:{FIRST}", FIRST),
        ((Connection("openai:0", "openai", FIRST, "one"),), f"openai:{FIRST}", f"one ({FIRST})"),
        ((Connection("openai:0", "openai", None),), "openai:0", "openai:0"),
        ((Connection("ollama:0", "ollama", FIRST), Connection("ollama:1", "ollama", FIRST)), f"ollama:{FIRST}", FIRST),
        (
            (Connection("ollama:1", "ollama", SECOND), Connection("ollama:0", "ollama", FIRST)),
            f"ollama:{FIRST}|ollama:{SECOND}",
            f"{FIRST}, {SECOND}",
        ),
    ],
)
def test_a_connection_has_an_id_that_lasts_and_a_name(
    connections: tuple[Connection, ...], id_: str | None, label: str | None
) -> None:
    connections = with_url_names(connections)
    assert (connection_id(connections), connection_label(connections)) == (id_, label)


def test_connections_to_one_url_have_one_name() -> None:
    first, second, other = with_url_names(
        [
            Connection("openai:0", "openai", FIRST, "sales"),
            Connection("openai:1", "openai", FIRST, "research"),
            Connection("openai:2", "openai", SECOND),
        ]
    )
    assert connection_id((first,)) == connection_id((second,))
    assert connection_label((first,)) == connection_label((second,)) == f"sales, research ({FIRST})"
    assert connection_label((other,)) == SECOND
