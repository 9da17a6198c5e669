"""No other site's page changes anything by the cookie that a browser adds."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.testclient import TestClient

from openwebui_usage.api.same_origin import same_origin

COOKIE = {"cookie": "token=admin"}
BEARER = {"authorization": "Bearer sk-1"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client() -> TestClient:
    app, router = FastAPI(), APIRouter(dependencies=[Depends(same_origin)])

    @router.api_route("/reset", methods=["GET", "POST", "PUT", "DELETE"])
    async def reset() -> dict[str, bool]:
        return {"status": True}

    app.include_router(router)
    return TestClient(app, base_url="http://chat.example:8080")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (BEARER, 200),
        ({"x-api-key": "sk-1"}, 200),
        ({**BEARER, **FORM}, 200),
        ({**BEARER, "origin": "https://dashboard.example", "sec-fetch-site": "cross-site"}, 200),
        (COOKIE, 200),
        ({**COOKIE, "content-type": "application/json"}, 200),
        ({**COOKIE, "sec-fetch-site": "same-origin", "origin": "http://chat.example:8080"}, 200),
        ({**COOKIE, "sec-fetch-site": "same-origin", "origin": "https://public.example"}, 200),
        ({**COOKIE, "sec-fetch-site": "none"}, 200),
        ({**COOKIE, "origin": "http://chat.example:8080"}, 200),
        ({**COOKIE, "origin": "https://Public.example", "x-forwarded-host": "proxy.example, public.example"}, 200),
        ({**COOKIE, "sec-fetch-site": "cross-site"}, 403),
        ({**COOKIE, "sec-fetch-site": "same-site", "origin": "http://other.example:8080"}, 403),
        ({**COOKIE, "sec-fetch-site": ""}, 403),
        ({**COOKIE, "origin": "https://evil.example"}, 403),
        ({**COOKIE, "origin": "http://chat.example:9090"}, 403),
        ({**COOKIE, "origin": "http://chat.example:8080.evil.example"}, 403),
        ({**COOKIE, "origin": "null"}, 403),
        ({**COOKIE, "origin": ""}, 403),
        ({**COOKIE, "origin": "http://[bad"}, 403),
        ({**COOKIE, **FORM}, 403),
        ({**COOKIE, "content-type": "Multipart/Form-Data; boundary=x"}, 403),
        ({**COOKIE, "content-type": "text/plain;charset=UTF-8"}, 403),
        ({"authorization": "Basic YTpi", **COOKIE, "sec-fetch-site": "cross-site"}, 403),
        ({"authorization": "", **COOKIE, "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_a_change_by_cookie_comes_from_an_own_page(
    client: TestClient, method: str, headers: dict[str, str], status: int
) -> None:
    assert client.request(method, "/reset", headers=headers).status_code == status


def test_whoever_reads_is_asked_nothing(client: TestClient) -> None:
    assert client.get("/reset", headers={**COOKIE, "sec-fetch-site": "cross-site"}).status_code == 200
