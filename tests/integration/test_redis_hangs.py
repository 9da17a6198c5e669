"""A Redis that hangs, as it does when its machine swaps: it takes connections, and answers nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.services import Redis

SECONDS = 6.0
SPARE = 1.0
"""Of seconds: the two servers share two cores with all other tests."""


@pytest.mark.timeout(600)
def test_open_webui_answers_as_soon_as_it_does_without_us(
    start_openwebui: Callable[..., OpenWebUI], redis: Redis, provider: Provider
) -> None:
    ours = start_openwebui(redis_url=redis.url)
    bare = start_openwebui(plugin=False, redis_url=redis.url.removesuffix("/0") + "/1")
    ours.admin.add_group("counted", ["gpt-4o-mini"], 10**9)
    with ours.admin.ui() as page:
        ours.admin.chat("gpt-4o-mini")
        wait_until(lambda: page.usage, timeout=10, what="the page is told of a call")
        with redis.hanging():
            slowest = {ours: 0.0, bare: 0.0}
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                for server in slowest:
                    began = time.monotonic()
                    server.admin.http.get("/health", timeout=60)
                    slowest[server] = max(slowest[server], time.monotonic() - began)
                time.sleep(0.05)
        assert slowest[ours] <= slowest[bare] + SPARE, list(slowest.values())

        told = len(page.usage)
        wait_until(
            lambda: ours.admin.post("/api/usage/groups/counted/reset", json={}).is_success, timeout=30, what="reset"
        )
        wait_until(lambda: len(page.usage) > told, timeout=30, what="pages are told again")
