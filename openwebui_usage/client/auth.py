"""Authentication by token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from fastapi import Request

from openwebui_usage.client.account import Account
from openwebui_usage.client.accounts import AccountMissing, Accounts
from openwebui_usage.client.addresses import Network, client_address
from openwebui_usage.client.errors import ApiError
from openwebui_usage.client.throttling import Buckets, Guesses, TooMany
from openwebui_usage.client.tokens import TokenHasher

log = logging.getLogger(__name__)

UNKNOWN_TOKEN = "This token is not valid."  # noqa: S105 - a sentence


class Authenticator:
    """Finds the account of a request's token, and throttles wrong ones."""

    def __init__(
        self,
        accounts: Accounts,
        hasher: TokenHasher,
        buckets: Callable[[], Buckets],
        trusted: Sequence[Network],
        rewritten: bool,
    ) -> None:
        """See `create_app`."""
        self._accounts = accounts
        self._hasher = hasher
        self._buckets = buckets
        self._trusted = trusted
        self._rewritten = rewritten
        self._hinted = False
        self._guesses: Guesses | None = None

    def address(self, request: Request) -> str:
        """The address of the client."""
        peer = request.client.host if request.client else None
        chain = request.headers.getlist("x-forwarded-for")
        address = client_address(peer, chain, self._trusted, rewritten=self._rewritten)
        if chain and not (self._trusted or self._rewritten or self._hinted):
            self._hinted = True
            log.warning(
                "A request says that it came through a proxy at %s: if that is yours, name it in "
                "OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES, or all its visitors count as one address",
                address,
            )
        return address

    async def account(self, request: Request, token: object) -> Account:
        """The account of `token` (from path or body), or if that is empty, of the header `Authorization`.

        Raises `ApiError`.
        """
        if token is None or token == "":
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                token = ""
        if not isinstance(token, str) or not token.strip():
            raise ApiError(401, "A token is needed, in the body or in the header Authorization: Bearer.")
        token = token.strip()
        if self._guesses is None:
            known = await asyncio.to_thread(self._accounts.last_seen)
            self._guesses = self._guesses or Guesses(self._buckets(), known)
        try:
            async with self._guesses.guess(self.address(request), self._hasher.hash(token), AccountMissing):
                return await asyncio.to_thread(self._accounts.find, token)
        except AccountMissing:
            raise ApiError(401, UNKNOWN_TOKEN) from None
        except TooMany as wait:
            text = f"Too many wrong tokens. Try again in {wait.seconds} seconds."
            raise ApiError(429, text, wait.seconds) from None
