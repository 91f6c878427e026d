"""Members find in their inbox what was told to them, and nothing else."""

import json

import asyncpg
import grpc
from megarouter.admin.v1 import notification_pb2

from tests.contract.admin_service.conftest import Client

ACME = "organizations/acme"
LIST = notification_pb2.ListNotificationsRequest(parent=ACME)
DATA = {
    "scope": {"name": f"{ACME}/groups/platform", "displayName": "Platform"},
    "threshold": {"percent": 90, "amountNanoCredits": "9"},
    "budget": {"cycle": "MONTHLY", "limitNanoCredits": "10", "models": None},
}


async def tell(owner: asyncpg.Connection, event: str, member: str) -> None:
    await owner.execute(
        "INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path,"
        " occasion, threshold, data, occur_time)"
        " VALUES ('acme', $1, 'budget.threshold_reached', 'WARNING', 'budgets', 'group', 'platform', '{}', '', $1, $2, now())",
        event, json.dumps(DATA),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO inbox_entries (organization_id, member_id, event_id) VALUES ('acme', $1, $2)", member, event
    )


async def test_an_alert_is_told_in_a_sentence_with_its_figures(
    client: Client, people: None, owner: asyncpg.Connection
) -> None:
    await tell(owner, "evt-1", "sub")
    (found,) = (await client.call("ListNotifications", LIST, "sub")).notifications
    assert found.summary == "Platform has used 90 % of its monthly budget"
    assert found.data["threshold"]["percent"] == 90


async def test_an_inbox_is_its_member_s_alone(client: Client, people: None, owner: asyncpg.Connection) -> None:
    await tell(owner, "evt-1", "sub")
    for other in ("super", "l1", "member"):
        assert list((await client.call("ListNotifications", LIST, other)).notifications) == []
        request = notification_pb2.AcknowledgeNotificationRequest(name=f"{ACME}/notifications/evt-1")
        assert await client.code("AcknowledgeNotification", request, other) is grpc.StatusCode.PERMISSION_DENIED


async def test_an_acknowledged_alert_stays_so(client: Client, people: None, owner: asyncpg.Connection) -> None:
    await tell(owner, "evt-1", "sub")
    request = notification_pb2.AcknowledgeNotificationRequest(name=f"{ACME}/notifications/evt-1")
    first = await client.call("AcknowledgeNotification", request, "sub")
    again = await client.call("AcknowledgeNotification", request, "sub")
    assert first.acknowledge_time == again.acknowledge_time
    unread = notification_pb2.ListNotificationsRequest(parent=ACME, filter="acknowledged = false")
    assert list((await client.call("ListNotifications", unread, "sub")).notifications) == []
