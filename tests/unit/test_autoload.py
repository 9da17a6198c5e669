"""The autoload line, where the environment asks it to keep out."""

from __future__ import annotations

import sys

import pytest

from openwebui_usage.host import autoload


@pytest.fixture(autouse=True)
def _finders(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new interpreter would have them, and as they were afterwards."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    autoload.deactivate()
    for name in ("OPENWEBUI_USAGE_ENABLED", "SAFE_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value", "is_in"),
    [
        (None, "", True),
        ("OPENWEBUI_USAGE_ENABLED", "true", True),
        ("OPENWEBUI_USAGE_ENABLED", "false", False),
        ("OPENWEBUI_USAGE_ENABLED", " Off ", False),
        ("OPENWEBUI_USAGE_ENABLED", "NO", False),
        ("OPENWEBUI_USAGE_ENABLED", "0", False),
        ("OPENWEBUI_USAGE_ENABLED", "perhaps", True),
        ("SAFE_MODE", "true", False),
        ("SAFE_MODE", " True ", False),
        ("SAFE_MODE", "false", True),
        ("SAFE_MODE", "1", True),  # As Open WebUI itself reads it.
    ],
)
def test_it_keeps_out_when_asked_to(monkeypatch: pytest.MonkeyPatch, name: str | None, value: str, is_in: bool) -> None:
    if name:
        monkeypatch.setenv(name, value)
    before = [*sys.meta_path]
    autoload.activate()
    assert autoload.is_active() is is_in
    assert is_in or sys.meta_path == before


def test_its_hook_is_put_in_place_once_and_taken_away() -> None:
    before = [*sys.meta_path]
    autoload.activate()
    autoload.activate()
    assert len(sys.meta_path) == len(before) + 1
    autoload.deactivate()
    assert sys.meta_path == before
