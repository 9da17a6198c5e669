"""Start this environment's Open WebUI, with the demo provider beside it where no other provider is configured.

`serve` *becomes* Open WebUI: it prepares the environment, starts the companion (`openwebui_usage.demo.__main__`), and
replaces its own process by `open-webui serve`. So signals, exit codes and process managers meet Open WebUI itself, and
nothing stands in between that could leave an orphan behind.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from openwebui_usage.demo import connection
from openwebui_usage.demo.connection import Saved

LOOPBACK = "127.0.0.1"

PROVIDER_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_API_KEYS",
    "OPENAI_API_BASE_URL",
    "OPENAI_API_BASE_URLS",
    "OLLAMA_BASE_URL",
    "OLLAMA_BASE_URLS",
)
"""Where one of these is set, a provider is configured."""

_OLLAMA_PORTS = (11434, 12434)  # where Open WebUI looks for an Ollama that nobody told it about
_HUB_TIMEOUT = 3.0

# Open WebUI alone knows where its database is, and which variables a .env file of its own adds.
# In the official image it is no installed package, and keeps its data beside its folder; the secret key, without which
# nothing can be imported, is known to the server alone there, and empty for other commands.
_PROBE = """
import importlib.metadata, json, os
try:
    importlib.metadata.distribution("open-webui")
    os.environ["FROM_INIT_PY"] = "true"
except importlib.metadata.PackageNotFoundError:
    pass
os.environ["WEBUI_SECRET_KEY"] = os.environ.get("WEBUI_SECRET_KEY") or "not used"
from open_webui import env
names = ("DATABASE_URL", "DATABASE_SCHEMA", "DATA_DIR")
facts = {name: str(getattr(env, name)) for name in names if getattr(env, name, None)}
print("\\n" + json.dumps({"facts": facts, "environment": dict(os.environ)}))
"""


class CannotStart(Exception):
    """Why Open WebUI cannot be started: one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Host:
    """What this environment's Open WebUI will find when it starts."""

    environment: Mapping[str, str]
    """The environment variables, with those of Open WebUI's own .env file."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """DATABASE_URL, DATABASE_SCHEMA and DATA_DIR as Open WebUI understands them."""
    connections: Mapping[str, Any] = field(default_factory=dict)
    """The rows about connections in its database."""


def serve(host: str, port: int, demo: bool | None) -> NoReturn:
    """Become `open-webui serve`. `demo` None means: where no provider is configured. Raises `CannotStart`."""
    if find_spec("open_webui") is None:
        raise CannotStart(f"Open WebUI is not installed for {sys.executable}: 'pip install open-webui' installs it.")
    if os.name != "posix":
        raise CannotStart("This needs Linux or macOS; elsewhere 'open-webui serve' comes up with the plugin, too.")
    _check_free(host, port)
    found = _look()
    env = dict(os.environ)
    listening = None
    if wants_demo(demo, found):
        listening = _listen(connection.demo_port(found.connections), port + 1)
        env |= _use_demo(found, listening)
    if _hub_is_away(found.environment):
        _say("huggingface.co cannot be reached: document search waits for a start with a network.")
        env["HF_HUB_OFFLINE"] = "1"
    name = "localhost" if host in (LOOPBACK, "0.0.0.0") else host  # noqa: S104
    if "DATA_DIR" in found.facts:
        _say(f"Chats, users and files are kept in {found.facts['DATA_DIR']}.")
    _say(f"Open WebUI is starting on http://{name}:{port}; Ctrl-C stops it.")
    _start_companion(f"http://{name}:{port}", listening, found.facts)
    _become_open_webui(host, port, env)


def wants_demo(demo: bool | None, found: Host) -> bool:
    """Whether the demo provider is to run. What Open WebUI has saved counts for more than its environment, as there."""
    if demo is not None:
        return demo
    saved = connection.judge(found.connections)
    if saved is Saved.SHARED:
        return connection.demo_port(found.connections) is not None
    configured = any(found.environment.get(name, "").strip() for name in PROVIDER_VARIABLES)
    return not configured and saved is not Saved.ADMIN


def probe() -> Host:
    """Ask Open WebUI where it keeps what. Without facts where it is one that we do not know."""
    child = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        probed = json.loads(child.stdout.splitlines()[-1])
        return Host(probed["environment"], probed["facts"])
    except (IndexError, KeyError, TypeError, ValueError):
        return Host(os.environ)  # it starts as it would without us


def _look() -> Host:
    """Ask Open WebUI, and have a demo that an earlier start left behind forgotten."""
    found = probe()
    if not found.facts or found.environment.get("ENABLE_PERSISTENT_CONFIG", "true").lower() != "true":
        return found
    _forget(found, Saved.DEMO)
    return Host(found.environment, found.facts, _saved_connections(found))


def _saved_connections(found: Host) -> Mapping[str, Any]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return connection.read(found.facts["DATABASE_URL"], found.facts.get("DATABASE_SCHEMA"))
    except (SQLAlchemyError, ImportError):
        return {}


def _forget(found: Host, *kinds: Saved) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection.forget(found.facts["DATABASE_URL"], *kinds, schema=found.facts.get("DATABASE_SCHEMA"))
    except (SQLAlchemyError, ImportError):
        return


def _use_demo(found: Host, listening: socket.socket) -> dict[str, str]:
    """Tell about the demo on `listening`; the variables that make Open WebUI use it, where variables can."""
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/v1"
    saved = connection.judge(found.connections)
    _say(f"The built-in demo provider answers on {url}, with the models demo-reasoner and demo-chat.")
    if saved is Saved.ADMIN:
        _say(f"Open WebUI has connections saved: add {url} under Admin Panel > Settings > Connections to use it.")
        return {}
    if saved is Saved.SHARED:
        _say("It is one of Open WebUI's saved connections: Admin Panel > Settings > Connections removes it.")
        return {}
    _say("For a real provider stop, set OPENAI_API_KEY (and OPENAI_API_BASE_URL) or OLLAMA_BASE_URL, and start again,")
    _say("or add it in the browser: Admin Panel > Settings > Connections.")
    _forget(found, Saved.STOCK)
    keep_ollama = any(_is_open("localhost", port) for port in _OLLAMA_PORTS)
    return connection.environment(url, keep_ollama=keep_ollama)


def _start_companion(url: str, listening: socket.socket | None, facts: Mapping[str, str]) -> None:
    """Start the companion on a pipe whose writing end stays with this process, whatever it becomes."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    fds = [listening.fileno()] if listening else []
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "openwebui_usage.demo", url, *map(str, fds)],
        stdin=reading,
        pass_fds=fds,
        env={**os.environ, **facts},
        start_new_session=True,  # Ctrl-C is for Open WebUI alone: the companion follows it
    )
    os.close(reading)


