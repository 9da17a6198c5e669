"""The command line where no Open WebUI is, and the rules by which `serve` deals with the demo provider."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text

from openwebui_usage.demo.connection import KEY, Saved, demo_port, environment, forget, judge, read
from openwebui_usage.launch import PROVIDER_VARIABLES, Host, wants_demo
from tests.support.process import Process, free_port, wait_until

DEMO_URL = "http://127.0.0.1:8082/v1"


def rows(urls: Any, keys: Any, configs: Any = None, ollama: Any = ("http://localhost:11434",)) -> dict[str, Any]:
    return {
        "openai.api_base_urls": urls,
        "openai.api_keys": keys,
        "openai.api_configs": configs or {},
        "ollama.base_urls": list(ollama),
    }


TAKES_LONG = {
    "alembic",
    "fastapi",
    "genai_prices",
    "httpx",
    "openpyxl",
    "pyarrow",
    "pydantic",
    "redis",
    "sqlalchemy",
    "uvicorn",
}
"""Libraries that only some commands need."""
NOTHING: dict[str, Any] = {}
DEMO = rows([DEMO_URL], [KEY])
STOCK = rows(["https://api.openai.com/v1"], [""])
SHARED = rows([DEMO_URL, "https://api.openai.com/v1"], [KEY, "sk-real"])
ADMIN = rows(["https://api.openai.com/v1"], ["sk-real"])


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openwebui_usage.cli", *arguments]
    return subprocess.run(command, env={**os.environ, **env}, text=True, capture_output=True, check=False)


class TestCommands:
    def test_help_names_them_and_imports_nothing_that_takes_long(self) -> None:
        told = run("--help", PYTHONPROFILEIMPORTTIME="1")
        assert told.returncode == 0
        assert all(command in told.stdout for command in ("serve", "demo", "version"))
        imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
        assert "typer" in imported
        assert imported.isdisjoint(TAKES_LONG)

    def test_version(self) -> None:
        from openwebui_usage import __version__

        assert f"openwebui-usage {__version__}" in run("version").stdout

    def test_serve_without_open_webui_says_so(self) -> None:
        told = run("serve")
        assert told.returncode == 1
        assert told.stderr.startswith("Open WebUI is not installed for ")
        assert told.stderr.count("\n") == 1

    def test_demo_on_a_port_that_is_taken_says_so(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            told = run("demo", "--port", port)
        assert told.returncode == 1
        assert f"Cannot listen on 127.0.0.1:{port}" in told.stderr

    @pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, {0, 130}), (signal.SIGTERM, {0, -signal.SIGTERM})])
    def test_demo_answers_until_it_is_stopped(self, tmp_path: Path, how: signal.Signals, code: set[int]) -> None:
        port = free_port()
        command = [sys.executable, "-m", "openwebui_usage.cli", "demo", "--port", str(port)]
        process = Process(command, env=os.environ, cwd=Path.cwd(), log=tmp_path / "log")
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/v1/models"), timeout=20, what="the demo answers")
        assert process.stop(how) in code, process.log_tail()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


class TestWhoseConnectionsTheseAre:
    @pytest.mark.parametrize(
        ("saved", "whose"),
        [
            (NOTHING, Saved.NOTHING),
            ({"ollama.base_urls": ["http://localhost:11434"]}, Saved.NOTHING),
            (DEMO, Saved.DEMO),
            (STOCK, Saved.STOCK),
            (SHARED, Saved.SHARED),
            (ADMIN, Saved.ADMIN),
            (rows([DEMO_URL], [KEY], {"0": {"prefix_id": "demo"}}), Saved.SHARED),
            (rows(["https://api.openai.com/v1"], [""], ollama=["http://gpu-box:11434"]), Saved.ADMIN),
            (rows([], []), Saved.ADMIN),
            (rows(["http://127.0.0.1:8082/v1"], [""]), Saved.ADMIN),
            (rows("nonsense", None), Saved.ADMIN),
        ],
    )
    def test_is_told_by_the_key_of_the_demo(self, saved: dict[str, Any], whose: Saved) -> None:
        assert judge(saved) is whose

    @pytest.mark.parametrize(
        ("saved", "port"),
        [
            (NOTHING, None),
            (ADMIN, None),
            (SHARED, 8082),
            (rows([DEMO_URL, "https://x/v1"], [KEY, "sk"], {"0": {"enable": False}}), None),
        ],
    )
    def test_the_demo_is_expected_where_a_connection_that_is_on_says(
        self, saved: dict[str, Any], port: int | None
    ) -> None:
        assert demo_port(saved) == port


class TestWhenTheDemoRuns:
    @pytest.mark.parametrize("saved", [NOTHING, STOCK, SHARED])
    def test_where_no_provider_is_configured(self, saved: dict[str, Any]) -> None:
        assert wants_demo(None, Host({}, connections=saved))
        assert wants_demo(None, Host(dict.fromkeys(PROVIDER_VARIABLES, " "), connections=saved))

    def test_not_where_the_admin_has_configured_one(self) -> None:
        assert not wants_demo(None, Host({}, connections=ADMIN))

    @pytest.mark.parametrize("name", PROVIDER_VARIABLES)
    def test_not_where_the_environment_has_one(self, name: str) -> None:
        assert not wants_demo(None, Host({name: "http://localhost:11434"}))
        assert not wants_demo(None, Host({name: "http://localhost:11434"}, connections=STOCK))

    def test_whoever_says_so_gets_it_or_does_not(self) -> None:
        assert wants_demo(True, Host({"OPENAI_API_KEY": "sk-real"}))
        assert not wants_demo(False, Host({}))

    def test_ollama_is_left_alone_where_it_is_at_hand(self) -> None:
        assert environment(DEMO_URL, keep_ollama=False)["ENABLE_OLLAMA_API"] == "false"
        assert "ENABLE_OLLAMA_API" not in environment(DEMO_URL, keep_ollama=True)


class TestOpenWebUIsDatabase:
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/webui.db"

    def save(self, url: str, values: dict[str, Any]) -> None:
        engine = create_engine(url)
        with engine.begin() as db:
            db.execute(text("CREATE TABLE config (key TEXT PRIMARY KEY, value JSON NOT NULL, updated_at BIGINT)"))
            for key, value in values.items():
                db.execute(text("INSERT INTO config VALUES (:k, :v, 0)"), {"k": key, "v": json.dumps(value)})
        engine.dispose()

    def test_the_demo_is_forgotten_and_nothing_else(self, url: str) -> None:
        self.save(url, {**DEMO, "ollama.enable": False, "ui.name": "Ours"})
        assert forget(url, Saved.DEMO)
        assert judge(read(url)) is Saved.NOTHING
        engine = create_engine(url)
        with engine.connect() as db:
            assert set(db.execute(text("SELECT key FROM config")).scalars()) == {"ollama.base_urls", "ui.name"}
        engine.dispose()

    @pytest.mark.parametrize("saved", [STOCK, SHARED, ADMIN])
    def test_what_an_admin_has_saved_stays(self, url: str, saved: dict[str, Any]) -> None:
        self.save(url, saved)
        assert not forget(url, Saved.DEMO)
        assert read(url) == saved

    def test_a_database_that_is_not_there_is_not_made(self, url: str, tmp_path: Path) -> None:
        assert read(url) == {}
        assert not forget(url, Saved.DEMO)
        assert not list(tmp_path.iterdir())

    def test_an_older_shape_is_left_alone(self, url: str) -> None:
        engine = create_engine(url)
        with engine.begin() as db:
            db.execute(text("CREATE TABLE config (id INTEGER PRIMARY KEY, data JSON, version INTEGER)"))
        engine.dispose()
        assert read(url) == {}
        assert not forget(url, Saved.DEMO)
