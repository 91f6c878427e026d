"""When a delivery is tried again, and when it is given up. Pure."""

import datetime as dt
import email.utils
from dataclasses import dataclass
from typing import Final

_MINUTE, _HOUR = 60.0, 3_600.0
PAUSES_S: Final = (5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 10 * _HOUR)
"""After the first attempt, which is made at once, after the second, and so on. The last one is repeated."""
JITTER: Final = 0.2
"""The share by which a pause is made shorter or longer, so that what failed together is not tried again together."""
LONGEST_S: Final = 72 * _HOUR
LONGEST_OF_CHATS_S: Final = 24 * _HOUR
"""A chat message about something a day ago would only confuse."""
DISABLED_AFTER_S: Final = 5 * 24 * _HOUR
"""A channel that failed in every attempt for so long is disabled."""
MAX_RETRY_AFTER_S: Final = 10 * _HOUR


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery after a failed attempt."""

    attempt_number: int
    """Of the attempt that failed, from 1 since the event or the last replay."""
    age_s: float
    """Since then."""
    is_chat: bool


def pause_after(failed: Waiting, wanted_s: float, random: float) -> float | None:
    """Returns for how many seconds to wait before the next attempt; None to give up.

    Args:
        failed: the delivery.
        wanted_s: the shortest time that the server asked for; 0 if it did not.
        random: evenly distributed in [0, 1).
    """
    longest_s = LONGEST_OF_CHATS_S if failed.is_chat else LONGEST_S
    if failed.age_s >= longest_s:
        return None
    planned_s = PAUSES_S[min(failed.attempt_number, len(PAUSES_S)) - 1] * (1 + JITTER * (2 * random - 1))
    # The last attempt is at the end of the time, not before it.
    return max(min(planned_s, longest_s - failed.age_s), min(wanted_s, MAX_RETRY_AFTER_S))


def retry_after_s(header: str, now: dt.datetime) -> float:
    """Returns how many seconds a `Retry-After` header asks for, at most ten hours; 0 if it is missing or malformed."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def disables(failing_since: dt.datetime | None, now: dt.datetime) -> bool:
    """Returns whether a channel has failed for too long.

    Args:
        failing_since: since when every attempt failed; None if the one before succeeded.
        now: the time of the attempt that just failed.
    """
    return failing_since is not None and (now - failing_since).total_seconds() >= DISABLED_AFTER_S
