"""What a call and a batch cost in a simulation, as the measured constants say."""

from dataclasses import dataclass
from typing import Final

from benchmarks.capacity import constants as measured

_US: Final = 1e-6
_MEASURED_BATCH: Final = 16.0
"""Calls of a batch while the constants of a call were measured: 200 calls/s, gathered for 80 ms."""
_MEASURED_ORGANIZATIONS: Final = 4.0
_PLACING: Final = 0.5
"""The share of Redis' work for a call that is done before the decision. It was not measured by itself."""


@dataclass(frozen=True)
class BatchCosts:
    """What a batch of settlements costs while it holds heads: by itself, for each call, and for each organization."""

    idle: tuple[float, float, float]
    """Neither PostgreSQL nor usage_service works: round trips, and waiting for the disk."""
    postgres: tuple[float, float, float]
    service: tuple[float, float, float]

    def idle_s(self, calls: float, organizations: float) -> float:
        """Returns the time in which neither works."""
        return _linear(self.idle, calls, organizations)

    def postgres_s(self, calls: float, organizations: float) -> float:
        """Returns the CPU time of PostgreSQL."""
        return _linear(self.postgres, calls, organizations)

    def service_s(self, calls: float, organizations: float) -> float:
        """Returns the CPU time of usage_service."""
        return _linear(self.service, calls, organizations)


@dataclass(frozen=True)
class Costs:
    """What a call costs besides, and its batch."""

    decision_s: float
    """CPU of Envoy, authz_service and ratelimit_service."""
    placing_s: float
    """CPU of Redis before the decision."""
    following_s: float
    """CPU of Redis after settlement."""
    reading_s: float
    """CPU of usage_service outside of the transaction."""
    other_postgres_s: float
    """CPU of PostgreSQL outside of settlement: the hold, and followers."""
    wal_s: float
    batch: BatchCosts


def measured_costs(wal_bytes_per_second: float) -> Costs:
    """Returns the costs by the constants. What a batch does not cost of a call's whole cost is outside of the batch."""
    batch = BatchCosts(
        _scaled(measured.BATCH_IDLE_US),
        _scaled(measured.BATCH_POSTGRES_US),
        _scaled(measured.BATCH_SERVICE_US),
    )
    calls, organizations = _MEASURED_BATCH, _MEASURED_ORGANIZATIONS
    return Costs(
        decision_s=(measured.ENVOY_CPU_US + measured.AUTHZ_CPU_US + measured.RATELIMIT_CPU_US) * _US,
        placing_s=measured.REDIS_CPU_US * _US * _PLACING,
        following_s=measured.REDIS_CPU_US * _US * (1 - _PLACING),
        reading_s=max(measured.USAGE_CPU_US * _US - batch.service_s(calls, organizations) / calls, 0.0),
        other_postgres_s=max(measured.POSTGRES_CPU_US * _US - batch.postgres_s(calls, organizations) / calls, 0.0),
        wal_s=measured.WAL_BYTES / wal_bytes_per_second,
        batch=batch,
    )


def _scaled(costs_us: tuple[float, float, float]) -> tuple[float, float, float]:
    batch, call, organization = costs_us
    return batch * _US, call * _US, organization * _US


def _linear(costs: tuple[float, float, float], calls: float, organizations: float) -> float:
    batch, call, organization = costs
    return batch + call * calls + organization * organizations
