"""Configures Hypothesis. Slow examples pass, because tests share cores with other processes; failures print how to repeat them."""

from hypothesis import settings

settings.register_profile("megarouter", deadline=None, print_blob=True, max_examples=150)
settings.load_profile("megarouter")
