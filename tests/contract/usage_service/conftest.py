"""The settings of a usage_service that uses the session's servers."""

from pathlib import Path

import pytest

from deploy.local.programs.redis import RedisServer
from gateway_core.runtime.settings import UsageSettings
from tests.contract.usage_service.settlement_cases import make_settings


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "usage.log"


@pytest.fixture
def settings(database_url: str, redis_server: RedisServer, journal: Path) -> UsageSettings:
    return make_settings(
        database_url, redis_server.url, journal_file=journal, journal_delay_ms=300, settle_interval_ms=5
    )
