"""A wrong value of one variable is told, and keeps nothing else from working."""

from __future__ import annotations

import pytest

from openwebui_usage.rules.durations import Duration
from openwebui_usage.settings import ClientSettings, Settings, SettingsError, read_settings, read_strictly


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The variables that are right, and stay so; no `.env` is in the working directory."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("OPENWEBUI_USAGE_KEEP_RAW_USAGE", "90 days")
    monkeypatch.setenv("OPENWEBUI_USAGE_CLIENT_MODEL", "o3")


@pytest.mark.parametrize(
    ("variable", "value", "field", "taken", "says"),
    [
        ("COUNTING", "bills", "counting", "documented", "(got 'bills')"),
        ("FAIL_CLOSED", "ture", "fail_closed", "false", "(got 'ture')"),
        ("CLIENT", "si", "client", "false", "(got 'si')"),
        ("KEEP_CALLS", "a while", "keep_calls", "not set", 'like "13 months" (got "a while")'),
    ],
)
def test_the_default_stands_in_for_a_wrong_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, taken: str, says: str
) -> None:
    monkeypatch.setenv(f"OPENWEBUI_USAGE_{variable}", value)
    settings, [wrong] = read_settings(Settings)
    assert getattr(settings, field) == Settings.model_fields[field].default
    assert settings.keep_raw_usage == Duration(90, "day")
    assert str(wrong) == f"OPENWEBUI_USAGE_{variable}: {wrong.fault}. The default is taken instead: {taken}."
    assert wrong.fault.endswith(says)
    with pytest.raises(SettingsError) as raised:
        read_strictly(Settings)
    assert str(raised.value) == f"{wrong.variable}: {wrong.fault}."


def test_each_wrong_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENWEBUI_USAGE_CLIENT_RATE", "-1")
    monkeypatch.setenv("OPENWEBUI_USAGE_CLIENT_TIMEOUT", "long")
    settings, wrong = read_settings(ClientSettings)
    assert (settings.rate, settings.timeout, settings.model) == (120, 900, "o3")
    assert [each.variable for each in wrong] == ["OPENWEBUI_USAGE_CLIENT_RATE", "OPENWEBUI_USAGE_CLIENT_TIMEOUT"]


@pytest.mark.parametrize(
    ("kind", "variable"),
    [(Settings, "OPENWEBUI_USAGE_WEBHOOK_SECRET"), (ClientSettings, "OPENWEBUI_USAGE_CLIENT_SECRET")],
)
def test_nothing_stands_in_for_a_secret(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings] | type[ClientSettings], variable: str
) -> None:
    monkeypatch.setenv(variable, " \t ")
    with pytest.raises(SettingsError, match=f"^{variable}: must not be blank") as raised:
        read_settings(kind)
    assert "\\t" not in str(raised.value)


def test_what_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"OPENWEBUI_USAGE_{name.upper()}", "")
    assert read_settings(Settings) == (Settings.model_construct(), ())
