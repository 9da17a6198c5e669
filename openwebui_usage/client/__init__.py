"""The token client: a small chat for people with a token instead of a login, on the ledger that all calls share.

- `app`         the routes, and what may come in by them
- `page`        the files of the page, and the headers that guard it
- `answers`     one question to the provider, metered, as a whole or as a stream
- `provider`    who answers: any OpenAI-compatible endpoint, else the built-in demo
- `guard`       guesses, rates and addresses
- `place`       where the accounts are, and with which secret
- `standalone`  the client as a server of its own
- `commands`    `openwebui-usage client`, `users` and `prices`; `manage` has the verbs of `manage.py`
"""
