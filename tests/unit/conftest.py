"""How hard Hypothesis tries: the same everywhere, whatever else keeps the machine busy."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=150)
settings.load_profile("unit")
