"""`openwebui-usage doctor` and `status`: each fault that they find by themselves, and what a server tells them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from starlette.responses import JSONResponse
from typer.testing import CliRunner, Result

from openwebui_usage.checks import installation
from openwebui_usage.checks.installation import Installation, of_autoload
from openwebui_usage.cli import app
from openwebui_usage.client.storage import Place
from openwebui_usage.commands.running import Server
from openwebui_usage.launch import probe
from openwebui_usage.ledger import CallInfo, CallRow, Store
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.host import ROOT
from tests.support.router import Router

HERE = Installation("/venv/bin/python", "0.12.4", pth="/venv/site/openwebui_usage.pth", copies=("/venv/site/a.py",))
WORKS = Installation(**{**{name: getattr(HERE, name) for name in HERE.__slots__}, "is_active": True})


def with_(**values: Any) -> Installation:
    return Installation(**{**{name: getattr(HERE, name) for name in HERE.__slots__}, **values})


AUTOLOAD = [
    (WORKS, "ok", "comes up with the plugin, by /venv/site/openwebui_usage.pth"),
    (with_(is_active=True, pth=None, sitecustomize="/mnt/sitecustomize.py"), "ok", "by /mnt/sitecustomize.py"),
    (with_(is_active=True, copies=("/a.py", "/b.py")), "warn", "2 times: /a.py, /b.py"),
    (with_(open_webui=None), "fail", "not installed for /venv/bin/python"),
    (with_(switched_off="SAFE_MODE=true"), "fail", "SAFE_MODE=true keeps"),
    (with_(flags=("-I", "-S")), "fail", "with -I -S"),
    (with_(pth=None), "fail", "no autoload line"),
    (with_(error="ImportError: no"), "fail", "Python said: ImportError: no"),
    (
        with_(pth=None, own_sitecustomize="/mnt/sitecustomize.py", sitecustomize="/usr/sitecustomize.py"),
        "fail",
        "Python takes /usr/sitecustomize.py instead",
    ),
]


@pytest.mark.parametrize(("found", "state", "words"), AUTOLOAD, ids=[words for _, _, words in AUTOLOAD])
def test_why_open_webui_does_not_come_up_with_the_plugin(found: Installation, state: str, words: str) -> None:
    check = of_autoload(found)
    assert check.state == state
    assert words in check.text
    assert (check.mend is None) == (state == "ok")


class TestInterpreter:
    """Real interpreters, with whatever somebody may put in their way."""

    def start(self, *paths: Path, flags: tuple[str, ...] = ()) -> dict[str, Any]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        command = [sys.executable, *flags, "-c", installation._PROBE]
        done = subprocess.run(command, env=env, cwd="/", text=True, capture_output=True, check=True)
        seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return seen

    def sitecustomize(self, folder: Path, source: str) -> Path:
        folder.mkdir()
        file = folder / "sitecustomize.py"
        file.write_text(source)
        return file

    def test_a_sitecustomize_of_ours_is_seen_to_work(self, tmp_path: Path) -> None:
        ours = self.sitecustomize(tmp_path / "ours", "import openwebui_usage.host.autoload as a\na.activate()\n")
        seen = self.start(ours.parent, ROOT)
        assert seen["is_active"] is True
        assert seen["sitecustomize"] == seen["own_sitecustomize"] == str(ours)
        assert str(ROOT / "openwebui_usage" / "__init__.py") in seen["copies"]

    def test_one_that_is_shadowed_is_named_with_what_shadows_it(self, tmp_path: Path) -> None:
        theirs = self.sitecustomize(tmp_path / "theirs", "")
        ours = self.sitecustomize(tmp_path / "ours", "import openwebui_usage.host.autoload as a\na.activate()\n")
        seen = self.start(theirs.parent, ours.parent, ROOT)
        assert (seen["is_active"], seen["sitecustomize"], seen["own_sitecustomize"]) == (False, str(theirs), str(ours))

    def test_an_isolated_interpreter_sees_none(self, tmp_path: Path) -> None:
        ours = self.sitecustomize(tmp_path / "ours", "import openwebui_usage.host.autoload as a\na.activate()\n")
        assert self.start(ours.parent, ROOT, flags=("-I",))["is_active"] is False

    def test_the_options_of_the_command_are_read(self, tmp_path: Path) -> None:
        command = tmp_path / "open-webui"
        command.write_text("#!/venv/bin/python -I -s\nimport sys\n")
        assert installation._flags(command) == ("-I", "-s")
        assert installation._flags(tmp_path / "missing") == ()


class TestTheOfficialImage:
    """Open WebUI is no installed package there, but a folder beside its start script."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "app" / "backend"
        (folder / "open_webui").mkdir(parents=True)
        (folder / "open_webui" / "main.py").touch()
        monkeypatch.chdir(folder)
        return folder

    def test_its_version_stands_beside_that_folder(self, backend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert installation.host_version() == "unknown"
        (backend.parent / "package.json").write_text('{"version": "0.12.4"}')
        assert installation.host_version() == "0.12.4"
        monkeypatch.chdir(backend.parent)
        assert installation.host_version() is None

    def test_it_is_asked_where_its_data_is_as_a_folder(self, backend: Path) -> None:
        says = "import os\nDATABASE_URL = 'sqlite:///a.db'\nDATA_DIR = os.getenv('FROM_INIT_PY', 'beside the folder')\n"
        (backend / "open_webui" / "env.py").write_text(says)
        assert probe().facts == {"DATABASE_URL": "sqlite:///a.db", "DATA_DIR": "beside the folder"}

    @pytest.mark.parametrize("key", [None, "", "theirs"])
    def test_it_tells_that_without_the_key_of_the_server(
        self, backend: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
    ) -> None:
        """Whose start script makes one, where the container was given none."""
        says = "import os\nDATABASE_URL = 'sqlite:///a.db'\nassert os.environ['WEBUI_SECRET_KEY']\n"
        (backend / "open_webui" / "env.py").write_text(says)
        monkeypatch.delenv("WEBUI_SECRET_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("WEBUI_SECRET_KEY", key)
        found = probe()
        assert found.facts == {"DATABASE_URL": "sqlite:///a.db"}
        assert found.environment["WEBUI_SECRET_KEY"] == (key or "not used")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with one call of a model without a price, in this environment, which has no Open WebUI."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "WEBSOCKET_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "webui-usage.db"
    engine = Place(f"sqlite:///{file}").engine()
    store = Store(engine)
    store.migrate()
    row = CallRow(CallInfo("mystery", "mystery", "u1"), started_at=1_793_534_400.0, usage=TokenUsage(input=1))
    store.record([row])
    engine.dispose()
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def states(*arguments: str) -> dict[str, str]:
    told = json.loads(run(*arguments, "--json").stdout)
    return {check["id"]: check["state"] for check in told["checks"]}


class TestWithoutAServer:
    def test_it_tells_all_that_a_database_knows(self, database: Path) -> None:
        found = states("doctor", "--database", str(database))
        assert found.pop("autoload") == "fail"  # There is no Open WebUI here.
        assert {"tables", "ledger", "spool", "redis", "prices", "webhook", "reports", "size", "disk", "clock"} <= {
            *found
        }
        assert set(found.values()) <= {"ok", "warn"}

    def test_it_changes_nothing(self, database: Path) -> None:
        before = database.read_bytes()
        run("doctor", "--database", str(database))
        assert database.read_bytes() == before

    def test_each_line_says_how_it_is_and_what_to_do(self, database: Path) -> None:
        done = run("doctor", "--database", str(database))
        assert done.exit_code == 1
        lines = done.stdout.splitlines()
        assert any(line.startswith("fail  autoload") for line in lines)
        assert any(line.strip().startswith("→ Run the command that lies beside") for line in lines)
        assert any(line.startswith("ok    tables") and str(database) in line for line in lines)
        assert "--url" in lines[-1]

    @pytest.mark.parametrize(
        ("revision", "state", "words"),
        [("9999", "fail", "newer openwebui-usage (revision 9999)"), ("0009", "warn", "is of revision 0009")],
    )
    def test_a_ledger_of_another_version(self, database: Path, revision: str, state: str, words: str) -> None:
        engine = create_engine(f"sqlite:///{database}")
        with engine.begin() as connection:
            connection.execute(text("UPDATE usage_alembic_version SET version_num = :revision"), {"revision": revision})
        engine.dispose()
        told = json.loads(run("doctor", "--database", str(database), "--json").stdout)
        [tables] = [check for check in told["checks"] if check["id"] == "tables"]
        assert tables["state"] == state
        assert words in tables["text"]

    def test_no_ledger_is_made_where_there_is_none(self, database: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        assert states("doctor", "--database", str(other))["tables"] == "warn"
        assert not other.exists()

    def test_a_file_that_is_no_database(self, database: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.db"
        other.write_text("this is no database, and long enough to be taken for one" * 20)
        assert states("doctor", "--database", str(other))["tables"] == "fail"

    def test_what_waits_and_what_is_wrong(
        self, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spool = tmp_path / "usage-spool"
        spool.mkdir()
        (spool / "calls-1.jsonl").write_text("{}\n")
        monkeypatch.setenv("OPENWEBUI_USAGE_COUNTING", "twice")
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
        found = states("doctor", "--database", str(database))
        assert (found["spool"], found["settings"], found["redis"]) == ("warn", "warn", "fail")

    def test_status_is_one_line(self, database: Path) -> None:
        done = run("status", "--database", str(database))
        assert done.exit_code == 1
        assert len(done.stdout.splitlines()) == 1
        assert "fails: autoload" in done.stdout


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    router = Router(tmp_path_factory.mktemp("server"))
    router.store.migrate()

    @router.app.post("/api/chat/completions")
    def complete(body: dict[str, Any]) -> Any:
        if body["model"] == "gpt-4o":
            router.record("gpt-4o", user_id="admin")
        if body["model"] == "broken":
            return JSONResponse({"detail": "No provider"}, 502)
        return {"choices": []}

    return router


@pytest.fixture
def server(router: Router, monkeypatch: pytest.MonkeyPatch) -> Router:
    """Whatever server is asked, it is this one."""

    @contextmanager
    def client(server: Server, timeout: float) -> Iterator[httpx.Client]:
        with router.client(server.key) as found:
            yield found.http

    monkeypatch.setattr(Server, "_client", client)
    return router


class TestWithAServer:
    def test_it_tells_what_the_server_tells(self, server: Router) -> None:
        done = run("doctor", "--url", "http://usage.test", "--key", "admin", "--json")
        told = json.loads(done.stdout)
        assert (done.exit_code, told["state"] in ("ok", "warn")) == (0, True)
        assert {"size", "prices"} <= {check["id"] for check in told["checks"]}

    def test_a_fault_that_is_here_alone_is_none_of_a_server_elsewhere(
        self, server: Router, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(installation, "look_at_installation", lambda: with_(pth=None))
        done = run("doctor", "--url", "http://usage.test", "--key", "admin")
        assert done.exit_code == 0
        assert "autoload" not in done.stdout

    def test_a_call_is_made_and_found(self, server: Router) -> None:
        done = run("doctor", "--url", "http://usage.test", "--key", "admin", "--model", "gpt-4o")
        assert done.exit_code == 0
        assert "the ledger has the call: 10 tokens in, 5 out, $" in done.stdout

    @pytest.mark.parametrize(
        ("model", "words"), [("uncounted", "the ledger has no such call"), ("broken", "HTTP 502: No provider")]
    )
    def test_a_call_that_does_not_work(self, server: Router, model: str, words: str) -> None:
        server.record(model, user_id="admin")  # An older one is not taken for it.
        done = run("doctor", "--url", "http://usage.test", "--key", "admin", "--model", model)
        assert done.exit_code == 1
        assert words in done.stdout

    @pytest.mark.parametrize("key", ["user", "nobody"])
    def test_only_an_admin_is_told(self, server: Router, key: str) -> None:
        done = run("doctor", "--url", "http://usage.test", "--key", key)
        assert done.exit_code == 1
        assert "does not take the key for an admin's" in done.stdout

    def test_status_says_what_today_came_to(self, server: Router, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENWEBUI_USAGE_KEY", "admin")
        before = json.loads(run("status", "--url", "http://usage.test", "--json").stdout)["today"]["calls"]
        server.record("gpt-4o")
        done = run("status", "--url", "http://usage.test")
        assert done.exit_code == 0
        assert re.search(rf"; {before + 1} calls? today, \d+ tokens, \$\d", done.stdout)

    def test_a_model_needs_a_server(self) -> None:
        done = run("doctor", "--model", "gpt-4o")
        assert (done.exit_code, done.stderr) == (2, "--model: needs --url, for a server makes the call\n")


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "look_at_installation", lambda: with_(pth=None))
    done = run("doctor", "--url", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "no autoload line" in done.stdout
    assert "http://127.0.0.1:9 does not answer" in done.stdout


def test_a_key_that_no_header_can_have_is_told_to_nobody() -> None:
    done = run("doctor", "--url", "http://127.0.0.1:9", "--key", "sk-hush\nhush")
    assert done.exit_code == 1
    assert "characters that no key has" in done.stdout
    assert "hush" not in done.output
    assert "does not answer" in run("doctor", "--url", "http://127.0.0.1:9", "--key", "sk-hush\n").stdout
    assert "characters that no key has" in run("doctor", "--url", "http://127.0.0.1:9", "--key", "sk-“hush”").stdout


def test_an_address_that_is_none() -> None:
    done = run("doctor", "--url", "http://[::1")
    assert done.exit_code == 1
    assert "http://[::1 does not answer" in done.stdout


def test_what_answers_with_broken_json_is_no_server_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def client(server: Server, timeout: float) -> httpx.Client:
        broken = httpx.Response(200, headers={"Content-Type": "application/json"}, content=b"{oops")
        return httpx.Client(transport=httpx.MockTransport(lambda _: broken), base_url=server.url)

    monkeypatch.setattr(Server, "_client", client)
    done = run("doctor", "--url", "http://usage.test")
    assert done.exit_code == 1
    assert "a page instead of JSON" in done.stdout
