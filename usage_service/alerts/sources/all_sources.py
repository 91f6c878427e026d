"""All sources of events."""

from typing import Final

from usage_service.alerts.sources.credit import CREDIT
from usage_service.alerts.sources.expiry import EXPIRY
from usage_service.alerts.sources.life import LIFE
from usage_service.alerts.sources.providers import ACCOUNTS, PROVIDERS
from usage_service.alerts.sources.quotas import QUOTAS
from usage_service.alerts.sources.refusals import REFUSALS
from usage_service.alerts.sources.resets import RESETS
from usage_service.alerts.sources.routing import RETURNS, SAVINGS
from usage_service.alerts.sources.spend import AMOUNTS, SUMMARIES
from usage_service.alerts.sources.usage import ANOMALIES, CALLS

SOURCES: Final = (
    CREDIT, CALLS, ACCOUNTS, PROVIDERS, REFUSALS, QUOTAS, LIFE, EXPIRY, AMOUNTS, ANOMALIES, SUMMARIES, SAVINGS, RETURNS, RESETS,
)  # fmt: skip
"""In the order in which a step asks them."""
