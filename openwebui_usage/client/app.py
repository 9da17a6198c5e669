"""The routes of the token client: `POST /chat`, `GET /user/stats/{token}`, and the page."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from openwebui_usage.client.accounts import AccountMissing, Accounts
from openwebui_usage.client.addresses import Network
from openwebui_usage.client.answers import EVENTS, About, AccountStats, ChatAnswer, Failure, Readiness
from openwebui_usage.client.auth import UNKNOWN_TOKEN, Authenticator
from openwebui_usage.client.chat import ChatService, ChatTurn
from openwebui_usage.client.errors import ApiError
from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.page import SECURITY, SecurityHeaders, add_page
from openwebui_usage.client.requests import MAX_BODY, ChatRequest, complaint
from openwebui_usage.client.sound_json import sound_json
from openwebui_usage.client.stream import Stream
from openwebui_usage.client.throttling import Bucket, Buckets, Rate, TooMany
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider
from openwebui_usage.rules.pricing import PriceBook
from openwebui_usage.runtime import Runtime

log = logging.getLogger(__name__)

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]

BODY_TIMEOUT = 30.0
"""Seconds in which the body of a request must arrive."""


def create_app(
    runtime: Runtime,
    accounts: Accounts,
    hasher: TokenHasher,
    provider: Provider,
    *,
    rate: int,
    trusted: Sequence[Network] = (),
    rewritten: bool = False,
    make_buckets: Callable[[], Buckets] = MemoryBuckets,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The client as an ASGI app.

    `rate`: requests per minute of one account (0: no limit). `trusted`: proxies whose `X-Forwarded-For` is believed.
    `rewritten`: see `client_address`. `make_buckets` makes what counts guesses and requests. It is called once, on the
    event loop.
    """
    app = FastAPI(title="O1 Pro Client", openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(SecurityHeaders)
    app.add_exception_handler(Exception, _broken)
    app.add_exception_handler(HTTPException, _as_error)
    app.add_exception_handler(ApiError, _as_problem)
    app.add_exception_handler(AccountMissing, _gone)
    app.add_exception_handler(SQLAlchemyError, _ledger_away)
    buckets = functools.cache(make_buckets)
    authenticator = Authenticator(accounts, hasher, buckets, trusted, rewritten)
    requests = Rate("requests", rate, 60 / rate) if rate else None
    _add_api(app, runtime, accounts, provider, authenticator, buckets, requests)
    add_page(app)
    return app


def _add_api(
    app: FastAPI,
    runtime: Runtime,
    accounts: Accounts,
    provider: Provider,
    authenticator: Authenticator,
    buckets: Callable[[], Buckets],
    rate: Rate | None,
) -> None:
    service = ChatService(runtime, accounts, provider)

    async def count(key: str) -> None:
        try:
            if rate is not None:
                await buckets().take(Bucket(rate, key))
        except TooMany as wait:
            raise ApiError(429, f"Too many requests. Try again in {wait.seconds} seconds.", wait.seconds) from None

    @app.post(
        "/chat",
        summary="Ask the model",
        response_model=ChatAnswer,
        responses={
            200: {"content": {"text/event-stream": {"schema": EVENTS}}},
            **_failures(400, 401, 403, 408, 413, 422, 429, 502, 503),
        },
    )
    async def chat(request: Request) -> Response:
        body = await _json_object(request)
        account = await authenticator.account(request, body.get("token"))
        if not account.is_active:
            raise ApiError(403, "This account is not active. Ask whoever gave you the token.")
        await count(account.id)
        try:
            asked = ChatRequest.model_validate(body)
        except ValidationError as error:
            raise ApiError(422, complaint(error)) from None
        messages = [message.model_dump() for message in asked.messages]
        path = f"{request.scope.get('root_path', '')}/chat"
        address, is_gone = authenticator.address(request), request.is_disconnected
        turn = ChatTurn(account, address, path, messages, asked.reasoning_effort, is_gone)
        if asked.stream:
            return EventStream(await service.stream(turn))
        return Json(await service.answer(turn))

    @app.get(
        "/healthz",
        summary="Whether questions are taken",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not yet"}},
    )
    async def healthz() -> Response:
        ready = runtime.is_running
        return Json(Readiness(status="ok" if ready else "starting").model_dump(), 200 if ready else 503)

    @app.get("/about", summary="Who answers", response_model=About)
    async def about() -> Response:
        who = About(
            model=provider.model,
            demo=provider.upstream.is_demo,
            reasons=provider.takes_effort,
            priced=_is_priced(runtime, provider.model),
        )
        return Json(who.model_dump())

    stats: dict[str, Any] = {
        "summary": "What a user has used",
        "response_model": AccountStats,
        "responses": _failures(401, 422, 429, 503),
    }

    @app.get("/user/stats", **stats)
    @app.get("/user/stats/{token}", **stats)
    async def user_stats(request: Request, token: str | None = None) -> Response:
        account = await authenticator.account(request, token)
        await count(f"stats {account.id}")
        return Json(AccountStats.of(await asyncio.to_thread(accounts.status, account.id)).model_dump())


def _is_priced(runtime: Runtime, model: str) -> bool:
    book = runtime.gate.definitions.book if runtime.is_running else PriceBook()
    return book.source(model) is not None


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Failure} for status in statuses}


class Json(JSONResponse):
    """JSON in which half a surrogate pair, which a model may produce but which is not valid Unicode, becomes U+FFFD."""

    def render(self, content: Any) -> bytes:
        """`content` in UTF-8."""
        return sound_json(content, separators=(",", ":"))


class EventStream(StreamingResponse):
    """Sends a `Stream`, and closes it in any case."""

    def __init__(self, stream: Stream) -> None:
        """`stream` has begun and has not been read yet."""
        super().__init__(stream.events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Also closes the stream if the client disconnects."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.close()


async def _json_object(request: Request) -> dict[str, Any]:
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > MAX_BODY:
                    raise ApiError(413, f"The request is larger than {MAX_BODY:,} bytes.")
    except TimeoutError:
        raise ApiError(408, "The request did not arrive in time.", close=True) from None
    try:
        body = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        raise ApiError(400, "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.")
    return body


async def _as_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    headers = dict(problem.headers)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Json({"error": str(problem)}, problem.status, headers)


async def _gone(request: Request, missing: Exception) -> Response:
    """The account was deleted after its token was checked."""
    return await _as_problem(request, ApiError(401, UNKNOWN_TOKEN))


async def _as_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Json({"error": f"{error.detail}."}, error.status_code, error.headers)


async def _ledger_away(request: Request, error: Exception) -> Response:
    log.warning("The ledger cannot be read: %s", str(error).partition("\n")[0])
    text = "The usage ledger's database is not available. Try again in a moment."
    return Json({"error": text}, 503, {"Retry-After": "5"})


async def _broken(request: Request, error: Exception) -> Response:
    text = "Something went wrong on the server; its log says what."
    return Json({"error": text}, 500, {**SECURITY, "Cache-Control": "no-store"})
