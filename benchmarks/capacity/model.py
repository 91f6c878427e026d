"""How much of each resource a number of Envoys and calls use, and which is used up first. Pure arithmetic."""

from dataclasses import dataclass
from typing import Final

from benchmarks.capacity import constants as measured

_US: Final = 1_000_000


@dataclass(frozen=True)
class Plan:
    """What is asked. The defaults are machines that companies commonly have, not measurements."""

    envoys: int
    calls_per_second: float
    """Of all Envoys together."""
    largest_share: float = 0.3
    """The share of the largest organization in the calls."""
    envoy_cores: int = 4
    """Of a gateway: Envoy, authz_service and ratelimit_service. usage_service has one core besides."""
    postgres_cores: int = 16
    postgres_connections: int = 500
    wal_bytes_per_second: float = 200e6
    redis_nodes: int = 3


@dataclass(frozen=True)
class Use:
    """How much of one resource is used."""

    resource: str
    needed: float
    available: float
    unit: str
    lifted_by: str

    @property
    def share(self) -> float:
        """1 when it is used up."""
        return self.needed / self.available


def uses(plan: Plan) -> list[Use]:
    """Returns every resource, the scarcest first."""
    calls, own = plan.calls_per_second, plan.calls_per_second / plan.envoys
    largest = calls * plan.largest_share
    decided_us = measured.ENVOY_CPU_US + measured.AUTHZ_CPU_US + measured.RATELIMIT_CPU_US
    redis_us = measured.REDIS_CPU_US
    found = [
        Use("cores of each gateway", own * decided_us / _US, plan.envoy_cores, "cores", "more Envoys"),
        Use("usage_service of each gateway", own * measured.USAGE_CPU_US / _US, 1, "cores", "more Envoys"),
        Use(
            "PostgreSQL connections",
            plan.envoys * measured.POSTGRES_CONNECTIONS,
            plan.postgres_connections,
            "",
            "a pooler in transaction mode",
        ),
        Use(
            "PostgreSQL cores",
            calls * measured.POSTGRES_CPU_US / _US,
            plan.postgres_cores,
            "cores",
            "organizations over several PostgreSQL",
        ),
        Use(
            "PostgreSQL WAL",
            calls * measured.WAL_BYTES / 1e6,
            plan.wal_bytes_per_second / 1e6,
            "MB/s",
            "organizations over several PostgreSQL",
        ),
        Use("Redis nodes", calls * redis_us / _US, plan.redis_nodes, "cores", "more nodes of the cluster"),
        Use(
            "Redis slot of the largest organization",
            largest * redis_us / _US,
            1,
            "cores",
            "sub-ledgers of the organization",
        ),
        Use(
            "ledger of the largest organization",
            largest,
            measured.LEDGER_CALLS_PER_SECOND,
            "calls/s",
            "sub-ledgers of the organization",
        ),
    ]
    return sorted(found, key=lambda use: -use.share)


def stored_gigabytes_per_day(plan: Plan) -> float:
    """Returns how much the database grows, with indexes."""
    return plan.calls_per_second * 86_400 * measured.STORED_BYTES / 1e9


def table(plan: Plan) -> str:
    """Returns the table that the program prints and the page shows."""
    rows: list[tuple[str, ...]] = [("resource", "needed", "available", "used", "what lifts it")]
    for use in uses(plan):
        unit = f" {use.unit}" if use.unit else ""
        rows.append(
            (
                use.resource,
                f"{use.needed:,.1f}{unit}",
                f"{use.available:,.0f}{unit}",
                f"{use.share:,.0%}",
                use.lifted_by,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    grows = f"The database grows by {stored_gigabytes_per_day(plan):,.0f} GB a day."
    return "\n".join([*lines, "", grows])
