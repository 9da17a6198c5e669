"""The database of the accounts, and the secret that their tokens are hashed with."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.ledger.sqlite_file import file_engine, ledger_file, make_private, move_from
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules.pricing import Price
from openwebui_usage.settings import ClientSettings

DEFAULT_FILE = "usage-client.db"
FALLBACK_PRICE = Price("*", input=Decimal(15), output=Decimal(60), cached_input=Decimal("7.5"))
"""The price of o1, for models without a price, so that limits in dollars work with them, too. Not used in Open WebUI's
database, where such calls count as unpriced."""
SECRET_FILE = "usage-client.secret"  # noqa: S105 - a name
_OPEN_WEBUI_KEY_FILE = ".webui_secret_key"


class ConfigError(Exception):
    """A setting is wrong or missing. The text is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, and whether it is Open WebUI's."""

    url: str
    schema: str | None = None
    of_open_webui: bool = False

    @property
    def file(self) -> Path | None:
        """The SQLite file. Next to Open WebUI's, the ledger has a file of its own. None for other databases."""
        file = self._given_file
        return ledger_file(file) if file is not None and self.of_open_webui else file

    @property
    def _given_file(self) -> Path | None:
        url = make_url(self.url)
        # An encrypted file (sqlite+sqlcipher) keeps the ledger, for only its own driver knows the key.
        is_plain = url.drivername in ("sqlite", "sqlite+pysqlite")
        return Path(url.database) if is_plain and url.database else None

    @property
    def shown(self) -> str:
        """As it may be printed: the file, or the URL without its password."""
        return str(self.file) if self.file is not None else make_url(self.url).render_as_string(hide_password=True)

    @property
    def shown_host(self) -> str:
        """The same of Open WebUI's database, where the ledger has a file of its own."""
        return make_url(self.url).render_as_string(hide_password=True)

    @property
    def folder(self) -> Path:
        """Where the secret and the spool are: next to the file, or in the working directory."""
        return self.file.parent if self.file is not None else Path()

    def engine(self) -> Engine:
        """A new engine. A SQLite file is made readable by its owner only."""
        file = self.file
        try:
            if file is None:
                return create_engine(self.url, pool_pre_ping=True)
            make_private(file)
            return file_engine(file)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}.") from None
        except (ArgumentError, ImportError) as error:
            raise ConfigError(f"--database: {error}") from None

    def move_to(self, engine: Engine) -> None:
        """Move tables that an earlier version kept in Open WebUI's own file."""
        file = self._given_file
        if self.of_open_webui and file is not None and file.exists():
            old = create_engine(self.url)
            move_from(old, engine)
            old.dispose()

    def hasher(self, settings: ClientSettings) -> TokenHasher:
        """The hasher with the first of these secrets: OPENWEBUI_USAGE_CLIENT_SECRET; WEBUI_SECRET_KEY if this is Open
        WebUI's database; a file next to the database, which is made readable by its owner only.
        """
        if settings.secret is not None:
            return TokenHasher(settings.secret.get_secret_value().encode())
        if self.of_open_webui:
            return hasher_of_open_webui(settings)
        return TokenHasher(_secret_file(self.folder / SECRET_FILE))


@dataclass(frozen=True, slots=True)
class Session:
    """An open database with everything that works on it."""

    engine: Engine
    store: Store
    accounts: Accounts
    hasher: TokenHasher
    settings: ClientSettings


def open_database(place: Place, settings: ClientSettings) -> Session:
    """Connect, and make or upgrade the tables. Raises `ConfigError`."""
    engine = place.engine()
    hasher = place.hasher(settings)
    store = Store(engine, place.schema, None if place.of_open_webui else FALLBACK_PRICE)
    try:
        place.move_to(engine)
        store.migrate()
    except Exception as error:  # noqa: BLE001 - drivers have errors of their own
        raise ConfigError(f"The database cannot be opened: {str(error).partition(chr(10))[0]}") from None
    return Session(engine, store, Accounts(engine, hasher, place.schema), hasher, settings)


def database_of(database: str | None, settings: ClientSettings) -> Place:
    """`database` (a URL, or the path of a SQLite file), else DATABASE_URL, else `usage-client.db` in the working
    directory. Raises `ConfigError`.
    """
    given = database or settings.database_url
    if given is None:
        return Place(f"sqlite:///{DEFAULT_FILE}")
    url = given if "://" in given else f"sqlite:///{given}"
    url = url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    try:
        make_url(url)
    except ArgumentError:
        raise ConfigError(f"--database: {given!r} is neither a database URL nor a path.") from None
    # If Open WebUI's key is in the same environment, this is its database, and both must accept the same tokens.
    return Place(url, os.environ.get("DATABASE_SCHEMA") or None, of_open_webui=settings.webui_secret_key is not None)


def hasher_of_open_webui(settings: ClientSettings) -> TokenHasher:
    """The hasher for accounts in Open WebUI's database. Raises `ConfigError`."""
    if settings.secret is not None:
        return TokenHasher(settings.secret.get_secret_value().encode())
    key = settings.webui_secret_key.get_secret_value() if settings.webui_secret_key is not None else None
    if not key:
        with suppress(OSError):  # `open-webui serve` keeps it there.
            key = Path(_OPEN_WEBUI_KEY_FILE).read_text(encoding="utf-8").strip()
    if not key:
        raise ConfigError(
            "Open WebUI's secret key is not known here: set WEBUI_SECRET_KEY (or OPENWEBUI_USAGE_CLIENT_SECRET) as its "
            f"server has it, or run this where its {_OPEN_WEBUI_KEY_FILE} is."
        )
    return TokenHasher(key.encode())


def _secret_file(path: Path) -> bytes:
    try:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            secret = path.read_bytes().strip()
            if len(secret) < 32:
                raise ConfigError(f"{path} holds no secret: delete it, and rotate all tokens.") from None
            return secret
        secret = secrets.token_hex(32).encode()
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret + b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from None
    return secret
