"""Every OPENWEBUI_USAGE_* variable."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from openwebui_usage.groups import Counting


class Settings(BaseSettings):
    """Read from the environment once, when the plugin is mounted."""

    model_config = SettingsConfigDict(env_prefix="OPENWEBUI_USAGE_", extra="ignore")

    enabled: bool = True
    """False: the plugin keeps out of Open WebUI altogether."""
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


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
