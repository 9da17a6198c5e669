"""`openwebui-usage report`, `calls`, `export …`, `ledger …` and `prices …`: what is about the whole ledger."""
