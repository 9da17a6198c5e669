"""`openwebui-usage client`, `users …`, `prices …` and `ledger …`."""
