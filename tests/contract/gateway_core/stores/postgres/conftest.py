"""The settings of a service that uses the PostgreSQL stores."""

from tests.contract.usage_service.conftest import journal, settings

__all__ = ["journal", "settings"]
