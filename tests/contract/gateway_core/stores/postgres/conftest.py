"""Settings of a service that uses these stores."""

from tests.contract.usage_service.conftest import journal, settings

__all__ = ["journal", "settings"]
