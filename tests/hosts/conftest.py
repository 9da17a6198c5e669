"""One Open WebUI of any version, with the plugin, for all tests of a run, and what each test says for the matrix.

These tests run by `tests/run --hosts` alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.hosts.older_page import OlderPage
from tests.hosts.world import World, furnish, sign_in
from tests.support.clients import Client
from tests.support.host import HostEnvironment
from tests.support.ledger import Ledger
from tests.support.matrix import CELLS_VARIABLE, Cells
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider

if CELLS_VARIABLE not in os.environ:
    collect_ignore_glob = ["test_*.py"]

ENV = {"ENABLE_API_KEY": "true", "BYPASS_MODEL_ACCESS_CONTROL": "false"}
"""0.6.18 has another name for API keys. Access control is on: what others may not use they must not see."""


@pytest.fixture(scope="session")
def server(
    host: HostEnvironment,
    provider_process: Provider,
    new_log: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OpenWebUI]:
    """Started when the first test asks for it, as an admin starts it."""
    directory, url = tmp_path_factory.mktemp("openwebui"), provider_process.url
    deployment = OpenWebUI(host, directory, provider_url=url, log=new_log("openwebui"), env=ENV)
    try:
        deployment.start(timeout=840)
        yield deployment
    finally:
        deployment.discard()


@pytest.fixture(scope="session")
def people(server: OpenWebUI, provider_process: Provider) -> Iterator[tuple[Client, Client]]:
    """The administrator and a user."""
    admin = sign_in(server)
    furnish(admin, provider_process.url, server.host)
    user = admin.add_user()
    yield admin, user
    admin.close()
    user.close()


@pytest.fixture(scope="session")
def page(people: tuple[Client, Client], server: OpenWebUI) -> Iterator[OlderPage]:
    """The user's, opened when the first test asks for it."""
    opened = OlderPage(people[1], server.host)
    yield opened
    opened.close()


@pytest.fixture
def world(
    server: OpenWebUI, people: tuple[Client, Client], provider: Provider, request: pytest.FixtureRequest
) -> Iterator[World]:
    """All of that, without definitions, and with two empty books."""
    admin, user = people

    def open_page() -> OlderPage:
        opened: OlderPage = request.getfixturevalue("page")
        return opened

    yield World(server, admin, user, provider, Ledger(server), open_page)
    admin.forget_definitions()


# --- the matrix


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cell(name): what the test fills in in the matrix of versions")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("cell")
    if marker and CELLS_VARIABLE in os.environ:
        name = marker.args[0] if marker.args else item.callspec.params["name"]  # type: ignore[attr-defined]
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        Cells(Path(os.environ[CELLS_VARIABLE])).note(name, report.outcome, str(reason))
    return report
