"""What works and what does not, each thing looked at by itself, with what to do about it: for the API and commands.

`looking` takes the facts within a time limit, `ledger` and `plugin` say what they mean. Nothing here asks the host.
"""

from openwebui_usage.checks.check import Check, State
from openwebui_usage.checks.looking import Look, Looks, Seen, threaded

__all__ = ["Check", "Look", "Looks", "Seen", "State", "threaded"]
