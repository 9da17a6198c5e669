"""Fixtures: a stand-in provider, real Open WebUI processes, databases, a browser; each starts when it is asked for."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support import browser as chromium
from tests.support import sharing
from tests.support.browser import Look, Tab
from tests.support.busy import Busy
from tests.support.clients import Client
from tests.support.forks import OF_OPEN_WEBUI, OF_THE_PLUGIN, ForkedProcess, ForkServer
from tests.support.frontend import patched_build
from tests.support.host import ROOT, HostEnvironment, build_wheel, wait_until_prepared
from tests.support.openwebui import QUIET, OpenWebUI
from tests.support.provider import Provider
from tests.support.services import Postgres, Redis

# Hypothesis tries as hard whatever else keeps the machine busy, and harder at night.
settings.register_profile("day", deadline=None, max_examples=50)
settings.register_profile("night", deadline=None, max_examples=300)
settings.load_profile("night" if os.environ.get("OPENWEBUI_USAGE_TEST_NIGHT") else "day")

ARTEFACTS = ROOT / "tests" / "artefacts"
_numbers = itertools.count(1)
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Of the processes that `tests/run` spreads the tests over, this one: each has its own session fixtures."""


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """What a run leaves behind: screenshots here, logs of all processes in `logs`."""
    (ARTEFACTS / "logs").mkdir(parents=True, exist_ok=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def new_log(artefacts: Path) -> Callable[[str], Path]:
    """An empty log file for one process."""

    def make(name: str) -> Path:
        path = (
            artefacts
            / "logs"
            / f"{_WORKER}{'-' * bool(_WORKER)}{next(_numbers):03d}-{re.sub(r'[^a-z0-9-]+', '-', name.lower())}.log"
        )
        path.unlink(missing_ok=True)
        return path

    return make


# --- environments


@pytest.fixture(scope="session")
def bare_host() -> HostEnvironment:
    """Open WebUI without the plugin. Never changed."""
    return HostEnvironment.cached()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin, built from the work tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def new_host(
    bare_host: HostEnvironment, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., HostEnvironment]:
    """`new_host(plugin=True)`: an environment of one's own, to install into and uninstall from."""

    template: list[HostEnvironment] = []

    def overlay(like: HostEnvironment | None = None) -> HostEnvironment:
        return bare_host.overlay(tmp_path_factory.mktemp("host") / "env", like=like)

    def make(*, plugin: bool = True) -> HostEnvironment:
        if not plugin:
            return overlay()
        if not template:
            template.append(overlay())
            template[0].install(wheel)
        return overlay(like=template[0])

    return make


@pytest.fixture(scope="session")
def host(new_host: Callable[..., HostEnvironment]) -> HostEnvironment:
    """Open WebUI with the plugin installed, shared by all tests: leave it as it is."""
    return new_host(plugin=True)


@pytest.fixture(scope="session")
def host_python(host: HostEnvironment) -> Path:
    """The interpreter of `host`."""
    return host.python


# --- the provider


@pytest.fixture(scope="session")
def provider_process(new_log: Callable[[str], Path]) -> Iterator[Provider]:
    provider = Provider(new_log("provider"))
    try:
        provider.wait()
        yield provider
    finally:
        provider.stop()


@pytest.fixture
def provider(provider_process: Provider) -> Provider:
    """The stand-in provider, with all models as they are by default and an empty book."""
    provider_process.reset()
    return provider_process


# --- Open WebUI


@pytest.fixture(scope="session")
def fork_server(bare_host: HostEnvironment, new_log: Callable[[str], Path]) -> Iterator[ForkServer]:
    server = ForkServer(bare_host, OF_OPEN_WEBUI, QUIET, new_log("forkserver"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def command_forks(new_log: Callable[[str], Path]) -> Iterator[Callable[..., ForkedProcess]]:
    """The plugin's own commands, in the environment of the tests, as `fork` of `Process` takes them."""
    tests = HostEnvironment(Path(sys.prefix))
    server = ForkServer(tests, OF_THE_PLUGIN, {}, new_log("forkserver-commands"))
    server.start()
    yield server.of(tests)
    server.stop()


@pytest.fixture(scope="session")
def new_openwebui(
    request: pytest.FixtureRequest,
    provider_process: Provider,
    fork_server: ForkServer,
    new_log: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., OpenWebUI]:
    """A deployment, not yet started; see `start_openwebui`. Whoever starts it stops it.

    `fresh`, for tests of the start itself: none is a fork of a process that has imported the libraries already.
    """

    def make(
        *,
        plugin: bool = True,
        host: HostEnvironment | None = None,
        front_end: Path | None = None,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
        **options: Any,
    ) -> OpenWebUI:
        directory = tmp_path_factory.mktemp("openwebui")
        if host is None:
            host = request.getfixturevalue("host" if plugin else "bare_host")
        log = new_log("openwebui" if plugin else "openwebui-bare")
        env = {**({"FRONTEND_BUILD_DIR": str(front_end)} if front_end else {}), **(env or {})}
        forks = None if fresh else fork_server
        return OpenWebUI(host, directory, provider_url=provider_process.url, log=log, env=env, forks=forks, **options)

    return make


@pytest.fixture(scope="session")
def front_end(request: pytest.FixtureRequest) -> Path | None:
    """What the servers show: None is Open WebUI's own front end, a folder one that was built from patched source.

    A file whose tests hold for both says `pytestmark = on_both_front_ends`, from tests/support/frontend.py.
    """
    return patched_build() if getattr(request, "param", None) == "patched" else None


@pytest.fixture(scope="session")
def openwebui_process(new_openwebui: Callable[..., OpenWebUI], front_end: Path | None) -> Iterator[OpenWebUI]:
    yield from _running(new_openwebui(front_end=front_end))


@pytest.fixture
def openwebui(openwebui_process: OpenWebUI, provider: Provider) -> OpenWebUI:
    """Open WebUI with the plugin, one worker, on SQLite; shared by all tests, so don't stop or reconfigure it."""
    return openwebui_process


@pytest.fixture
def start_openwebui(
    new_openwebui: Callable[..., OpenWebUI], provider: Provider, front_end: Path | None
) -> Iterator[Callable[..., OpenWebUI]]:
    """`start_openwebui(plugin=True, workers=1, database_url=None, redis_url=None, env=None, host=None)`: one's own.

    It has a data directory of its own and ends with the test. `front_end` is a folder; None is Open WebUI's own.
    """
    with ExitStack() as stack:

        def start(**options: Any) -> OpenWebUI:
            server = new_openwebui(**{"front_end": front_end, **options})
            stack.callback(server.discard)
            return server.start()

        yield start


@pytest.fixture(scope="session")
def bare_openwebui_process(new_openwebui: Callable[..., OpenWebUI]) -> Iterator[OpenWebUI]:
    yield from _running(new_openwebui(plugin=False))


@pytest.fixture
def bare_openwebui(bare_openwebui_process: OpenWebUI, provider: Provider) -> OpenWebUI:
    """Open WebUI without the plugin, shared by all tests."""
    return bare_openwebui_process


@pytest.fixture
def admin(openwebui: OpenWebUI) -> Client:
    """The administrator of `openwebui`, signed in."""
    return openwebui.admin


@pytest.fixture
def user(admin: Client) -> Iterator[Client]:
    """A new, ordinary user of `openwebui`, signed in."""
    client = admin.add_user()
    yield client
    client.close()


def _running(server: OpenWebUI) -> Iterator[OpenWebUI]:
    try:
        yield server.start()
    finally:
        server.discard()


# --- databases


@pytest.fixture(scope="session")
def postgres(new_log: Callable[[str], Path]) -> Iterator[Postgres]:
    """A private PostgreSQL; `postgres.new_database()` gives the URL of an empty database."""
    server = Postgres(new_log("postgres"))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_process(new_log: Callable[[str], Path]) -> Iterator[Redis]:
    server = Redis(new_log("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis(redis_process: Redis) -> Redis:
    """A private, empty Redis at `redis.url`."""
    redis_process.clear()
    return redis_process


# --- the browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=15_000)  # A machine may be busy; what must be quick says so itself.
        launched = chromium.launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> chromium.Profiles:
    return chromium.Profiles(browser)


@pytest.fixture
def open_tab(
    profiles: chromium.Profiles, artefacts: Path, front_end: Path | None, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Tab]]:
    """`open_tab(client, path="/", theme="dark", …)`: the page of a signed-in user, set up as they like it (see `Look`).

    A failing test leaves a screenshot.
    """
    if front_end:
        artefacts = artefacts / "patched"
    with ExitStack() as stack:
        tabs: list[Tab] = []

        def open_(client: Client, path: str = "/", **look: Any) -> Tab:
            tab = stack.enter_context(profiles.tab(client, artefacts, Look(**look)))
            tabs.append(tab)
            return tab.open(path)

        yield open_
        if getattr(request.node, "failed", False):
            for number, tab in enumerate(tabs):
                tab.screenshot(f"failed-{request.node.name}-{number}")


# --- the order of the tests, and who runs which


def pytest_configure(config: pytest.Config) -> None:
    if not _WORKER:
        config.pluginmanager.register(Busy())
    config.addinivalue_line("markers", "nightly: left out by a plain `tests/run`; for `tests/run --all`")
    config.addinivalue_line("markers", "needs_sources: of Open WebUI's front end, in several versions")
    config.addinivalue_line("markers", "everyday: on the patched front end also in a plain `tests/run`")


def pytest_itemcollected(item: pytest.Item) -> None:
    if sharing.on_patched_build(item.nodeid) and not item.get_closest_marker("everyday"):
        item.add_marker("nightly")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: sharing.place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> sharing.Sharing:
    return sharing.Sharing(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """`tests/run` sets up Open WebUI while the unit tests run; others wait for that, before their own time begins."""
    if sharing.on_patched_build(item.nodeid):
        wait_until_prepared("patched_build")
    elif item.get_closest_marker("needs_sources"):
        wait_until_prepared("sources")
    elif not sharing.is_of_room(item.nodeid, "unit"):
        wait_until_prepared("host")
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report
