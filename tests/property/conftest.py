"""Two cores are shared by whatever runs beside: a slow example is no failure. A failing one prints how to repeat it."""

from hypothesis import settings

settings.register_profile("megarouter", deadline=None, print_blob=True, max_examples=150)
settings.load_profile("megarouter")
