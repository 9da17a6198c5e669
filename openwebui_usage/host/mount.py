"""`mount` and `unmount`: everything that ties the plugin to one Open WebUI application, and its undoing."""

from __future__ import annotations

import sys
from types import ModuleType

from fastapi import FastAPI

from openwebui_usage.host.autoload import TARGETS
from openwebui_usage.host.plugin import Plugin
from openwebui_usage.host.seam import Seam
from openwebui_usage.host.wrapping import wrap_module

_MARK = "openwebui_usage"

_seam = Seam()
_wrapped: set[str] = set()


def on_import(module: ModuleType) -> None:
    """A module of Open WebUI was just executed: wrap it before anybody binds its names."""
    _wrap(module)
    if module.__name__ == "open_webui.main":
        mount(module.app)


def mount(app: FastAPI) -> None:
    """Tie the plugin to `app`. A second call does nothing. What the host does not have is logged and left out."""
    if plugin_of(app) is not None:
        return
    for name in sorted(TARGETS):
        if name in sys.modules:
            _wrap(sys.modules[name])
    plugin = Plugin(app, _seam)
    setattr(app.state, _MARK, plugin)
    plugin.attach()


def plugin_of(app: FastAPI) -> Plugin | None:
    """What `mount` tied to `app`."""
    plugin: Plugin | None = getattr(app.state, _MARK, None)
    return plugin


def unmount(app: FastAPI) -> None:
    """Untie everything, backwards. The plugin must have been stopped, or never started."""
    plugin = plugin_of(app)
    if plugin is None:
        return
    plugin.detach()
    delattr(app.state, _MARK)
    _seam.patches.undo()
    _wrapped.clear()


def _wrap(module: ModuleType) -> None:
    if module.__name__ not in _wrapped:
        _wrapped.add(module.__name__)
        wrap_module(_seam, module)
