"""One router for the tests of a file, which leave nothing defined behind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.ledger.reader_store import StoredReaders
from tests.support.clients import Client
from tests.support.router import Router
from tests.support.tables import give_tables

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    router = Router(tmp_path_factory.mktemp("usage"), FixedReaders())
    give_tables(router.engine)
    router.store.put_readers(StoredReaders(("Finance",), ("leads",)))
    yield router
    router.engine.dispose()


@pytest.fixture(scope="module")
def shared_admin(router: Router) -> Iterator[Client]:
    with router.client("admin") as client:
        yield client


@pytest.fixture
def admin(shared_admin: Client) -> Iterator[Client]:
    yield shared_admin
    shared_admin.forget_definitions()


@pytest.fixture(scope="module")
def user(router: Router) -> Iterator[Client]:
    with router.client("user") as client:
        yield client


@pytest.fixture(scope="module")
def nobody(router: Router) -> Iterator[Client]:
    with router.client() as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"name {next(_numbers)}"
