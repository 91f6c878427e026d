"""The demo's channel to the inbox that runs beside it, and the rule that fills it."""

import json
import os
from dataclasses import dataclass, field
from typing import Final

from admin_service.demo.content import ORGANIZATION
from gateway_core.stores.channel_seals import Place, seal
from gateway_core.stores.postgres.connections import Connection

_ID: Final = "inbox"
_CHANNEL: Final = """
INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target, sealed_secret)
VALUES ($1, $2, 'CALLBACK', 'Inbox of the demo', $3, $4, $5)
ON CONFLICT (organization_id, channel_id) DO UPDATE
SET target_hint = excluded.target_hint, sealed_target = excluded.sealed_target, sealed_secret = excluded.sealed_secret
"""
_RULE: Final = """
INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents, recipients)
VALUES ($1, $2, 'Every budget at 80, 90 and 100 percent, to the inbox',
        '{budget.threshold_reached,budget.exhausted,budget.recovered}', 'organization', $1, '{80,90,100}', $3)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class DemoInbox:
    """Where the inbox is."""

    url: str
    secret: str = field(repr=False)
    channel_key: bytes = field(repr=False)


async def add_inbox(connection: Connection, inbox: DemoInbox) -> None:
    """Points the channel to the inbox, and adds the rule if there is none."""

    def sealed(text: str, place: Place) -> bytes:
        return seal(text, place, inbox.channel_key, os.urandom)

    hint = inbox.url.partition("://")[2].partition("/")[0]
    target = sealed(inbox.url, Place(ORGANIZATION, _ID, "target"))
    secret = sealed(inbox.secret, Place(ORGANIZATION, _ID, "secret"))
    await connection.execute(_CHANNEL, ORGANIZATION, _ID, hint, target, secret)
    await connection.execute(_RULE, ORGANIZATION, _ID, json.dumps([{"kind": "CHANNEL", "id": _ID}]))
