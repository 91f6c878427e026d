"""The time that running calls get when Envoy is stopped or replaced."""

from collections.abc import Mapping

from megarouter_envoy.settings.variables import DRAIN_GRACE

DEFAULT_DRAIN_GRACE_S = 30
MAX_DRAIN_GRACE_S = 3_600


class DrainGraceError(Exception):
    """The setting is not a number of seconds. The message says what to set."""


def drain_grace_s(environment: Mapping[str, str]) -> int:
    """Returns how long calls may take that run when Envoy is stopped or replaced.

    Raises:
        DrainGraceError: the variable is not a number of seconds.
    """
    text = environment.get(DRAIN_GRACE, str(DEFAULT_DRAIN_GRACE_S))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DRAIN_GRACE_S:
        raise DrainGraceError(f"{DRAIN_GRACE}: choose a whole number of seconds from 1 to {MAX_DRAIN_GRACE_S}")
    return int(text)
