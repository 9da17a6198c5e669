"""Called by the autoload line in site-packages at every start of the interpreter: puts an import hook in place.

Only `sys` and `os`, both of which every interpreter has loaded already, are imported here: an environment without Open
WebUI must not notice us (`importlib.abc` alone would load a dozen modules). Nothing here may raise.
"""

import os
import sys

TARGETS = frozenset(
    {
        "open_webui.routers.openai",
        "open_webui.routers.ollama",
        "open_webui.functions",
        "open_webui.utils.chat",
        "open_webui.utils.middleware",
        "open_webui.utils.payload",
        "open_webui.main",
    }
)
"""Modules of Open WebUI that we want to see right after they were executed, before anyone binds their names."""

_OFF = frozenset({"0", "false", "no", "off"})


def activate() -> None:
    """Put the hook in place, once, unless OPENWEBUI_USAGE_ENABLED or Open WebUI's own SAFE_MODE says no."""
    if is_switched_off() or is_active():
        return
    sys.meta_path.insert(0, _Finder())


def deactivate() -> None:
    """Take the hook away."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]


def is_active() -> bool:
    """Whether the hook is in place."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def is_switched_off() -> bool:
    """Whether the environment asks us to keep out."""
    if os.environ.get("OPENWEBUI_USAGE_ENABLED", "true").strip().lower() in _OFF:
        return True
    return os.environ.get("SAFE_MODE", "false").strip().lower() == "true"


class _Finder:
    """Finds nothing itself: wraps the loader that the others find."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name not in TARGETS:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)  # type: ignore[no-untyped-call, assignment]
                return spec
        return None


class _Loader:
    """Another loader, and a call to us once it has executed the module."""

    def __init__(self, inner):  # type: ignore[no-untyped-def]
        self._inner = inner

    def create_module(self, spec):  # type: ignore[no-untyped-def]
        return self._inner.create_module(spec)

    def exec_module(self, module):  # type: ignore[no-untyped-def]
        self._inner.exec_module(module)
        if not is_active():
            return
        try:
            from openwebui_usage.host.mount import on_import

            on_import(module)
        except Exception as error:  # Open WebUI must start, whatever is wrong with us.
            import logging

            deactivate()  # The other modules would only say the same again.
            log = logging.getLogger("openwebui_usage")
            log.error("openwebui-usage keeps out, Open WebUI runs on without it: %s: %s", type(error).__name__, error)
            log.debug("This is where it failed", exc_info=True)

    def __getattr__(self, name):  # type: ignore[no-untyped-def]
        return getattr(self._inner, name)
