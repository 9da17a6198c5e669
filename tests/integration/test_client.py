"""The token client as people run it: a server of its own, asked with curl, with the stand-in provider behind it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from openwebui_usage.client import stream
from openwebui_usage.client.standalone import Standalone
from openwebui_usage.client.storage import database_of
from openwebui_usage.settings import ClientSettings, read_strictly
from tests.support.host import ROOT
from tests.support.openwebui import OpenWebUI
from tests.support.process import Fork, wait_until
from tests.support.provider import Provider
from tests.support.services import Postgres, Redis
from tests.support.tokenclient import Place, TokenServer, events

MODEL = "o3-mini"
INPUT, OUTPUT = 1.1, 4.4
"""Its public price, US dollars per million tokens."""


def variables(provider: Provider) -> dict[str, str]:
    return {
        "OPENAI_API_BASE_URL": f"{provider.url}/openai/v1",
        "OPENAI_API_KEY": "sk-stand-in",
        "OPENWEBUI_USAGE_CLIENT_MODEL": MODEL,
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def place(tmp_path: Path, provider: Provider) -> Place:
    return Place(tmp_path, variables(provider))


@pytest.fixture
def start(
    place: Place, new_log: Callable[[str], Path], command_forks: Callable[..., Fork]
) -> Iterator[Callable[..., TokenServer]]:
    """A server with these further variables; it ends with the test."""
    servers: list[TokenServer] = []

    def begin(**env: str) -> TokenServer:
        servers.append(TokenServer(place, new_log("token-client"), command_forks, **env))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture
def server(start: Callable[..., TokenServer]) -> TokenServer:
    return start()


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, provider_process: Provider, new_log: Callable[[str], Path]
) -> Iterator[TokenServer]:
    """One server for all who only ask it what it will not do. It starts as a person starts it."""
    place = Place(tmp_path_factory.mktemp("shared"), variables(provider_process))
    server = TokenServer(place, new_log("token-client"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ann(shared: TokenServer) -> str:
    """A token there."""
    return shared.place.create("Ann")


def curl(*arguments: str) -> tuple[int, Any]:
    """Status and JSON of a request by curl."""
    done = subprocess.run(
        ["curl", "--silent", "--noproxy", "*", "--write-out", "\n%{http_code}", *arguments],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def rows(place: Place) -> list[sqlite3.Row]:
    with sqlite3.connect(f"file:{place.directory}/usage-client.db?mode=ro", uri=True, timeout=10) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM usage_call ORDER BY started_at").fetchall()


class TestDocumented:
    def test_the_documented_requests_by_curl(self, place: Place, server: TokenServer, provider: Provider) -> None:
        token = place.create("Your Name", 100.0)
        provider.behave(MODEL, prompt=50, visible=100, reasoning={"medium": 150, "high": 900}, first_byte_delay=0.3)
        body = {
            "messages": [{"role": "user", "content": "Your message"}],
            "token": token,
            "reasoning_effort": "medium",
        }
        asked = ("-H", "Content-Type: application/json", "-d", json.dumps(body))
        status, answer = curl("-X", "POST", f"{server.url}/chat", *asked)
        cost = round((50 * INPUT + 250 * OUTPUT) / 1e6, 9)
        thinking = answer.pop("thinking_time")
        assert (status, answer) == (
            200,
            {
                "content": "all happy families are alike each unhappy family is in its own ",
                "prompt_tokens": 50,
                "reasoning_tokens": 150,
                "completion_tokens": 100,
                "total_tokens": 300,
                "cost": cost,
                "user_total_cost": cost,
                "request_count": 1,
            },
        )
        assert thinking >= 0.3
        status, stats = curl(f"{server.url}/user/stats/{token}")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stats.pop("last_used"))
        assert (status, stats) == (
            200,
            {
                "name": "Your Name",
                "total_tokens": 300,
                "total_cost": cost,
                "request_count": 1,
                "usage_limit": 100.0,
                "is_active": True,
                "last_ip": "127.0.0.1",
            },
        )
        (call,) = provider.calls()
        assert call.request == {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Your message"}],
            "reasoning_effort": "medium",
        }

    def test_pro_mode_is_high_effort_and_nothing_is_medium(
        self, place: Place, server: TokenServer, provider: Provider
    ) -> None:
        token = place.create("Ann")
        answers = [server.chat(token, **more).json() for more in ({"reasoning_effort": "high"}, {})]
        assert [answer["reasoning_tokens"] for answer in answers] == [1024, 256]
        assert [call.request["reasoning_effort"] for call in provider.calls()] == ["high", "medium"]

    def test_a_stream_ends_with_the_documented_fields(
        self, place: Place, server: TokenServer, provider: Provider
    ) -> None:
        token = place.create("Ann")
        provider.behave(MODEL, thoughts=3, delay=0.02)
        response = server.chat(token, stream=True)
        assert response.headers["content-type"].startswith("text/event-stream")
        said = events(response)
        assert Counter(event["type"] for event in said) == {"thinking": 3, "content": 12, "done": 1}
        done = said[-1]
        assert done["content"] == "".join(event["text"] for event in said if event["type"] == "content")
        assert (done["reasoning_tokens"], done["completion_tokens"], done["request_count"]) == (256, 12, 1)
        assert done["user_total_cost"] == done["cost"] == server.stats(token)["total_cost"]

    def test_a_model_that_answers_by_responses_only_keeps_the_contract(
        self, place: Place, start: Callable[..., Any], provider: Provider
    ) -> None:
        """o1-pro, asked as a whole and as a stream: text, thinking, effort and usage as for any other model."""
        behaviour = {
            "connection": "responses",
            "reasons": True,
            "reasoning": [["low", 64], ["high", 1024]],
            "thoughts": 3,
        }
        provider.behave("o1-pro", **behaviour, visible=12, prompt=40, cached=4, delay=0.02)
        server = start(OPENAI_API_BASE_URL=f"{provider.url}/responses/v1", OPENWEBUI_USAGE_CLIENT_MODEL="o1-pro")
        token = place.create("Ann")
        whole = server.chat(token, reasoning_effort="high").json()
        said = events(server.chat(token, stream=True, reasoning_effort="high"))
        asked = provider.calls()
        assert [call.request["reasoning"] for call in asked] == [{"effort": "high"}] * 2
        assert all(call.request["store"] is False and "messages" not in call.request for call in asked)
        assert Counter(event["type"] for event in said) == {"thinking": 3, "content": 12, "done": 1}
        done = said[-1]
        numbers = ("prompt_tokens", "reasoning_tokens", "completion_tokens", "total_tokens")
        assert [whole[name] for name in numbers] == [done[name] for name in numbers] == [40, 1024, 12, 1076]
        assert whole["content"] == done["content"] == "".join(e["text"] for e in said if e["type"] == "content") != ""
        assert done["thinking_time"] > 0
        assert whole["cost"] == pytest.approx((40 * 150 + 1036 * 600) / 1e6), "o1-pro's public price"
        assert [row["estimated"] for row in rows(place)] == [0, 0]

    def test_a_bearer_token_stands_for_the_one_in_body_and_path(self, place: Place, server: TokenServer) -> None:
        bearer = {"Authorization": f"Bearer {place.create('Ann')}"}
        body = {"messages": [{"role": "user", "content": "Hi"}]}
        assert server.http.post("/chat", json=body, headers=bearer).status_code == 200
        assert server.http.get("/user/stats", headers=bearer).json()["request_count"] == 1

    def test_the_demo_answers_where_no_provider_is_configured(self, place: Place, start: Callable[..., Any]) -> None:
        for name in [name for name in place.env if name.startswith("OPEN")]:
            del place.env[name]
        server = start()
        token = place.create("Ann")
        answer = server.chat(token, reasoning_effort="high").json()
        assert answer["reasoning_tokens"] == 2048
        assert answer["cost"] > 0.12
        assert "The built-in demo provider answers" in server.log_text()
        assert server.http.get("/about").json() == {
            "model": "demo-reasoner", "demo": True, "reasons": True, "priced": True,
        }  # fmt: skip

    def test_a_dotenv_file_is_read(self, place: Place, start: Callable[..., Any], provider: Provider) -> None:
        variables = [name for name in place.env if name.startswith("OPEN")]
        (place.directory / ".env").write_text("".join(f"{name}={place.env.pop(name)}\n" for name in variables))
        assert start().chat(place.create("Ann")).status_code == 200
        assert provider.calls()[0].model == MODEL

    def test_a_model_that_takes_no_effort_gets_none(
        self, place: Place, start: Callable[..., Any], provider: Provider
    ) -> None:
        server = start(OPENWEBUI_USAGE_CLIENT_MODEL="gpt-4o-mini")
        assert server.chat(place.create("Ann"), reasoning_effort="high").status_code == 200
        assert "reasoning_effort" not in provider.calls()[0].request


GOOD = [{"role": "user", "content": "Hi"}]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "error"),
        [
            ({}, 401, "A token is needed, in the body or in the header Authorization: Bearer."),
            ({"token": 12345678}, 401, "A token is needed, in the body or in the header Authorization: Bearer."),
            ({"token": "unknown1", "messages": GOOD}, 401, "This token is not valid."),
            ({"token": "T"}, 422, "messages: field required"),
            ({"token": "T", "messages": []}, 422, "messages: must be a list of at least one message"),
            ({"token": "T", "messages": "Hi"}, 422, "messages: must be a list of at least one message"),
            ({"token": "T", "messages": ["Hi"]}, 422, "messages: must be a list of messages such as"),
            ({"token": "T", "messages": [{"role": "user"}]}, 422, "messages[0].content: field required"),
            ({"token": "T", "messages": [{"role": "boss", "content": ""}]}, 422, "messages[0].role: input should be"),
            ({"token": "T", "messages": [*GOOD, {"role": "user", "content": 7}]}, 422, "messages[1].content: must be"),
            ({"token": "T", "messages": GOOD * 201}, 422, "messages: has 201 messages, the most are 200"),
            ({"token": "T", "messages": GOOD, "reasoning_effort": "max"}, 422, "reasoning_effort: must be low, medium"),
            ({"token": "T", "messages": GOOD, "stream": "yes"}, 422, "stream: input should be a valid boolean"),
            ({"token": "T", "messages": [{"role": "user", "content": "x" * 400_001}]}, 422, "messages[0].content: is "),
        ],
    )
    def test_bad_input_is_told_by_its_field(
        self, shared: TokenServer, ann: str, provider: Provider, body: dict[str, Any], status: int, error: str
    ) -> None:
        if body.get("token") == "T":
            body = {**body, "token": ann}
        answer = shared.http.post("/chat", json=body)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        assert answer.json()["error"].startswith(error)
        assert provider.calls() == []

    @pytest.mark.parametrize(
        ("content", "status", "error"),
        [
            (b"{", 400, "The body is not valid JSON."),
            (b"[" * 100_000, 400, "The body is not valid JSON."),
            (b"\xff", 400, "The body is not valid JSON."),
            (b"[]", 400, "The body must be a JSON object."),
            (b" " * 4_000_001, 413, "The request is larger than 4,000,000 bytes."),
        ],
    )
    def test_what_is_no_request(self, shared: TokenServer, content: bytes, status: int, error: str) -> None:
        answer = shared.http.post("/chat", content=content)
        assert (answer.status_code, answer.json()) == (status, {"error": error})

    def test_half_a_surrogate_pair_is_told(self, shared: TokenServer, ann: str) -> None:
        body = {"token": ann, "messages": [{"role": "user", "content": "\ud800"}]}
        answer = shared.http.post("/chat", content=json.dumps(body))
        assert answer.json() == {"error": "messages[0].content: is no valid Unicode (half a surrogate pair)"}

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/chat", 405), ("GET", "/a/b", 404), ("GET", "/x", 404)]
    )
    def test_errors_have_one_shape(self, shared: TokenServer, method: str, path: str, status: int) -> None:
        answer = shared.http.request(method, path)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]

    def test_an_inactive_user_may_look_but_not_ask(self, place: Place, server: TokenServer) -> None:
        token = place.create("Ann")
        place.users("toggle", token)
        answer = server.chat(token)
        assert (answer.status_code, list(answer.json())) == (403, ["error"])
        assert server.stats(token)["is_active"] is False
        place.users("toggle", token)
        assert server.chat(token).status_code == 200

    def test_over_the_limit_one_may_look_but_not_ask(
        self, place: Place, server: TokenServer, provider: Provider
    ) -> None:
        token = place.create("Ann", 0.001)
        assert server.chat(token).json()["cost"] > 0.001
        answer = server.chat(token)
        assert (answer.status_code, answer.json()) == (
            429,
            {"error": "Usage limit reached: $0.001183 of $0.001000 used."},
        )
        assert server.chat(token, stream=True).status_code == 429
        assert len(provider.calls()) == 1
        assert server.stats(token)["usage_limit"] == 0.001
        place.users("add-limit", token, "1")
        assert server.chat(token).status_code == 200

    def test_a_rotated_or_deleted_token_is_void_at_once(self, place: Place, server: TokenServer) -> None:
        old = place.create("Ann")
        assert server.chat(old).status_code == 200
        new = place.users("rotate", old)["token"]
        assert [server.chat(token).status_code for token in (old, new)] == [401, 200]
        place.users("delete", new, "--yes")
        assert server.chat(new).status_code == 401
        assert [row["user_name"] for row in rows(place)] == ["Ann", "Ann"]

    def test_requests_of_one_user_are_bounded(self, place: Place, start: Callable[..., Any]) -> None:
        server = start(OPENWEBUI_USAGE_CLIENT_RATE="3")
        ann, bob = place.create("Ann"), place.create("Bob")
        answers = [server.chat(ann) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        assert server.chat(bob).status_code == 200


class TestProviderFailures:
    @pytest.mark.parametrize(
        ("behaviour", "error"),
        [
            ({"status": 500}, "The provider answered with an error (500): The stand-in refuses, as told."),
            ({"status": 400}, "The provider answered with an error (400): The stand-in refuses, as told."),
            ({"status": 401}, "The provider did not accept the server's API key (401). Tell whoever runs it."),
            ({"status": 429, "retry_after": 7}, "The provider has too much to do, or its own quota is used up (429)."),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_refusal_is_502_and_costs_nothing(
        self, place: Place, server: TokenServer, provider: Provider, behaviour: dict[str, Any], error: str, stream: bool
    ) -> None:
        provider.behave(MODEL, **behaviour)
        token = place.create("Ann")
        answer = server.chat(token, stream=stream)
        assert answer.status_code == 502
        assert answer.json()["error"].startswith(error)
        assert answer.headers.get("retry-after") == (
            str(behaviour["retry_after"]) if "retry_after" in behaviour else None
        )
        assert server.stats(token)["total_cost"] == 0
        assert [(row["outcome"], row["input"], row["output"]) for row in rows(place)] == [("error", 0, 0)]

    def test_a_provider_that_is_away_is_502(self, place: Place, start: Callable[..., Any]) -> None:
        server = start(OPENAI_API_BASE_URL="http://127.0.0.1:9/v1")
        token = place.create("Ann")
        assert server.chat(token).json() == {"error": "The provider was not reached (ConnectError)."}
        assert server.stats(token)["total_cost"] == 0

    def test_a_provider_that_is_silent_for_too_long_is_502(
        self, place: Place, start: Callable[..., Any], provider: Provider
    ) -> None:
        provider.behave(MODEL, first_byte_delay=3)
        server = start(OPENWEBUI_USAGE_CLIENT_TIMEOUT="0.5")
        answer = server.chat(place.create("Ann"))
        assert (answer.status_code, answer.json()) == (502, {"error": "The provider did not answer in time."})

    @pytest.mark.parametrize("behaviour", [{"break_after": 5}, {"error_after": 5}])
    def test_a_stream_that_breaks_says_so_and_costs_what_came(
        self, place: Place, server: TokenServer, provider: Provider, behaviour: dict[str, Any]
    ) -> None:
        provider.behave(MODEL, **behaviour)
        token = place.create("Ann")
        last = events(server.chat(token, stream=True))[-1]
        assert last["type"] == "error"
        assert last["error"]
        assert last["content"].startswith("all happy")
        (row,) = rows(place)
        assert (row["outcome"], bool(row["estimated"])) == ("error", True)
        assert 0 < last["cost"] == server.stats(token)["total_cost"] == row["cost_nano"] / 1e9

    def test_a_stream_that_is_stopped_stops_the_provider_and_costs_what_came(
        self, place: Place, server: TokenServer, provider: Provider
    ) -> None:
        provider.behave(MODEL, chunks=200, delay=0.05)
        token = place.create("Ann")
        body = {"messages": GOOD, "token": token, "stream": True}
        with server.http.stream("POST", "/chat", json=body) as response:
            lines = response.iter_lines()
            while "happy" not in next(lines):
                pass
        (call,) = provider.ended_calls(1)
        assert call.ended == "gone"
        wait_until(lambda: rows(place), timeout=5, what="the stopped answer is in the ledger")
        (row,) = rows(place)
        assert (row["outcome"], bool(row["estimated"])) == ("stopped", True)
        assert 0 < server.stats(token)["total_cost"] == row["cost_nano"] / 1e9


@pytest.fixture
def impatient(
    place: Place, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., httpx.Client]]:
    """`impatient(**env)`: a server in this process, for which every silence is a long one."""
    monkeypatch.chdir(place.directory)
    monkeypatch.setattr(stream, "FIRST_ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.2)
    with ExitStack() as stack:

        def start(**env: str) -> httpx.Client:
            for name, value in {**place.env, **env}.items():
                monkeypatch.setenv(name, value)
            settings = read_strictly(ClientSettings)
            app = Standalone(database_of(None, settings), settings).app
            listening = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()
            stack.callback(thread.join, 20)
            stack.callback(setattr, server, "should_exit", True)
            wait_until(lambda: server.started, timeout=20, what="the client answers")
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            return stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))

        yield start


class TestLongThoughts:
    """A model may say nothing for minutes, not even that it heard."""

    def test_a_sign_of_life_comes_while_the_provider_is_silent(
        self, place: Place, impatient: Callable[..., httpx.Client], provider: Provider
    ) -> None:
        provider.behave(MODEL, first_byte_delay=1.5)
        body = {"messages": GOOD, "token": place.create("Ann"), "stream": True}
        answer = impatient().post("/chat", json=body)
        assert answer.text.count(": thinking\n\n") >= 3
        done = events(answer)[-1]
        assert (done["type"], done["reasoning_tokens"]) == ("done", 256)
        assert done["thinking_time"] >= 1.5

    def test_a_refusal_that_comes_late_is_an_event_and_costs_nothing(
        self, place: Place, impatient: Callable[..., httpx.Client], provider: Provider
    ) -> None:
        provider.behave(MODEL, first_byte_delay=3)
        http = impatient(OPENWEBUI_USAGE_CLIENT_TIMEOUT="0.8")
        answer = http.post("/chat", json={"messages": GOOD, "token": place.create("Ann"), "stream": True})
        (last,) = events(answer)
        assert (answer.status_code, last["type"], last["cost"], last["user_total_cost"]) == (200, "error", 0, 0)
        assert last["error"] == "The provider did not answer in time."
        assert [(row["outcome"], row["input"]) for row in rows(place)] == [("error", 0)]

    def test_who_leaves_while_the_provider_is_silent_stops_it(
        self, place: Place, impatient: Callable[..., httpx.Client], provider: Provider
    ) -> None:
        provider.behave(MODEL, first_byte_delay=20)
        body = {"messages": GOOD, "token": place.create("Ann"), "stream": True}
        with impatient().stream("POST", "/chat", json=body) as answer:
            assert next(answer.iter_lines()) == ": thinking"
        (call,) = provider.ended_calls(1)
        assert call.ended == "gone"
        wait_until(lambda: rows(place), timeout=5, what="the stopped answer is in the ledger")
        (row,) = rows(place)
        assert (row["outcome"], bool(row["estimated"]), row["output"]) == ("stopped", True, 0)


def ask_at_once(server: TokenServer, token: str, count: int, **more: Any) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, trust_env=False, limits=limits) as client:
            body = {"messages": GOOD, "token": token, **more}
            return list(await asyncio.gather(*(client.post("/chat", json=body) for _ in range(count))))

    return asyncio.run(run())


class TestUnderLoad:
    @pytest.mark.parametrize("stream", [False, True])
    def test_100_calls_at_once_lose_no_cent(
        self, place: Place, server: TokenServer, provider: Provider, stream: bool
    ) -> None:
        provider.behave(MODEL, first_byte_delay=0.2)
        token = place.create("Ann")
        responses = ask_at_once(server, token, 100, stream=stream)
        assert Counter(response.status_code for response in responses) == {200: 100}
        told = [events(response)[-1] if stream else response.json() for response in responses]
        stats = server.stats(token)
        assert stats["request_count"] == 100 == len(provider.calls())
        assert stats["total_tokens"] == sum(answer["total_tokens"] for answer in told)
        assert round(stats["total_cost"], 9) == round(sum(answer["cost"] for answer in told), 9)
        assert max(answer["request_count"] for answer in told) == 100

    @pytest.mark.parametrize("known", [True, False])
    def test_100_calls_at_once_overspend_no_more_than_the_reservation_error(
        self, place: Place, server: TokenServer, provider: Provider, known: bool
    ) -> None:
        provider.behave(MODEL, first_byte_delay=0.2)
        if known:  # Else the first guess counts, which is dearer than these answers are.
            server.chat(place.create("Bob"), "Hi")
        token = place.create("Ann", 0.02)  # The server learns of this limit by the very first of these calls.
        responses = ask_at_once(server, token, 100)
        codes = Counter(response.status_code for response in responses)
        assert set(codes) == {200, 429}
        costs = [response.json()["cost"] for response in responses if response.status_code == 200]
        spent = server.stats(token)["total_cost"]
        print(f"limit $0.02, {len(costs)} of 100 admitted, spent ${spent}: ${spent - 0.02:+.6f}")
        assert round(spent, 9) == round(sum(costs), 9)
        assert spent <= 0.02 + max(costs)
        assert {response.json()["error"] for response in responses if response.status_code == 429} <= {
            "Your limit is taken up by answers that are still being written. Try again in a moment.",
            "Usage limit reached: $0.02 of $0.02 used.",
        }


def guess(http: httpx.Client, path: str, forwarded: str) -> int:
    """The status of a wrong token that comes from there."""
    return http.get(f"{path}/guess123", headers={"X-Forwarded-For": forwarded}).status_code


class TestSafety:
    def test_guessing_is_throttled_and_says_when_to_come_back(self, place: Place, server: TokenServer) -> None:
        token = place.create("Ann")
        assert server.stats(token)["name"] == "Ann"
        with ThreadPoolExecutor(20) as pool:
            guesses = list(pool.map(lambda number: server.chat(f"guess{number:03}"), range(60)))
        assert Counter(guess.status_code for guess in guesses) == {401: 10, 429: 50}
        refused = next(guess for guess in guesses if guess.status_code == 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["error"].startswith("Too many wrong tokens. Try again in ")
        assert server.http.get("/user/stats/guess999").status_code == 429
        # Who was in before is not shut out by a neighbour; a token that was not seen here yet is, for a while.
        assert server.chat(token).status_code == 200
        assert server.chat(place.create("Bob")).status_code == 429

    def test_two_servers_with_one_redis_share_guesses_and_requests(
        self, place: Place, start: Callable[..., Any], redis: Redis
    ) -> None:
        token = place.create("Ann")
        settings = {"OPENWEBUI_USAGE_CLIENT_REDIS_URL": redis.url, "OPENWEBUI_USAGE_CLIENT_RATE": "2"}
        two = [start(**settings) for _ in range(2)]
        assert Counter(two[number % 2].chat(token).status_code for number in range(6)) == {200: 2, 429: 4}
        with ThreadPoolExecutor(20) as pool:
            guesses = list(pool.map(lambda number: two[number % 2].chat(f"guess{number:03}"), range(40)))
        assert Counter(guess.status_code for guess in guesses) == {401: 10, 429: 30}
        redis.stop()
        try:
            assert two[0].chat("guess999").status_code in (401, 429)
            assert two[0].stats(token)["name"] == "Ann"
        finally:
            redis.start()

    def test_a_forwarded_address_is_believed_only_of_a_trusted_proxy(
        self, place: Place, server: TokenServer, start: Callable[..., Any]
    ) -> None:
        token = place.create("Ann")
        forwarded = {"X-Forwarded-For": "1.2.3.4, 203.0.113.9"}
        body = {"messages": GOOD, "token": token}
        server.http.post("/chat", json=body, headers=forwarded)
        assert server.stats(token)["last_ip"] == "127.0.0.1"
        server.http.post("/chat", json=body, headers=forwarded)
        assert server.log_text().count("name it in OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES") == 1
        behind = start(OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES="127.0.0.0/8")
        behind.http.post("/chat", json=body, headers=forwarded)
        assert behind.stats(token)["last_ip"] == "203.0.113.9"
        guesses = [guess(behind.http, "/user/stats", f"{n}.2.3.4, 203.0.113.50") for n in range(12)]
        assert guesses == [401] * 10 + [429] * 2
        assert guess(behind.http, "/user/stats", "203.0.114.50") == 401

    @pytest.mark.parametrize(
        "path", ["/", "/client.js", "/client.css", "/icon.svg", "/healthz", "/user/stats", "/nothing"]
    )
    def test_every_answer_is_guarded(self, shared: TokenServer, path: str) -> None:
        headers = shared.http.get(path, headers={"Origin": "https://evil.example"}).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers

    def test_other_origins_are_not_let_in(self, shared: TokenServer) -> None:
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = shared.http.options("/chat", headers=asked)
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_the_page_is_whole_and_asked_for_again(self, shared: TokenServer) -> None:
        page = shared.http.get("/")
        named = re.findall(r'(?:src|href)="\./([^"]+)"', page.text)
        assert sorted(named) == ["client.css", "client.js", "icon.svg"]
        assert re.findall(r'(?:src|href)="(?!\./)[^"]*"', page.text) == []
        for name in ("", *named):
            first = shared.http.get(f"/{name}")
            again = shared.http.get(f"/{name}", headers={"If-None-Match": first.headers["etag"]})
            assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
            assert first.headers["cache-control"] == "no-cache"
            assert name != "client.js" or first.headers["content-encoding"] == "gzip"
        assert shared.http.get("/chat").status_code == 405
        assert shared.http.get("/nothing.js").json() == {"error": "Not Found."}

    def test_files_are_for_their_owner_and_no_token_is_written_anywhere(
        self, place: Place, server: TokenServer
    ) -> None:
        token = place.create("Ann")
        server.chat(token)
        server.chat(token, stream=True)
        server.stats(token)
        server.http.get("/", params={"token": token})
        server.http.get(f"/user/stats/{token}/more")
        files = [path for path in place.directory.rglob("*") if path.is_file()]
        written = {"usage-client.db", "usage-client.db-wal", "usage-client.db-shm", "usage-client.secret"}
        assert written <= {path.name for path in files}
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            assert token.encode() not in path.read_bytes(), path
        assert server.stop() in (0, -signal.SIGTERM)
        assert token not in server.log_text()
        assert "Traceback" not in server.log_text()

    def test_it_ends_quietly_on_ctrl_c_and_keeps_what_was_spent(
        self, place: Place, start: Callable[..., TokenServer]
    ) -> None:
        token = place.create("Ann")
        first = start()
        cost = first.chat(token).json()["cost"]
        assert first.stop(signal.SIGINT) in (0, -signal.SIGINT, 130)
        assert "Traceback" not in first.log_text()
        assert start().stats(token)["total_cost"] == cost

    def test_a_port_that_is_taken_is_said(self, place: Place, server: TokenServer) -> None:
        done = place.run_alone("client", "--port", str(server.port))
        assert done.returncode == 1
        assert f"Cannot listen on 127.0.0.1:{server.port}" in done.stderr


class TestStart:
    def test_a_model_without_a_price_is_charged_as_o1_until_it_has_one(
        self, place: Place, start: Callable[..., Any], provider: Provider
    ) -> None:
        provider.behave("house-model", prompt=100, visible=1000, chunks=1)
        server = start(OPENWEBUI_USAGE_CLIENT_MODEL="house-model")
        assert "No price is known for house-model: it is charged as o1 is" in server.log_text()
        token = place.create("Ann", 0.12)
        assert server.chat(token).json()["cost"] == 0.0615
        assert server.chat(token).json()["user_total_cost"] == 0.123
        assert server.chat(token).status_code == 429
        assert {row["cost_source"] for row in rows(place)} == {"otherwise"}
        place.run("prices", "set", "house-model", "--input", "0", "--output", "0")
        assert server.chat(token).json()["cost"] == 0

    def test_on_the_database_of_open_webui_it_is_refused_until_it_has_one(
        self, place: Place, start: Callable[..., Any], provider: Provider
    ) -> None:
        provider.behave("house-model")
        place.env |= {"DATABASE_URL": "sqlite:///webui.db", "WEBUI_SECRET_KEY": "for tests only"}
        server = start(OPENWEBUI_USAGE_CLIENT_MODEL="house-model")
        assert "No price is known for house-model: nobody with a limit may ask it." in server.log_text()
        token = place.create("Ann")
        refused = server.chat(token)
        assert (refused.status_code, refused.json()["error"].partition(",")[0]) == (
            503,
            "No price is known for house-model",
        )
        assert provider.calls() == []
        place.run("prices", "set", "house-model", "--input", "1", "--output", "1")
        assert server.chat(token).status_code == 200

    def test_the_key_of_the_example_is_none(self, place: Place, start: Callable[..., Any]) -> None:
        for name in [name for name in place.env if name.startswith("OPEN")]:
            del place.env[name]
        (place.directory / ".env").write_bytes((ROOT / ".env.example").read_bytes())
        server = start()
        assert "The built-in demo provider answers" in server.log_text()
        assert server.chat(place.create("Ann")).status_code == 200

    def test_tokens_of_another_secret_are_said(self, place: Place, start: Callable[..., Any]) -> None:
        token = place.create("Ann")
        server = start(OPENWEBUI_USAGE_CLIENT_SECRET="another")
        assert "1 user has a token that was made with another secret" in server.log_text()
        assert server.chat(token).status_code == 401

    def test_main_and_manage_are_there_for_those_who_know_them(self, place: Place) -> None:
        page = (ROOT / "docs" / "token-client.md").read_text()
        for name in ("main", "manage"):
            (line,) = re.findall(rf"^echo '(.*)' > {name}\.py$", page, re.MULTILINE)
            (place.directory / f"{name}.py").write_text(line)
        assert "--port" in place.run_alone("--help", module="main").stdout
        done = place.run_alone("create", "User Name", "--limit", "1000.0", module="manage")
        token = re.search("^Token: ([a-z0-9]{8})$", done.stdout, re.MULTILINE)
        assert token, done.stderr
        for arguments in (["list"], ["toggle", token[1]], ["reset", token[1]]):
            done = place.manage(*arguments)
            assert "User Name" in done.stdout, done.stderr


def test_inside_open_webui_its_users_count_as_everybody(
    start_openwebui: Callable[..., Any], provider: Provider, tmp_path: Path
) -> None:
    server = start_openwebui(
        env={
            "OPENWEBUI_USAGE_CLIENT": "true",
            "OPENWEBUI_USAGE_CLIENT_MODEL": MODEL,
            "CORS_ALLOW_ORIGIN": "https://chat.example",
        }
    )
    admin = server.admin
    admin.request("POST", "/api/usage/groups", {"name": "o", "models": ["o3*"], "limit": None})
    everyone = {"name": "all", "scope": {"kind": "everyone"}, "unit": "usd", "limit": 5, "period": "month"}
    admin.request("POST", "/api/usage/budgets", everyone)
    environment = {**server.env, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [server.host.python, "-m", "openwebui_usage.cli", "users", "create", "Ann", "--limit", "0.002", "--json"],
        env=environment, cwd=tmp_path, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    token = json.loads(done.stdout)["token"]

    http = httpx.Client(base_url=server.url, timeout=60, trust_env=False, headers={"Origin": "https://evil.example"})
    redirect = http.get("/o1?x=1")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/o1/?x=1")
    page = http.get("/o1/")
    assert "O1 Pro Client" in page.text
    assert "access-control-allow-origin" not in page.headers

    def until(condition: Callable[[], object], what: str) -> None:
        wait_until(condition, timeout=10, what=what, every=0.2)

    body = {"messages": GOOD, "token": token}
    until(lambda: http.get(f"/o1/user/stats/{token}").status_code == 200, "the new account is known")
    first = http.post("/o1/chat", json=body).json()
    assert (first["reasoning_tokens"], first["completion_tokens"], first["request_count"]) == (256, 12, 1)
    second = events(http.post("/o1/chat", json={**body, "stream": True}))[-1]
    assert second["type"] == "done", second
    assert second["user_total_cost"] == round(first["cost"] + second["cost"], 9)
    usage = admin.usage_groups()["o"]["usage"]
    assert usage["calls"] == 2
    assert usage["in"] == first["prompt_tokens"] + second["prompt_tokens"]
    assert http.post("/o1/chat", json=body).status_code == 429
    budgets = {budget["name"]: budget for budget in admin.request("GET", "/api/usage/budgets")["budgets"]}
    own = budgets["account Ann"]
    assert (own["limit"], own["scope"]["kind"]) == (0.002, "user")
    (shared,) = [each for each in admin.request("GET", "/api/usage/me")["budgets"] if each["name"] == "all"]
    assert shared["used"] == second["user_total_cost"]
    stats = http.get(f"/o1/user/stats/{token}").json()
    assert (stats["name"], stats["request_count"]) == ("Ann", 2)

    admin.request("PUT", "/api/usage/budgets/account%20Ann", {"limit": 1})
    admin.request("PUT", "/api/usage/groups/o", {"limit": 1})
    refused = http.post("/o1/chat", json=body)
    assert (refused.status_code, refused.json()["error"][:28]) == (429, 'Usage limit reached for "o":')
    admin.request("PUT", "/api/usage/groups/o", {"limit": None})

    # Open WebUI's server believes whatever stands first in X-Forwarded-For.
    guesses = [guess(http, "/o1/user/stats", f"{n}.2.3.4, 203.0.113.50") for n in range(12)]
    assert guesses == [401] * 10 + [429] * 2

    provider.behave(MODEL, chunks=200, delay=0.05)
    with http.stream("POST", "/o1/chat", json={**body, "stream": True}) as response:
        assert response.status_code == 200, response.read()
        lines = response.iter_lines()
        while "happy" not in next(lines):
            pass
    until(lambda: provider.calls()[-1].ended == "gone", "the stopped answer stops the provider")
    until(lambda: http.get(f"/o1/user/stats/{token}").json()["request_count"] == 3, "it is counted")
    http.close()
    assert token not in server.log_text()
    assert "/o1/user/stats/…" in server.log_text()


@pytest.mark.timeout(600)
def test_workers_inside_open_webui_share_the_throttle(
    start_openwebui: Callable[..., OpenWebUI], postgres: Postgres, redis: Redis
) -> None:
    env = {"OPENWEBUI_USAGE_CLIENT": "true"}
    server = start_openwebui(workers=2, database_url=postgres.new_database(), redis_url=redis.url, env=env)

    def wrong(number: int) -> tuple[int, str]:
        # Each over a connection of its own, which either worker may take.
        answer = httpx.get(f"{server.url}/o1/user/stats/guess{number:03}", timeout=60, trust_env=False)
        return answer.status_code, answer.json()["error"].partition(".")[0]

    with ThreadPoolExecutor(10) as pool:
        answers = Counter(pool.map(wrong, range(60)))
    assert answers == {(401, "This token is not valid"): 10, (429, "Too many wrong tokens"): 50}
