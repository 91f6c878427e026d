"""The commands of `megarouter alerts` about channels."""

import enum
from typing import Annotated

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    CreateNotificationChannelRequest,
    DeleteNotificationChannelRequest,
    ListNotificationChannelsRequest,
    NotificationChannel,
    RotateNotificationChannelSecretRequest,
    SendTestNotificationRequest,
    UpdateNotificationChannelRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
    secret_from_input,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()

ChannelArgument = Annotated[str, Argument(metavar="CHANNEL", text="Its id or name.")]


class KindChoice(enum.StrEnum):
    """The kinds of channels as people write them."""

    CALLBACK = "callback"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    FEISHU = "feishu"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"


def _kind(channel: NotificationChannel) -> str:
    return label(NotificationChannel.Kind.Name(channel.kind), "KIND_")


def _state(session: Session, channel: NotificationChannel) -> str:
    if channel.disabled:
        return f"off: {channel.disable_reason}" if channel.disable_reason else "off"
    failing = session.ago(channel.failing_since_time)
    return f"failing since {failing}" if failing else "on"


def _facts(session: Session, channel: NotificationChannel) -> list[tuple[str, str]]:
    return [
        ("channel", channel.name),
        ("name", channel.display_name),
        ("kind", _kind(channel)),
        ("sends to", channel.target_host),
        ("group", channel.group),
        ("state", _state(session, channel)),
        ("changed", session.ago(channel.update_time)),
    ]


@command(application, "channels", "alerts channels")
def list_channels(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List where alerts are sent."""
    request = ListNotificationChannelsRequest(parent=session.organization, filter=filter_text)
    found = session.listed(
        session.router.notification_channels.ListNotificationChannels, request, "notification_channels", limit
    )
    columns = [
        Column[NotificationChannel]("channel", lambda one: short_name(one.name)),
        Column[NotificationChannel]("name", lambda one: one.display_name),
        Column[NotificationChannel]("kind", _kind),
        Column[NotificationChannel]("sends to", lambda one: one.target_host),
        Column[NotificationChannel]("group", lambda one: short_name(one.group)),
        Column[NotificationChannel]("state", lambda one: _state(session, one)),
    ]
    session.output.rows(columns, found, "no channels")


@command(
    application,
    "add-channel",
    "alerts add-channel Operations --kind callback < url.txt",
    "alerts add-channel Research --kind slack --group research < webhook-url.txt",
)
def add_channel(
    session: Session,
    name: Annotated[str, Argument(metavar="NAME", text="What people call it.")],
    kind: Annotated[
        KindChoice,
        Option(metavar="KIND", text="callback, slack, teams, discord, feishu, dingtalk, wecom, pagerduty or email."),
    ],
    group: Annotated[
        str, Option(metavar="GROUP", text="To whose admins it belongs. Default: the organization.")
    ] = "none",
) -> None:
    """Add a channel. The standard input has its URL, and in a second line the secret of a Feishu or DingTalk bot.

    For PagerDuty, the standard input has the routing key; for e-mail, the address.
    """
    is_key = kind is KindChoice.PAGERDUTY
    asked = "Routing key" if is_key else "Address" if kind is KindChoice.EMAIL else "URL"
    first, _, second = secret_from_input(asked).partition("\n")
    channel = NotificationChannel(
        display_name=name,
        kind=NotificationChannel.Kind.Value(f"KIND_{kind.name}"),
        group=session.group(group),
        target="" if is_key else first.strip(),
        secret=first.strip() if is_key else second.strip(),
    )
    request = CreateNotificationChannelRequest(parent=session.organization, notification_channel=channel)
    made = session.router.notification_channels.CreateNotificationChannel(request)
    facts = _facts(session, made.notification_channel)
    session.output.one(made, [*facts, ("secret", made.secret)] if made.secret else facts)
    if made.secret:
        session.output.remark("the secret verifies the messages; it is shown only once")


@command(application, "test-channel", "alerts test-channel channel-01abc")
def test_channel(session: Session, channel: ChannelArgument) -> None:
    """Send a test message the whole way. `megarouter alerts delivery` shows what became of it."""
    request = SendTestNotificationRequest(name=session.name(Collection.NOTIFICATION_CHANNELS, channel))
    made = session.router.notification_channels.SendTestNotification(request)
    session.output.one(made, [("delivery", made.delivery)])


@command(application, "rotate-secret", "alerts rotate-secret channel-01abc")
def rotate_secret(session: Session, channel: ChannelArgument) -> None:
    """Give a callback a new secret. The old one signs beside it for a day."""
    request = RotateNotificationChannelSecretRequest(name=session.name(Collection.NOTIFICATION_CHANNELS, channel))
    made = session.router.notification_channels.RotateNotificationChannelSecret(request)
    session.output.one(made, [*_facts(session, made.notification_channel), ("secret", made.secret)])
    session.output.remark("the secret is shown only once")


@command(
    application, "switch-channel", "alerts switch-channel channel-01abc --off", "alerts switch-channel channel-01abc"
)
def switch_channel(
    session: Session,
    channel: ChannelArgument,
    *,
    off: Annotated[bool, Option("--off", text="Off instead of on.")] = False,
) -> None:
    """Switch a channel on or off. What waits for it is sent once it is on."""
    changed = NotificationChannel(name=session.name(Collection.NOTIFICATION_CHANNELS, channel), disabled=off)
    request = UpdateNotificationChannelRequest(notification_channel=changed, update_mask=FieldMask(paths=["disabled"]))
    made = session.router.notification_channels.UpdateNotificationChannel(request)
    session.output.one(made, _facts(session, made))


@command(application, "remove-channel", "alerts remove-channel channel-01abc --yes")
def remove_channel(session: Session, channel: ChannelArgument, *, yes: YesOption = False) -> None:
    """Delete a channel. What waits for it is not sent."""
    name = session.name(Collection.NOTIFICATION_CHANNELS, channel)
    confirm(f"Delete {name}?", yes=yes)
    request = DeleteNotificationChannelRequest(name=name)
    gone = session.router.notification_channels.DeleteNotificationChannel(request)
    session.output.one(gone, _facts(session, gone))
