"""When to look at what follows from the passing of time. Pure."""

import datetime as dt
import zlib
from collections.abc import Iterable
from typing import Final

from usage_service.alerts.claims import Claimed

RATE_REFUSALS: Final = ("rate_limited", "tokens_rate_limited", "too_many_concurrent_calls")
"""Why calls are refused that exceed a request limit."""
_QUARTER_S: Final = 900
"""Days begin at a quarter of an hour in every time zone."""
_SPREAD_S: Final = 300
"""Organizations do not all look in the same second."""


def next_look(claimed: Claimed, again_s: Iterable[float | None]) -> dt.datetime:
    """Returns when to look again: some minutes after a day may begin, or sooner if somebody asks for it."""
    wanted = [claimed.now + dt.timedelta(seconds=seconds) for seconds in again_s if seconds is not None]
    wanted.append(claimed.next_look_time or _regular(claimed.organization, claimed.now))
    return min(wanted)


def _regular(organization: str, now: dt.datetime) -> dt.datetime:
    delay_s = 1 + zlib.crc32(organization.encode()) % _SPREAD_S
    quarters = (int(now.timestamp()) - delay_s) // _QUARTER_S + 1
    return dt.datetime.fromtimestamp(quarters * _QUARTER_S + delay_s, dt.UTC)
