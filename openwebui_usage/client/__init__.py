"""The token client: a small chat for people who have a token instead of a login, on the same ledger as all other calls.

- `app`          the routes, and what a request may be
- `auth`         lets accounts in by their token; `throttling` slows down whoever guesses
- `accounts`     who has a token, and how much of their limit is left
- `chat`         one question to the provider, admitted and metered; `stream` sends the answer as it comes
- `upstream`     the provider: any OpenAI-compatible endpoint, else the built-in demo
- `page`         the files of the page, and the headers that protect it
- `storage`      which database the accounts are in, and which secret their tokens are hashed with
- `standalone`   the client as a server of its own
- `commands`     `openwebui-usage client`, `users` and `prices`; `manage` has the verbs of `manage.py`
"""
