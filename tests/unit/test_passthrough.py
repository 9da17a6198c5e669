"""What pass-through requests ask for: metered, known to be free, or neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.passthrough import read_body, readings_of, route_of

CHAT = [
    "chat/completions",
    "v1/chat/completions",
    "chat/completions/",
    "chat/completions;a=b",
    "chat;x/completions",
    "chat/completions%20",
    "chat/completions ",
    "chat/completions%2E",
    "chat/%2E/completions",
    "chat/./completions",
    "%2e/chat/completions",
    "chat%2Fcompletions",
    "chat%252Fcompletions",
    "chat\\completions",
    "chat//completions",
    "x/../chat/completions",
    "../v1/chat/completions",
    "Chat/COMPLETIONS",
    "chat/completions?a=b",
    "chat/completions%3Fa=b",
    "chat/completions#x",
    "chat/comp\tletions",
    "chat/completions\u200b",
    "deployments/gpt/chat/completions",
    "files%23/../chat/completions",
    "files%3F/../chat/completions",
    "files%2523/%2E%2E/chat/completions",
    "models%23/%2e%2e/v1/chat/completions",
    "chat/completions%23/x",
]


@pytest.mark.parametrize("path", CHAT)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_every_way_to_chat_completions_is_metered(method: str, path: str) -> None:
    assert route_of(method, path, has_body=True).use == "metered"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_makes_any_method_a_call(method: str) -> None:
    assert route_of(method, "chat/completions", has_body=True).use == "metered"
    assert route_of(method, "chat/completions", has_body=False).use == "free"


@pytest.mark.parametrize(
    ("path", "wire", "generates"),
    [
        ("completions", "chat", True),
        ("completion", "chat", True),
        ("infill", "chat", True),
        ("responses", "responses", True),
        ("responses/compact", "responses", True),
        ("messages", "anthropic", True),
        ("embeddings", "chat", False),
        ("../api/chat", "ollama", True),
        ("../api/generate", "ollama", True),
        ("../api/embed", "ollama", False),
    ],
)
def test_known_ends_are_metered_in_their_wire_format(path: str, wire: str, generates: bool) -> None:
    route = route_of("POST", path, has_body=True)
    assert (route.use, route.wire, route.generates) == ("metered", wire, generates)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "models"),
        ("GET", "v1/models/openai/gpt-4o"),
        ("GET", "files/file-1/content"),
        ("GET", "responses/resp_1"),
        ("GET", "responses/resp_1/input_items"),
        ("GET", "chat/completions/chatcmpl-1/messages"),
        ("GET", "batches"),
        ("DELETE", "responses/resp_1"),
        ("DELETE", "files/file-1"),
        ("POST", "files"),
        ("POST", "moderations"),
        ("POST", "messages/count_tokens"),
        ("POST", "v1/responses/input_tokens"),
        ("POST", "responses/resp_1/cancel"),
        ("POST", "tokenize"),
    ],
)
def test_what_uses_no_tokens_is_free(method: str, path: str) -> None:
    assert route_of(method, path, has_body=method == "POST").use == "free"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "threads/runs"),
        ("POST", "threads/thread_1/runs"),
        ("POST", "messages/batches"),
        ("POST", "batches"),
        ("POST", "rerank"),
        ("POST", "images/generations"),
        ("POST", "audio/speech"),
        ("POST", "fine_tuning/jobs"),
        ("POST", "models/gemini-2.5-pro:generateContent"),
        ("POST", "models"),
        ("POST", "models/../batches"),
        ("POST", "files/../../anything"),
        ("PUT", "whatever"),
        ("GET", "prompt/write-me-a-novel"),
        ("DELETE", "whatever"),
        ("POST", "files%23/../threads/runs"),
        ("POST", "files%253F/../images/generations"),
        ("GET", "files%23/../prompt/write-me-a-novel"),
    ],
)
def test_what_nobody_knows_is_unknown(method: str, path: str) -> None:
    assert route_of(method, path, has_body=method in ("POST", "PUT")).use == "unknown"


@given(st.text(), st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), st.booleans())
def test_no_path_raises(path: str, method: str, has_body: bool) -> None:
    route_of(method, path, has_body=has_body)
    assert all(".." not in parts for parts in readings_of(path))


@pytest.mark.parametrize(
    ("data", "model", "is_ambiguous"),
    [
        (b'{"model": "a"}', "a", False),
        (b'{"model": "a", "x": {"model": "b"}, "messages": [{"model": "c"}]}', "a", False),
        (b'{"model": "a", "model": "b"}', "b", True),
        (b'{"model": "a", "\\u006dodel": "b"}', "b", True),
        (b'{"model": "a", "Model": "b"}', "a", True),
        (b'{"model": "a", "MODEL": null}', "a", True),
        (b'{"model": "a", " model": "b"}', "a", True),
        (b'{"models": ["b"], "model": "a"}', "a", False),
    ],
)
def test_two_models_in_one_body_are_seen(data: bytes, model: str, is_ambiguous: bool) -> None:
    body, found = read_body(data)
    assert body is not None
    assert (body["model"], found) == (model, is_ambiguous)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'[{"model": 1}]', b"{", b"\xff", b'{"a": ' + 50_000 * b"["])
def test_what_is_no_object_is_none(data: bytes) -> None:
    assert read_body(data) == (None, False)
