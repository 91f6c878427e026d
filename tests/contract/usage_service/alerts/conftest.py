import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.model.alerts.event_data import check_event
from gateway_core.model.alerts.event_types import OF_RULES
from tests.contract.usage_service.alerts.alert_cases import set_budget
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=4) as made:
        yield made


@pytest.fixture
async def follower(owner: asyncpg.Connection, pool: asyncpg.Pool) -> AsyncIterator[AlertFollower]:
    """Follows an organization in which Mia has a budget of ten calls. Ada administers Mia's group, and Sue everything."""
    await prepare(owner)
    await owner.execute(
        "INSERT INTO users VALUES ('u-mia', NULL, 'Mia'), ('u-ada', NULL, 'Ada'), ('u-sue', NULL, 'Sue')"
    )
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name)"
        " VALUES ('acme', 'research', '{research}', 'Research')"
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES"
        " ('acme', 'mia', 'u-mia', 'research', 'MEMBER'), ('acme', 'ada', 'u-ada', 'research', 'L1_ADMIN'),"
        " ('acme', 'sue', 'u-sue', NULL, 'SUPER_ADMIN')"
    )
    await set_budget(owner, 10)
    made = AlertFollower(pool, AccountRefusals())
    await made.follow_once()
    yield made
    for event_type, data in await owner.fetch("SELECT event_type, data FROM alert_events"):
        if event_type in OF_RULES:
            check_event(event_type, json.loads(data))
