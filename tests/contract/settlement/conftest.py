"""A usage_service's settings over the session's servers."""

import pytest

from deploy.local.redis import RedisServer
from gateway_core.edges.settings import UsageSettings
from tests.contract.settlement.settlement_cases import make_settings


@pytest.fixture
def settings(database_url: str, redis_server: RedisServer) -> UsageSettings:
    return make_settings(database_url, redis_server.url)
