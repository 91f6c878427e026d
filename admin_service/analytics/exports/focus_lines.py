"""The lines of charges, as FOCUS describes them."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.exports.call_rows import CallRow
from admin_service.analytics.exports.cells import amount, decimal
from admin_service.analytics.exports.reading import Snapshot
from gateway_core.model.catalog.pricing import FEE_PREFIX
from gateway_core.model.catalog.service import Service

_TOKEN_PLACES: Final = 6
"""Prices are for a million tokens."""
_CREDIT_PLACES: Final = 9
_TAG_PREFIX: Final = "megarouter/"
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class FocusRow:
    """One line of the charge of a call."""

    call: CallRow
    snapshot: Snapshot
    publisher: str
    number: int
    """Of the line in its call, from 1."""
    category: str
    count: int
    price: int
    """Nano-credits for a million tokens, or for one use of a tool."""
    amount: int
    """Nano-credits."""

    @property
    def is_usage(self) -> bool:
        """Whether something was used. Otherwise the line lowers the charge to the amount of the hold."""
        return self.amount >= 0 or self.count > 0

    @property
    def is_flat(self) -> bool:
        """Whether this is one amount for a call without a report."""
        return self.is_usage and self.count == 0

    @property
    def is_fee(self) -> bool:
        """Whether uses of a hosted tool are counted, and not tokens."""
        return self.category.startswith(FEE_PREFIX)

    @property
    def unit(self) -> str:
        """What is counted."""
        if self.is_flat:
            return "Requests"
        return "Units" if self.is_fee else "Tokens"

    @property
    def is_tokens(self) -> bool:
        """Whether the price is for a million of what is counted."""
        return not self.is_fee and not self.is_flat

    @property
    def used(self) -> int:
        """How much was used."""
        return 1 if self.is_flat else self.count

    @property
    def quantity(self) -> str:
        """How many times the unit price is paid."""
        return decimal(self.used, _TOKEN_PLACES if self.is_tokens else 0)

    @property
    def unit_price(self) -> int:
        """Nano-credits for a million tokens, or for one of another unit."""
        return self.amount if self.is_flat else self.price

    @property
    def exact_cost(self) -> str:
        """Quantity times unit price, before it is rounded to nano-credits."""
        if not self.is_usage:
            return amount(self.amount)
        return decimal(self.used * self.unit_price, _CREDIT_PLACES + (_TOKEN_PLACES if self.is_tokens else 0))

    @property
    def sku(self) -> str:
        """The id of what was sold: a category of tokens of a model, or a tool of it."""
        record = self.call.record
        return f"{record['provider_id']}/{record['requested_model']}/{self.category}"


def focus_rows(calls: Iterable[CallRow], snapshot: Snapshot, publishers: Mapping[str, str]) -> Iterable[FocusRow]:
    """Returns a row for each line of the charges. Calls that cost nothing have none.

    Args:
        calls: with the column `charge_lines`.
        snapshot: that they were read in.
        publishers: display names of providers by id.
    """
    for call in calls:
        provider = call.record["provider_id"]
        publisher = publishers.get(provider, provider)
        lines = json.loads(call.record["charge_lines"])
        for number, (category, count, price, nano_credits) in enumerate(lines, 1):
            yield FocusRow(call, snapshot, publisher, number, category, count, price, nano_credits)


def _placed(row: FocusRow) -> dt.datetime:
    instant: dt.datetime = row.call.record["place_time"]
    return instant.astimezone(dt.UTC)


def month(row: FocusRow) -> dt.datetime:
    """Returns the first instant of the calendar month in UTC."""
    return _placed(row).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(row: FocusRow) -> dt.datetime:
    """Returns the first instant of the next one."""
    start = month(row)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def hour(row: FocusRow) -> dt.datetime:
    """Returns the first instant of the hour in UTC in which the call began."""
    return _placed(row).replace(minute=0, second=0, microsecond=0)


def sku_price(row: FocusRow) -> str:
    """Returns the id of what was sold, and of a tier, speed or place with a price of its own."""
    return "".join([row.sku, *(f";{name}={value}" for name, value in _service(row).special())])


def meter(row: FocusRow) -> str:
    """Returns what is counted, in words."""
    if row.is_fee:
        return f"{row.category.removeprefix(FEE_PREFIX)} fee"
    return row.category if row.is_flat else f"{row.category} tokens"


def description(row: FocusRow) -> str:
    """Returns the line in words."""
    record = row.call.record
    if not row.is_usage:
        return f"{record['requested_model']}: charge lowered to the amount reserved for the call"
    if row.is_flat:
        return f"{record['requested_model']}: the amount reserved for a call without a report"
    return f"{record['requested_model']}: {row.count} {meter(row)}"


def price_details(row: FocusRow) -> str:
    """Returns the parts of the id of the price, as JSON."""
    properties = {"Model": row.call.record["requested_model"], "Category": row.category}
    properties.update({name.capitalize(): value for name, value in _service(row).special()})
    return _to_json(properties)


def tags(row: FocusRow) -> str:
    """Returns the caller's tags, and who called what, as JSON. No tag of a caller has a name with a slash."""
    record = row.call.record
    named = {
        "member": record["member_id"],
        "member_name": row.call.member_name,
        "group_path": "/".join(record["group_path"]),
        "endpoint": record["endpoint"],
        "status": record["outcome"],
    }
    own = json.loads(record["tags"]) if record["tags"] else {}
    return _to_json({**own, **{f"{_TAG_PREFIX}{name}": value for name, value in named.items() if value}})


def region(row: FocusRow) -> str | None:
    """Returns the place of processing, if the provider reports one with a price of its own."""
    return dict(_service(row).special()).get("place")


def _service(row: FocusRow) -> Service:
    record = row.call.record
    return Service(record["service_tier"], record["speed"], record["place"])
