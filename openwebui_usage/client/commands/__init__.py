"""`openwebui-usage client` and `users …`, and what all commands share: the database, what they print."""
