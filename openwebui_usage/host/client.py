"""The token client inside Open WebUI, at /o1/: on its database, behind the same gate."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.addresses import TRUSTED_PROXIES, Network, parse_networks
from openwebui_usage.client.app import create_app
from openwebui_usage.client.log_redaction import TokensHidden
from openwebui_usage.client.storage import hasher_of_open_webui
from openwebui_usage.client.throttling import Buckets
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import ClientSettings, WrongSetting, read_settings

log = logging.getLogger("openwebui_usage")

PATH = "/o1"
_ACCESS_LOG = "uvicorn.access"


class MountedClient:
    """`routes` are what to splice in; `start` and `stop` it with the ledger. `wrong_settings` are those for which a
    default stands in.
    """

    def __init__(
        self, engine: Engine, schema: str | None, runtime: Runtime, make_buckets: Callable[[], Buckets]
    ) -> None:
        """Raises `SettingsError` where a secret is wrong, `ConfigError` where Open WebUI has no secret key.
        `make_buckets`: see `create_app`.
        """
        settings, wrong = read_settings(ClientSettings)
        self.wrong_settings: list[WrongSetting] = list(wrong)
        settings = _with_key_of_host(settings)
        hasher = hasher_of_open_webui(settings)
        self._accounts = Accounts(engine, hasher, schema)
        self._provider = Provider(Upstream.configured(settings), settings.timeout)

        app = create_app(
            runtime,
            self._accounts,
            hasher,
            self._provider,
            rate=settings.rate,
            trusted=self._trusted(settings.trusted_proxies),
            rewritten=True,
            make_buckets=make_buckets,
        )
        self.routes: list[BaseRoute] = [
            Route(PATH, _with_slash, methods=["GET", "HEAD"], include_in_schema=False),
            Mount(PATH, app),
        ]
        self._filter = TokensHidden()

    def _trusted(self, text: str) -> list[Network]:
        try:
            return parse_networks(text)
        except ValueError as error:
            self.wrong_settings.append(WrongSetting(TRUSTED_PROXIES, str(error), "not set"))
            return []

    async def start(self) -> None:
        """Begin to ask the provider."""
        logging.getLogger(_ACCESS_LOG).addFilter(self._filter)
        await self._provider.start()
        upstream = self._provider.upstream
        who = "the demo provider" if upstream.is_demo else f"{upstream.model} at {upstream.url}"
        log.info("The token client is at %s/; %s answers", PATH, who)

    async def stop(self) -> None:
        """Give up what is under way."""
        logging.getLogger(_ACCESS_LOG).removeFilter(self._filter)
        await self._provider.stop()


async def _with_slash(request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{PATH}/{query}", 307)


def _with_key_of_host(settings: ClientSettings) -> ClientSettings:
    """Open WebUI's own key counts: in a Docker image it comes from a file, and is in no variable."""
    from open_webui.env import WEBUI_SECRET_KEY

    if WEBUI_SECRET_KEY:
        settings = settings.model_copy(update={"webui_secret_key": SecretStr(WEBUI_SECRET_KEY)})
    return settings
