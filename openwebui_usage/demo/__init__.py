"""The built-in demo provider: an OpenAI-compatible server on loopback, so that the plugin shows its work without a key.

- `answers`    what it answers and what that costs: pure functions
- `server`     the HTTP layer
- `connection` how Open WebUI comes to know it, and forgets it again
"""
