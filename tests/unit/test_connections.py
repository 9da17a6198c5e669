"""Connections: what is told of their URLs, how patterns name them, and how a call's is found in any host."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from openwebui_usage.host.connections import Connections, of_pipe
from openwebui_usage.rules.connections import Connection, MeteringRules, is_named, public_url

OPENAI = Connection("openai:0", "openai", "https://api.openai.com/v1")
HOME = Connection("ollama:1", "ollama", "http://192.168.1.7:11434", "home")
PIPE = of_pipe("my_pipe.gpt-4o")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        (" https://API.example.com:8443/a/b?key=secret#more ", "https://api.example.com:8443/a/b"),
        ("https://me:secret@gateway.example.com/v1", "https://gateway.example.com/v1"),
        ("http://[::1]:11434", "http://[::1]:11434"),
        ("http://localhost:11434", "http://localhost:11434"),
        ("api.openai.com/v1", None),
        ("file:///etc/passwd", None),
        ("https://host:port/", None),
        ("https://[broken", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_nothing_secret_is_told_of_a_url(url: object, told: str | None) -> None:
    assert public_url(url) == told


@pytest.mark.parametrize(
    ("patterns", "connection", "named"),
    [
        ("", OPENAI, False),
        (" , ", OPENAI, False),
        ("/", OPENAI, False),
        ("https://api.openai.com/v1", OPENAI, True),
        ("https://api.openai.com/v1/", OPENAI, True),
        ("https://api.openai.com/*", OPENAI, True),
        ("https://api.openai.com", OPENAI, False),
        ("api.openai.com", OPENAI, True),
        ("API.OpenAI.com", OPENAI, True),
        ("openai", OPENAI, False),
        ("openai:0", OPENAI, True),
        ("openai:*", OPENAI, True),
        ("http://192.168.*, localhost:11434", HOME, True),
        ("http://192.168.*\nlocalhost", HOME, True),
        ("192.168.1.7:11434", HOME, True),
        ("192.168.1.8", HOME, False),
        ("home", HOME, True),
        ("my_pipe", PIPE, True),
        ("pipe:my_pipe", PIPE, True),
        ("*", PIPE, True),
    ],
)
def test_patterns_name_connections(patterns: str, connection: Connection, named: bool) -> None:
    assert is_named(connection, patterns) is named


def test_a_call_is_free_only_where_all_that_may_serve_it_are() -> None:
    rules = MeteringRules(free_connections="192.168.*")
    hosted = Connection("ollama:0", "ollama", "https://ollama.com")
    assert rules.is_free([HOME])
    assert not rules.is_free([HOME, hosted])
    assert not rules.is_free([])
    assert not MeteringRules().is_free([HOME])


def test_all_connections_are_asked_for_usage_but_those_that_are_named() -> None:
    rules = MeteringRules(not_asked_for_usage="api.openai.com")
    assert not rules.asks_for_usage(OPENAI)
    assert rules.asks_for_usage(HOME)
    assert rules.asks_for_usage(None)


def app_of_an_older_host() -> FastAPI:
    app = FastAPI()
    app.state.config = SimpleNamespace(
        OPENAI_API_BASE_URLS=["https://api.openai.com/v1", "https://k:s@gateway.example.com/v1/"],
        OPENAI_API_CONFIGS={"1": {"prefix_id": "gw"}},
        OLLAMA_BASE_URLS=["http://one:11434", "http://two:11434"],
        OLLAMA_API_CONFIGS={"http://two:11434": {"prefix_id": "two"}},
    )
    app.state.OPENAI_MODELS = {
        "gpt-4o": {"urlIdx": 0},
        "gw.gpt-4o": {"urlIdx": 1},
        "broken": None,
        "odd": {"urlIdx": "0"},
    }
    app.state.OLLAMA_MODELS = {"llama3:latest": {"urls": [0, 1]}, "qwen3:8b": {"urls": [1]}}
    return app


@pytest.mark.parametrize(
    ("kind", "model", "options", "found"),
    [
        ("openai", "gpt-4o", {}, ["https://api.openai.com/v1"]),
        ("openai", "gw.gpt-4o", {}, ["https://gateway.example.com/v1"]),
        ("openai", "gpt-4", {}, []),
        ("openai", "gpt-4", {"fallback": 0}, ["https://api.openai.com/v1"]),
        ("openai", "broken", {}, []),
        ("openai", "odd", {}, []),
        ("ollama", "qwen3:8b", {}, ["http://two:11434"]),
        ("ollama", "llama3", {}, ["http://one:11434", "http://two:11434"]),
        ("ollama", "llama3:latest", {"index": 1}, ["http://two:11434"]),
        ("ollama", "llama3:latest", {"index": 9}, []),
        ("ollama", "llama3:latest", {"index": True}, ["http://one:11434", "http://two:11434"]),
        ("ollama", "llama3:latest", {"index": -1}, []),
    ],
)
def test_a_calls_connection_is_found(kind: Any, model: str, options: dict[str, Any], found: list[str]) -> None:
    connections = Connections(app_of_an_older_host())
    assert [item.url for item in asyncio.run(connections.of_provider(kind, model, **options))] == found


def test_a_connections_prefix_is_its_name() -> None:
    (gateway,) = asyncio.run(Connections(app_of_an_older_host()).of_provider("openai", "gw.gpt-4o"))
    assert gateway == Connection("openai:1", "openai", "https://gateway.example.com/v1", "gw", ("gw",))


def test_a_host_that_keeps_none_of_it_has_no_connections() -> None:
    app = FastAPI()
    app.state.config = SimpleNamespace(OPENAI_API_BASE_URLS=None)
    connections = Connections(app)
    assert asyncio.run(connections.of_provider("openai", "gpt-4o", fallback=0)) == ()
    assert not connections.knows("openai", "gpt-4o")
