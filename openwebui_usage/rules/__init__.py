"""The rules: value objects and decisions as pure functions. No clock, no database, no Open WebUI."""
