from pathlib import Path

import pytest

from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.specification import DEFAULT_CATALOG


@pytest.fixture
def administration(database_url: str, single_redis: RedisServer) -> dict[str, str]:
    """The variables of admin_service."""
    return {
        "MEGAROUTER_LISTEN": "unix:/admin.sock",
        "MEGAROUTER_ADMIN_DATABASE_URL": login_url(database_url, "megarouter_admin"),
        "MEGAROUTER_REDIS_URL": single_redis.url,
        "MEGAROUTER_KEY_PEPPER": "70" * 32,
        "MEGAROUTER_CATALOG_FILE": str(Path(DEFAULT_CATALOG)),
    }
