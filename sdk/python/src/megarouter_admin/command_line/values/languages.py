"""The languages in which the service writes texts for people."""

import enum


class Language(enum.StrEnum):
    """The language of a report or an analysis."""

    EN = "en"
    ZH = "zh"
