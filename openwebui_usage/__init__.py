"""Meters, limits and steers every model call of an unmodified Open WebUI.

This module is imported at every start of the interpreter (by the autoload line), so it imports nothing by itself.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "mount", "unmount"]


def __getattr__(name: str) -> object:
    """`mount` and `unmount` are loaded when somebody asks for them."""
    if name in ("mount", "unmount"):
        from openwebui_usage.host import mount as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
