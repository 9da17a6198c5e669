"""How tokens of the token client are made and hashed. Only the hash is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string

TOKEN_LENGTH = 8
_ALPHABET = string.ascii_lowercase + string.digits
_TOKEN = re.compile(rf"[a-z0-9]{{{TOKEN_LENGTH}}}")


class TokenHasher:
    """Makes tokens and their hashes (HMAC-SHA256). Without the secret, a stolen database reveals no token."""

    def __init__(self, secret: bytes) -> None:
        """`secret` must be the same for everything that works on one database."""
        self._key = hmac.digest(secret, b"openwebui-usage token", hashlib.sha256)
        self.key_id = hmac.new(secret, b"openwebui-usage key id", hashlib.sha256).hexdigest()[:8]
        """Identifies the secret without revealing it."""

    def hash(self, token: str) -> str:
        """The hash of a token: 64 hex digits."""
        return hmac.new(self._key, token.encode(errors="replace"), hashlib.sha256).hexdigest()

    @staticmethod
    def new_token() -> str:
        """Eight characters of [a-z0-9]: 2.8 trillion possibilities, which are enough if guessing is slow."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token."""
    return _TOKEN.fullmatch(text) is not None
