"""All kinds of channels, by their name in the database."""

from collections.abc import Mapping
from typing import Final

from notification_service.channels import callback, email, pagerduty
from notification_service.channels.chats import dingtalk, discord, feishu, slack, teams, wecom
from notification_service.channels.messages import Kind

KINDS: Final[Mapping[str, Kind]] = {
    "CALLBACK": callback.KIND,
    "SLACK": slack.KIND,
    "TEAMS": teams.KIND,
    "DISCORD": discord.KIND,
    "FEISHU": feishu.KIND,
    "DINGTALK": dingtalk.KIND,
    "WECOM": wecom.KIND,
    "PAGERDUTY": pagerduty.KIND,
    "EMAIL": email.KIND,
}
MERGING: Final = tuple(name for name, kind in KINDS.items() if kind.most_alerts > 1)
"""Those whose messages may contain several alerts."""
