"""Every OPENWEBUI_USAGE_* variable."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from openwebui_usage.rules.durations import Duration
from openwebui_usage.rules.groups import Counting


def _duration(value: object) -> object:
    return (Duration.parse(value) if value.strip() else None) if isinstance(value, str) else value


Kept = Annotated[Duration | None, BeforeValidator(_duration)]
"""How long something is kept; None for ever."""


class Settings(BaseSettings):
    """Read from the environment once, when the plugin is mounted.

    OPENWEBUI_USAGE_ENABLED is not among them: `host.autoload` reads it before anything of this is imported.
    """

    model_config = SettingsConfigDict(env_prefix="OPENWEBUI_USAGE_", extra="ignore")

    counting: Counting = "documented"
    """How OUT is made in groups created from now on."""
    fail_closed: bool = False
    """True: while the ledger is away, calls that a limit would have to admit are refused with 503."""
    webhook_url: str | None = None
    """Where to post when a soft limit or a limit is crossed."""
    webhook_secret: SecretStr | None = None
    """Signs what is posted (HMAC-SHA256, header `X-Usage-Signature`)."""
    spool_dir: Path | None = None
    """Where rows wait while the database is away; by default `usage-spool` in Open WebUI's data folder."""
    client: bool = False
    """True: the token client is mounted at /o1/."""
    keep_calls: Kept = None
    """How long the rows of calls are kept, like `13 months`; for ever by default. Totals and reports stay as they
    are.
    """
    keep_raw_usage: Kept = None
    """How long what providers said of a call's usage is kept, word for word."""

    report_readers: str = ""
    """User groups of the host, by name or id, separated by commas: their members may read reports of everybody."""
    group_report_readers: str = ""
    """The same for team leads: their members may read reports of members of the groups that they are in themselves."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()


class ClientSettings(BaseSettings):
    """The token client's, read from the environment and, where the client runs by itself, from `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="OPENWEBUI_USAGE_CLIENT_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    model: str | None = None
    """What answers; by default `o1`, and with the demo provider `demo-reasoner`."""
    secret: SecretStr | None = None
    """Hashes the tokens. By default WEBUI_SECRET_KEY inside Open WebUI, else a file beside the database."""
    trusted_proxies: str = ""
    """Addresses and networks, separated by commas, whose `X-Forwarded-For` is believed; `*` for all."""
    rate: int = Field(default=120, ge=0)
    """Requests of one user in a minute; 0 for any number."""
    redis_url: SecretStr | None = None
    """Shared by several stand-alone processes on one database. Inside Open WebUI its own Redis is used."""
    timeout: float = Field(default=900.0, gt=0)
    """Seconds that the provider may be silent before a request is given up."""
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_api_base_url: str | None = Field(default=None, validation_alias="OPENAI_API_BASE_URL")
    openai_api_keys: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEYS")
    """Open WebUI's list of all connections, separated by semicolons: the first counts where no single one is set."""
    openai_api_base_urls: str | None = Field(default=None, validation_alias="OPENAI_API_BASE_URLS")
    webui_secret_key: SecretStr | None = Field(default=None, validation_alias="WEBUI_SECRET_KEY")
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