def _become_open_webui(host: str, port: int, env: Mapping[str, str]) -> NoReturn:
    """Run the script of this very environment, whatever its first line says: environments are moved and copied."""
    script = Path(sysconfig.get_path("scripts")) / "open-webui"
    run = [str(script)] if script.exists() else ["-c", "from open_webui import app; app(prog_name='open-webui')"]
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *run, "serve", "--host", host, "--port", str(port)], env)  # noqa: S606


def _listen(saved: int | None, preferred: int) -> socket.socket:
    """A listening socket for the demo on the port where Open WebUI expects it, else on `preferred`, else on any."""
    for port in (saved,) if saved else (preferred, 0):
        try:
            return socket.create_server((LOOPBACK, port))
        except (OSError, OverflowError):
            continue
    raise CannotStart(f"Port {saved}, where Open WebUI expects the demo provider, is in use: free it or use --no-demo.")


def _check_free(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except socket.gaierror:
        raise CannotStart(f"--host: {host} is no address of this machine.") from None
    except OSError as error:
        raise CannotStart(f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port.") from None


def _is_open(host: str, port: int, timeout: float = 1.0) -> bool:
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return False
    return True


def _hub_is_away(environment: Mapping[str, str]) -> bool:
    """Whether Open WebUI would look for its embedding model at a Hugging Face that is not there.

    Without a network it asks again and again: 84 seconds until 0.12.4 was up, 14 with HF_HUB_OFFLINE (2 cores, 2026).
    """
    decided = ("HF_HUB_OFFLINE", "OFFLINE_MODE", "RAG_EMBEDDING_ENGINE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")
    if any(environment.get(name) for name in decided):
        return False
    hub = urlsplit(environment.get("HF_ENDPOINT") or "https://huggingface.co")
    pool = ThreadPoolExecutor(1)
    try:
        # In a thread, as a name server that does not answer keeps us for longer than any timeout of a socket.
        return not pool.submit(_is_open, hub.hostname or "", hub.port or 443, _HUB_TIMEOUT).result(_HUB_TIMEOUT)
    except TookTooLong:
        return True
    finally:
        pool.shutdown(wait=False)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
