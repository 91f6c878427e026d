"""Writes the page with every metric, from the module that defines them."""

from typing import Final

from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.semconv import Instrument

_INTRODUCTION: Final = """# Metrics

Generated from the list of instruments by `./dev protos --pages`; do not edit. [Operating](../guides/operating.md#metrics) says how
to collect them.

OTLP exports a metric under its name. Prometheus replaces the dots by underscores and adds the unit (`_seconds`, `_bytes`) and, for
a count, `_total`. No label names an organization, a member or a key.

| metric | unit | labels | meaning |
|---|---|---|---|"""
_UNITS: Final = {"s": "seconds", "By": "bytes"}


def metrics_page() -> str:
    """Returns the text of the page. Metrics are in the order of the module."""
    instruments = [value for value in vars(semconv).values() if isinstance(value, Instrument)]
    return "\n".join([_INTRODUCTION, *map(_row, instruments)]) + "\n"


def _row(instrument: Instrument) -> str:
    unit = _UNITS.get(instrument.unit, instrument.unit.strip("{}") + "s").replace("dependencys", "1 or 0")
    labels = ", ".join(f"`{label}`" for label in instrument.labels)
    return f"| `{instrument.name}` | {unit} | {labels} | {instrument.description} |"
