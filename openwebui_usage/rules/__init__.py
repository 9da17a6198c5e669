"""Pure ground: value objects and decisions. No clock, no database, no Open WebUI."""
