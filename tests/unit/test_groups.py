"""Which models a group holds, and what its counters show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.groups import Group, Sums, matches

ids = st.text(st.sampled_from("ab.-/*?[]"), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "model_id"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o*", "gpt-4o"),
        ("gpt-4o*", "gpt-4o-mini"),
        ("*", "anything/at:all"),
        ("*", ""),
        ("*mini", "gpt-4o-mini"),
        ("*4o*", "gpt-4o-mini"),
        ("gpt-?o", "gpt-4o"),
        ("gpt-**o", "gpt-4o"),
        ("openai/*/o?-*", "openai/eu/o3-mini"),
        ("llama3.2:*", "llama3.2:latest"),
        ("model[1]", "model[1]"),
        ("model[1]*", "model[1]-b"),
        ("what?", "what?"),
        ("*", "two\nlines"),
        ("a*b*c", "abbcbc"),
        ("*ab", "aab"),
    ],
)
def test_a_pattern_holds_a_model(pattern: str, model_id: str) -> None:
    assert matches(pattern, model_id)


@pytest.mark.parametrize(
    ("pattern", "model_id"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "GPT-4o"),
        ("gpt-4o*", "openai/gpt-4o"),
        ("gpt-4o*", "GPT-4o"),
        ("llama3.2", "llama3-2"),
        ("llama3.2*", "llama3-2"),
        ("gpt-?o", "gpt-o"),
        ("gpt-?o", "gpt-44o"),
        ("model[1]*", "model1"),
        ("[ab]*", "a"),
        ("*mini", "gpt-4o-mini-2024"),
        ("a*ab", "ab"),
        ("", "gpt-4o"),
        ("gpt-4o*", ""),
        ("gpt-4o?", "gpt-4o\n\n"),
    ],
)
def test_a_pattern_does_not_hold_a_model(pattern: str, model_id: str) -> None:
    assert not matches(pattern, model_id)


@given(ids, ids)
def test_globs_are_read_as_their_definition_says(pattern: str, model_id: str) -> None:
    assert matches(pattern, model_id) == (pattern == model_id or by_definition(pattern, model_id))


def by_definition(pattern: str, text: str) -> bool:
    """Slow and plain: each star is tried with every run of characters."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_definition(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and by_definition(pattern[1:], text[1:])


@pytest.mark.timeout(60)  # It takes a blink, or, were each star tried with each run of characters, for ever.
def test_no_pattern_takes_long() -> None:
    assert not matches("*a" * 100 + "b", "a" * 100_000)
    assert not matches("*" * 200 + "b", "a" * 100_000)


def test_a_workspace_model_is_held_by_its_own_id_and_by_its_base() -> None:
    group = Group("1", "GPT", ("gpt-4o*", "my-helper"))
    assert group.holds(("my-helper", "llama3.2"))
    assert group.holds(("another", "gpt-4o-mini"))
    assert not group.holds(("another", "llama3.2"))
    assert not group.holds(())
    assert not Group("2", "Empty", ()).holds(("gpt-4o",))


SUMS = Sums(calls=2, input=100, completion=300, reasoning=250, output=300)


def test_out_is_completion_and_reasoning_as_documented() -> None:
    assert (SUMS.out("documented"), SUMS.total("documented")) == (550, 650)


def test_out_is_each_token_once_as_billed() -> None:
    assert (SUMS.out("billed"), SUMS.total("billed")) == (300, 400)
