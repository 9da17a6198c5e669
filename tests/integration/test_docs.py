"""The commands of README and docs/ as a reader would paste them, page by page, in order, in one shell."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.documentation import Block, blocks, pages
from tests.support.host import HostEnvironment
from tests.support.provider import Provider
from tests.support.tokenclient import Place, TokenServer


def _is_run(block: Block) -> bool:
    return block.language == "bash" and block.test is None and block.reason is None


PAGES = [page for page in pages() if any(_is_run(block) for block in blocks(page))]
END = "--- end of a block ---"
# What fails over HTTP fails the block, and no proxy stands in between.
PREAMBLE = """
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --noproxy '*' "$@"; }
"""


@pytest.fixture
def nothing_defined(admin: Client) -> Iterator[None]:
    admin.forget_definitions()
    yield
    admin.forget_definitions()
    admin.request("PUT", "/api/usage/readers", {})
    for group in admin.request("GET", "/api/v1/groups/"):
        admin.request("DELETE", f"/api/v1/groups/id/{group['id']}/delete")


@pytest.fixture
def token_client(provider: Provider, tmp_path: Path, new_log: Callable[[str], Path]) -> Iterator[TokenServer]:
    """The stand-alone token client in the folder in which the commands run."""
    upstream = {
        "OPENAI_API_BASE_URL": f"{provider.url}/openai/v1",
        "OPENAI_API_KEY": "sk-stand-in",
        "OPENWEBUI_USAGE_CLIENT_MODEL": "o3-mini",
        "NO_PROXY": "*",
    }
    server = TokenServer(Place(tmp_path, upstream), new_log("token-client"))
    yield server
    server.stop()


@pytest.mark.usefixtures("nothing_defined")
@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_the_commands_of_a_page_do_what_it_says(
    page: Path, admin: Client, host: HostEnvironment, tmp_path: Path, token_client: TokenServer
) -> None:
    shown = [block for block in blocks(page) if _is_run(block) or block.language == "json"]
    commands = [block for block in shown if _is_run(block)]
    addresses = {"http://localhost:8081": admin.url, "http://localhost:8011": token_client.url}
    said = _run([_here(block.code, addresses, str(admin.token)) for block in commands], host, tmp_path)
    outputs = dict(zip(commands, said, strict=True))
    for before, after in itertools.pairwise(shown):
        follows = after.line == before.line + before.code.count("\n") + len(["```", "", "```json"])
        if after.language == "json" and follows and before in outputs:
            _assert_has(json.loads(outputs[before]), json.loads(after.code), str(after))


def _here(code: str, addresses: dict[str, str], token: str) -> str:
    for documented, real in addresses.items():
        code = code.replace(documented, real)
    return code.replace("YOUR_TOKEN", token)


def _run(commands: list[str], host: HostEnvironment, folder: Path) -> list[str]:
    """Runs blocks one after the other in one shell, as one visit to a terminal; returns what each printed."""
    script = PREAMBLE + "".join(f"{command}\necho; echo '{END}'\n" for command in commands)
    env = {"PATH": f"{host.prefix / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", script], env=env, cwd=folder, text=True, capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout.split(END)[:-1]


def _assert_has(answer: Any, shown: Any, where: str) -> None:
    """The answer has every field that is shown, with a value of the same kind."""
    if isinstance(shown, dict):
        assert isinstance(answer, dict), where
        assert shown.keys() <= answer.keys(), f"{where}: {sorted(shown.keys() - answer.keys())}"
        for name, value in shown.items():
            _assert_has(answer[name], value, f"{where}: {name}")
    elif isinstance(shown, list):
        assert isinstance(answer, list), where
        for one, other in zip(answer, shown, strict=False):
            _assert_has(one, other, where)
    elif shown is not None and answer is not None:
        numbers = (int, float)
        kind = numbers if isinstance(shown, numbers) and not isinstance(shown, bool) else type(shown)
        assert isinstance(answer, kind), f"{where}: {answer!r}"
