"""Open WebUI with the plugin, for those who dislike autoload lines: `uvicorn openwebui_usage.asgi:app`.

`.pth` files are a matter of taste; with OPENWEBUI_USAGE_ENABLED unset this works whether or not one is there.
"""

import os

from openwebui_usage.host.autoload import activate

# A pip installation of Open WebUI keeps its static files inside the package, and its `serve` command says so by this.
os.environ.setdefault("FROM_INIT_PY", "true")
activate()

from open_webui.main import app  # noqa: E402 - the hook must be in place before

__all__ = ["app"]
