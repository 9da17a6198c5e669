"""Who is neither admin nor reader learns no address of a machine that only admins should know of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openwebui_usage.api.connection_names import ConnectionNames
from openwebui_usage.ledger.report_query import Named
from openwebui_usage.rules.connections import Connection, connection_id, connection_label, with_url_names
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables

SECRETS = ("10.1.2.3", "gpu", "8443", "1143", "corp", "::1")


def named(*connections: Connection) -> Named:
    """Connections as the ledger knows them."""
    known = with_url_names(connections)
    return Named(connection_id(known) or "", connection_label(known) or "")


def openai(url: str, name: str | None = None) -> Connection:
    return Connection("openai:0", "openai", url, name)


def ollama(url: str, name: str | None = None) -> Connection:
    return Connection("ollama:1", "ollama", url, name)


PRIVATE = {
    "by number": (named(openai("http://10.1.2.3:8443/v1")), "OpenAI-compatible"),
    "by name": (named(openai("https://gpu.corp.example.com/v1")), "OpenAI-compatible"),
    "without a dot": (named(ollama("http://gpu:11434")), "Ollama"),
    "IPv6": (named(ollama("http://[::1]:11434")), "Ollama"),
    "with a name": (named(openai("http://10.1.2.3:8443/v1", "lab")), "lab"),
    "two at one URL": (named(ollama("http://gpu:11434", "a"), ollama("http://gpu:11434", "b")), "a, b"),
    "one of two": (named(ollama("http://gpu:11434", "a"), ollama("http://10.1.2.3:11435")), "Ollama, a"),
    "two with names": (named(ollama("http://gpu:11434", "a"), ollama("http://10.1.2.3:11435", "b")), "b, a"),
    "beside a public one": (
        named(openai("https://api.openai.com/v1"), openai("http://10.1.2.3:8443/v1")),
        "OpenAI-compatible",
    ),
    "a name that begins as a provider's": (named(openai("https://api.openai.com.intern.lan/v1")), "OpenAI-compatible"),
    "a name that ends as a provider's": (named(openai("https://x-api.openai.com/v1")), "OpenAI-compatible"),
    "a customer's own": (named(openai("https://acme-hr.openai.azure.com/openai")), "OpenAI-compatible"),
    "a provider's name at another port": (named(openai("https://api.openai.com:8443/v1")), "OpenAI-compatible"),
    "an older name": (Named("openai:https://api.openai.com/v1", "http://10.1.2.3:8443/v1"), "OpenAI-compatible"),
}
PUBLIC = {
    "OpenAI": named(openai("https://api.openai.com/v1")),
    "with a name": named(openai("https://api.openai.com/v1", "fast")),
    "a pipe": named(Connection("pipe:my_pipe", "pipe", name="my_pipe")),
    "direct": named(Connection("direct", "direct")),
    "nobody knows where": named(Connection("openai:0", "openai")),
}


@pytest.mark.parametrize("kind", PRIVATE)
@pytest.mark.parametrize("number", [7, None])
def test_a_private_address_is_not_told(kind: str, number: int | None) -> None:
    connection, name = PRIVATE[kind]
    names = ConnectionNames([] if number is None else [(number, connection)])
    assert names.shown(connection) == Named("connection" if number is None else f"connection:{number}", name)
    assert not any(secret in text for secret in SECRETS for text in names.shown(connection))


@pytest.mark.parametrize("kind", PUBLIC)
def test_what_everybody_knows_is_told(kind: str) -> None:
    assert ConnectionNames([(7, PUBLIC[kind])]).shown(PUBLIC[kind]) == PUBLIC[kind]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """Everybody has asked a private machine with a name, one without, and a public provider."""
    router = Router(tmp_path_factory.mktemp("router"))
    give_tables(router.engine)
    connections = (PRIVATE["with a name"][0], PRIVATE["without a dot"][0], PUBLIC["OpenAI"])
    router.store.record(
        [
            call_row("gpt-4o", user_id=user, user_name=user, connection=connection.id, connection_name=connection.name)
            for user in ("user", "lead", "reader", "admin")
            for connection in connections
        ]
    )
    return router


def ask(router: Router, who: str, path: str, **parameters: Any) -> Any:
    with router.client(who) as client:
        answer = client.http.get(f"/api/usage/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer


@pytest.mark.parametrize("path", ["me/calls", "me/report"])
@pytest.mark.parametrize("format_", ["json", "csv", "jsonl"])
def test_own_calls_and_reports_tell_no_private_address(router: Router, path: str, format_: str) -> None:
    told = ask(router, "user", path, format=format_, group_by="connection").text
    assert not any(secret in told for secret in SECRETS)
    assert all(name in told for name in ("lab", "Ollama", "https://api.openai.com/v1"))


@pytest.mark.parametrize("who", ["admin", "reader", "lead"])
@pytest.mark.parametrize("path", ["me/calls", "me/report"])
def test_admins_and_readers_see_the_address(router: Router, who: str, path: str) -> None:
    assert "http://10.1.2.3:8443/v1" in ask(router, who, path, group_by="connection").text


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("lab", 1),
        ("Ollama", 1),
        (["lab", "Ollama"], 2),
        ("https://api.openai.com/v1", 1),
        ("none", 0),
        ("http://10.1.2.3:8443/v1", 0),
        ("openai:http://10.1.2.3:8443/v1", 0),
        ("lab (http://10.1.2.3:8443/v1)", 0),
        ("|", 0),
    ],
)
def test_calls_are_chosen_by_what_is_seen_and_no_guess_finds_an_address(
    router: Router, wanted: Any, count: int
) -> None:
    assert len(ask(router, "user", "me/calls", connection=wanted).json()["calls"]) == count
    assert ask(router, "user", "me/report", connection=wanted).json()["totals"]["calls"] == count


def test_the_id_that_is_told_chooses_as_well(router: Router) -> None:
    calls = ask(router, "user", "me/calls").json()["calls"]
    ids = {call["connection"]["name"]: call["connection"]["id"] for call in calls}
    assert len(ids) == 3
    for id_ in ids.values():
        [call] = ask(router, "user", "me/calls", connection=id_).json()["calls"]
        assert call["connection"]["id"] == id_
