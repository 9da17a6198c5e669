"""What happens at the limit besides a wall, in a real Open WebUI."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.clients import Client
from tests.support.provider import Provider

MESSAGES = [{"role": "user", "content": "Hello there"}]
BUDGETS = "/api/usage/budgets"
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"at the limit {next(_numbers)}"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    admin.models()  # Open WebUI knows no model before somebody asks for them.
    yield
    admin.forget_definitions()


def chat(
    client: Client, model: str = "gpt-4o-mini", path: str = "/api/chat/completions", **body: Any
) -> httpx.Response:
    return client.post(path, json={"model": model, "messages": MESSAGES, **body})


def budget(admin: Client, name: str, **fields: Any) -> None:
    admin.request("POST", BUDGETS, {"name": name, "models": ["gpt-4o-mini", "o3-mini"], "limit": 0, **fields})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "other"),
    [("/api/chat/completions", "llama3.2:latest"), ("/openai/chat/completions", "gpt-4o")],
)
def test_another_model_answers_and_the_headers_say_so(
    admin: Client, provider: Provider, name: str, path: str, other: str, stream: bool
) -> None:
    budget(admin, name, action="fallback", fallback_model=other)
    answer = chat(admin, path=path, stream=stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-usage-fallback-model"] == other
    assert answer.headers["x-usage-fallback-budget"] == name
    assert [call.model for call in provider.calls()] == [other]
    assert "choices" in answer.text
    newest = admin.request("GET", "/api/usage/calls?limit=1")["calls"][0]
    assert newest["model"] == other


def test_who_may_not_use_the_other_model_meets_the_wall(
    admin: Client, user: Client, provider: Provider, name: str
) -> None:
    budget(admin, name, action="fallback", fallback_model="no such model")
    for client in (admin, user):
        answer = chat(client)
        assert answer.status_code == 429, answer.text
    assert provider.calls() == []


def test_the_other_models_own_limit_holds(admin: Client, provider: Provider, name: str) -> None:
    budget(admin, name, action="fallback", fallback_model="gpt-4o")
    admin.add_group(name, ["gpt-4o"], 0)
    assert chat(admin).status_code == 429
    assert provider.calls() == []


def test_calls_wait_for_a_time_that_is_told(admin: Client, provider: Provider, name: str) -> None:
    budget(admin, name, action="slow", slow_up_to=1)
    answer = chat(admin, stream=True)
    assert (answer.status_code, answer.headers["x-usage-waited"]) == (200, "1.0")
    [own] = [each for each in admin.request("GET", "/api/usage/me")["budgets"] if each["name"] == name]
    assert (own["action"], own["wait_seconds"]) == ("slow", 1.0)
    assert len(provider.calls()) == 1


def test_models_think_less(admin: Client, provider: Provider, name: str) -> None:
    budget(admin, name, action="effort", effort_from=1)
    assert chat(admin, "o3-mini", reasoning_effort="high").status_code == 200
    assert chat(admin).status_code == 200
    first, second = (call.request for call in provider.calls())
    assert first["reasoning_effort"] == "low"
    assert "reasoning_effort" not in second, "this model takes none"


def test_a_prompt_that_does_not_fit_is_refused_for_that_reason(
    admin: Client, user: Client, provider: Provider, name: str
) -> None:
    budget(admin, name, limit=5, strict=True, scope={"kind": "each_user"})
    answer = chat(user, messages=[{"role": "user", "content": "many words " * 50}])
    assert answer.status_code == 429
    assert f'5 of the usage limit \\"{name}\\" are left' in answer.text
    assert provider.calls() == []


def test_an_answer_is_no_longer_than_what_is_left(admin: Client, provider: Provider, name: str) -> None:
    budget(admin, name, limit=500, cap_output=True, scope={"kind": "each_user"})
    somebody = admin.add_user()  # Whom no other test has used anything as.
    assert chat(somebody, max_tokens=5).status_code == 200
    assert chat(somebody).status_code == 200
    first, second = (call.request for call in provider.calls())
    assert first["max_tokens"] == 5, "never raised"
    assert 1 <= second["max_tokens"] < 500


def test_so_many_requests_a_minute(admin: Client, provider: Provider, name: str) -> None:
    budget(admin, name, limit=2, unit="requests", period="minute", scope={"kind": "each_user"})
    answers = [chat(admin) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert "a minute. Try again in" in answers[-1].text
    assert len(provider.calls()) == 2


def test_credit_goes_on_where_the_limit_ends_and_the_journal_knows(
    admin: Client, user: Client, provider: Provider, name: str
) -> None:
    budget(admin, name, limit=1, unit="requests", scope={"kind": "each_user"})
    assert [chat(user).status_code for _ in range(2)] == [200, 429]
    admin.request("POST", f"{BUDGETS}/{name}/credits", {"amount": 1, "note": "once"})
    assert [chat(user).status_code for _ in range(2)] == [200, 429]
    entries = admin.request("GET", "/api/usage/journal?limit=2")["entries"]
    assert [(entry["section"], entry["change"], entry["name"]) for entry in entries] == [
        ("credit", "added", name),
        ("budget", "added", name),
    ]
    assert entries[0]["by"]["id"] == admin.id
