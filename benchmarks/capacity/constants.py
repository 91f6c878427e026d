"""What one call costs, as measured. The only place for these figures: the model and the page take them from here.

CPU of a call by process is the mean of the three runs with JSON in docs/guides/benchmarks.md. Bytes, rows, commands and connections
are from `python -m benchmarks.capacity.measure --calls-per-second 200`, and settlement from `python -m benchmarks.settlement`.
"""

from typing import Final

ENVOY_CPU_US: Final = 678
AUTHZ_CPU_US: Final = 254
RATELIMIT_CPU_US: Final = 92
USAGE_CPU_US: Final = 277
POSTGRES_CPU_US: Final = 183
REDIS_CPU_US: Final = 148
WAL_BYTES: Final = 4_160
STORED_BYTES: Final = 2_757
ROWS_INSERTED: Final = 2.9
ROWS_UPDATED: Final = 2.7
REDIS_COMMANDS: Final = 28.9
REDIS_BYTES: Final = 1_264
POSTGRES_CONNECTIONS: Final = 27
"""Of a gateway with two workers of authz_service, and notification_service."""
REDIS_CONNECTIONS: Final = 6
LEDGER_CALLS_PER_SECOND: Final = 8_106
"""Settled by one usage_service for one organization in batches of 500, with Redis following."""
BATCH_POSTGRES_US: Final = (1_230.0, 29.6, 78.8)
"""CPU of PostgreSQL while a batch of settlements holds the heads of its organizations: of a batch, and more for each of its calls
and for each of its organizations. From `python -m benchmarks.capacity.batch_costs`, as the next two."""
BATCH_SERVICE_US: Final = (989.0, 17.5, 19.1)
"""CPU of usage_service in the same time."""
BATCH_IDLE_US: Final = (196.0, 6.2, 20.1)
"""The rest of the time: round trips, and waiting for the disk."""
