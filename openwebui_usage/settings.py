"""Every OPENWEBUI_USAGE_* variable, and what becomes of a wrong one.

Inside Open WebUI a wrong value is no reason to meter nothing: it is told, and the default stands in for it. Only for a
secret or a database nothing can stand in. A command ends instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from openwebui_usage.rules.durations import Duration
from openwebui_usage.rules.groups import Counting

_WITHOUT_STAND_IN = frozenset(("webhook_secret", "secret", "webui_secret_key", "database_url"))
"""Fields whose default would be unsafe where something else was meant."""


class SettingsError(Exception):
    """A setting is wrong, and nothing stands in for it. The text is a sentence that names the variable."""


@dataclass(frozen=True, slots=True)
class WrongSetting:
    """A variable with a value that cannot be used, and what is taken instead."""

    variable: str
    fault: str
    """What is wrong with the value, which is quoted unless it is a secret."""
    taken: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.fault}. The default is taken instead: {self.taken}."


def _duration(value: object) -> object:
    return (Duration.parse(value) if value.strip() else None) if isinstance(value, str) else value


def _not_blank(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not value.get_secret_value().strip():
        raise ValueError("must not be blank: everybody can guess it")
    return value


Kept = Annotated[Duration | None, BeforeValidator(_duration)]
"""How long something is kept; None for ever."""
_Secret = Annotated[SecretStr | None, AfterValidator(_not_blank)]


class Settings(BaseSettings):
    """Read from the environment once, when the plugin is mounted, by `read_settings`.

    OPENWEBUI_USAGE_ENABLED is not among them: `host.autoload` reads it before anything of this is imported.
    """

    model_config = SettingsConfigDict(env_prefix="OPENWEBUI_USAGE_", env_ignore_empty=True, extra="ignore")

    counting: Counting = "documented"
    """How OUT is made in groups created from now on."""
    fail_closed: bool = False
    """True: while the ledger is away, calls that a limit would have to admit are refused with 503."""
    webhook_url: str | None = None
    """Where to post when a soft limit or a limit is crossed."""
    webhook_secret: _Secret = None
    """Signs what is posted (HMAC-SHA256, header `X-Usage-Signature`)."""
    spool_dir: Path | None = None
    """Where rows wait while the database is away; by default `usage-spool` in Open WebUI's data folder."""
    client: bool = False
    """True: the token client is mounted at /o1/."""
    pages: bool = True
    """False: there are no pages at /usage/."""
    gc_freeze: bool = True
    """False: Python's collector looks at all that lives as long as the process each time, see `host.garbage`."""
    keep_calls: Kept = None
    """How long the rows of calls are kept, like `13 months`; for ever by default. Totals and reports stay as they
    are.
    """
    keep_raw_usage: Kept = None
    """How long what providers said of a call's usage is kept, word for word."""

    metrics_token: _Secret = None
    """A bearer token that may read `GET /api/usage/metrics`, as admins may."""
    metrics_models: int = Field(default=100, ge=1, le=10_000)
    """How many models have metrics of their own; all others are one, `other`."""

    report_readers: str = ""
    """User groups of the host, by name or id, separated by commas: their members may read reports of everybody."""
    group_report_readers: str = ""
    """The same for team leads: their members may read reports of members of the groups that they are in themselves."""
    report_schedule: str = ""
    """`daily`, `weekly` or `monthly`: a report of each such period is posted to the webhook as CSV. Empty: none.

    This and the next two are checked where reports are scheduled: a mistake in them keeps nothing else from running.
    """
    report_by: str = "user,model"
    """What these reports are grouped by: up to two dimensions, separated by commas."""
    report_timezone: str = "UTC"
    """The IANA time zone in which their periods begin and end."""


class ClientSettings(BaseSettings):
    """The token client's, read from the environment and, where the client runs by itself, from `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="OPENWEBUI_USAGE_CLIENT_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    model: str | None = None
    """What answers; by default `o1`, and with the demo provider `demo-reasoner`."""
    secret: _Secret = None
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


_Settings = TypeVar("_Settings", bound=BaseSettings)


def read_settings(kind: type[_Settings]) -> tuple[_Settings, tuple[WrongSetting, ...]]:
    """The settings in the environment, and the wrong ones, for which their defaults stand in. Raises `SettingsError`
    where none can.
    """
    try:
        return kind(), ()
    except ValidationError as error:
        faults = _faults(kind, error)
    defaults: dict[str, Any] = {name: kind.model_fields[name].get_default() for name in faults}
    for name, fault in faults.items():
        if name in _WITHOUT_STAND_IN:
            raise SettingsError(f"{_variable(kind, name)}: {fault}.")
    wrong = (WrongSetting(_variable(kind, name), fault, _written(defaults[name])) for name, fault in faults.items())
    return kind(**defaults), tuple(wrong)


def read_strictly(kind: type[_Settings]) -> _Settings:
    """The settings in the environment and in `.env` in the working directory. Raises `SettingsError`."""
    try:
        return kind(_env_file=".env")
    except ValidationError as error:
        name, fault = next(iter(_faults(kind, error).items()))
        raise SettingsError(f"{_variable(kind, name)}: {fault}.") from None


def _faults(kind: type[BaseSettings], error: ValidationError) -> dict[str, str]:
    """What is wrong, by the names of fields."""
    names = {str(field.validation_alias): name for name, field in kind.model_fields.items() if field.validation_alias}
    faults: dict[str, str] = {}
    for found in error.errors(include_url=False):
        name = str(found["loc"][0])
        name = names.get(name, name)
        text = found["msg"].removeprefix("Value error, ")
        is_quoted = "(got " in text or name in _WITHOUT_STAND_IN
        faults.setdefault(name, text if is_quoted else f"{text} (got {found['input']!r})")
    return faults


def _variable(kind: type[BaseSettings], name: str) -> str:
    alias = kind.model_fields[name].validation_alias
    return str(alias) if alias else f"{kind.model_config.get('env_prefix', '')}{name.upper()}"


def _written(default: object) -> str:
    """A default as somebody would write it into the environment."""
    return str(default).lower() if isinstance(default, bool) else str(default) if default else "not set"
