"""The command `megarouter usage forecast`."""

from typing import Annotated
from zoneinfo import ZoneInfo

from megarouter.admin.v1.messages import GetUsageForecastRequest, UsageForecast

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Argument
from megarouter_admin.command_line.resources.usage.questions import minute
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import scope_name, short_scope

application = Section()


@command(
    application, "forecast", "usage forecast", "usage forecast groups/engineering", "usage forecast members/emma --json"
)
def forecast(
    session: Session,
    scope: Annotated[
        str,
        Argument(
            metavar="SCOPE",
            text="organization, groups/ID, members/ID, service-accounts/ID or keys/ID. Default: all you see.",
        ),
    ] = "",
) -> None:
    """Forecast the spend to the end of the budget's cycle, or of the month without one."""
    name = scope_name(session.organization, scope) if scope else ""
    found = session.router.analytics.GetUsageForecast(GetUsageForecastRequest(name=session.organization, scope=name))
    zone = ZoneInfo(found.time_zone or "UTC")
    session.output.one(
        found,
        [
            ("scope", short_scope(found.scope)),
            ("cycle", f"{_start_of(found, zone)} to {minute(found.time_range.end_time, zone)}, {zone.key}"),
            ("spent so far", format_credits(found.spent_nano_credits)),
            ("budget", format_credits(found.budget_nano_credits) if found.HasField("budget_nano_credits") else "none"),
            ("expected", _expected(found)),
            ("forecast", _verdict(found, zone)),
        ],
    )


def _start_of(found: UsageForecast, zone: ZoneInfo) -> str:
    """Returns when the cycle began. A budget that never resets began at no moment."""
    start = found.time_range.start_time
    return minute(start, zone) if start.seconds > 0 else "the first call"


def _expected(found: UsageForecast) -> str:
    if not found.HasField("expected_nano_credits"):
        return ""
    low, high = (_about(amount) for amount in (found.low_nano_credits, found.high_nano_credits))
    return f"about {_about(found.expected_nano_credits)}, most likely between {low} and {high}"


def _verdict(found: UsageForecast, zone: ZoneInfo) -> str:
    states = UsageForecast.State
    if found.state == states.STATE_NONE:
        return "nothing to forecast: no calls lately"
    if found.state == states.STATE_EARLY:
        return "too early: less than a week of calls"
    if found.state == states.STATE_OK:
        return "within the budget" if found.HasField("budget_nano_credits") else "no budget"
    if found.HasField("exhaust_time"):
        return f"the budget will be spent around {minute(found.exhaust_time, zone)}"
    return "the budget is spent"


def _about(amount: int) -> str:
    """Formats an amount with two decimals, or as many as it takes to show three digits of a small one."""
    digits = 7
    while digits > 0 and 0 < abs(amount) < 100 * 10**digits:
        digits -= 1
    return format_credits(round(amount, -digits))
