"""Meters, limits and steers every model call of an unmodified Open WebUI.

This module is imported at every start of the interpreter (by the autoload line), so it imports nothing.
"""

__version__ = "0.1.0"
