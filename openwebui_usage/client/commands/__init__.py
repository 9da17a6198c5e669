"""`openwebui-usage client`, `users …` and `prices …`."""
