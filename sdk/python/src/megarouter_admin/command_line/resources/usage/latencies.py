"""How long calls took, in words."""

from megarouter.admin.v1.messages import LatencyRange, UsageLatencies

_SECOND_MS = 1_000


def percentiles(latencies: UsageLatencies) -> str:
    """Returns how long calls took: half of them, 90 % and 99 %."""
    if not latencies.call_count:
        return ""
    ranges = (("half", latencies.p50), ("90%", latencies.p90), ("99%", latencies.p99))
    return ", ".join(f"{share} {_bound(one)}" for share, one in ranges)


def _bound(one: LatencyRange) -> str:
    return f"below {seconds(one.below_ms)}" if one.below_ms else f"{seconds(one.at_least_ms)} or more"


def seconds(milliseconds: int) -> str:
    """Returns a duration in milliseconds below a second, and in seconds otherwise."""
    return f"{milliseconds} ms" if milliseconds < _SECOND_MS else f"{milliseconds / _SECOND_MS:.1f} s"
