"""The languages in which usage is written about."""

import enum


class Language(enum.StrEnum):
    """A language by its BCP-47 tag."""

    ENGLISH = "en"
    CHINESE = "zh"
