"""The commands of `megarouter alerts` about the caller's personal channel."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    ClearPersonalChannelRequest,
    GetPersonalChannelRequest,
    NotificationChannel,
    PersonalChannel,
    SetPersonalChannelRequest,
    TestPersonalChannelRequest,
)

from megarouter_admin.command_line.parsing.commands import Section, command, label
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.resources.alerts.channels import KindChoice, target_and_secret
from megarouter_admin.command_line.session import Session

application = Section()


def _name(session: Session) -> str:
    return f"{session.organization}/personalChannel"


def _facts(session: Session, channel: PersonalChannel) -> list[tuple[str, str]]:
    if not channel.kind:
        return [("personal channel", "none")]
    return [
        ("kind", label(NotificationChannel.Kind.Name(channel.kind), "KIND_")),
        ("sends to", channel.target_host),
        ("state", f"off: {channel.disable_reason}" if channel.disabled else "on"),
        ("failing since", session.ago(channel.failing_since_time)),
        ("set", session.ago(channel.update_time)),
        ("latest message", channel.latest_state.lower()),
        ("error", channel.latest_error),
    ]


@command(application, "personal-channel", "alerts personal-channel")
def show_personal(session: Session) -> None:
    """Show where you get the alerts of your inbox, too."""
    found = session.router.personal_channels.GetPersonalChannel(GetPersonalChannelRequest(name=_name(session)))
    session.output.one(found, _facts(session, found))


@command(application, "set-personal-channel", "alerts set-personal-channel --kind slack < webhook-url.txt")
def set_personal(
    session: Session,
    kind: Annotated[KindChoice, Option(metavar="KIND", text="As of add-channel.")],
) -> None:
    """Set where you get the alerts of your inbox, too. The standard input has what add-channel reads from it."""
    target, secret = target_and_secret(kind)
    request = SetPersonalChannelRequest(
        name=_name(session),
        kind=NotificationChannel.Kind.Value(f"KIND_{kind.name}"),
        target=target,
        secret=secret,
    )
    made = session.router.personal_channels.SetPersonalChannel(request)
    facts = _facts(session, made.personal_channel)
    session.output.one(made, [*facts, ("secret", made.secret)] if made.secret else facts)
    if made.secret:
        session.output.remark("the secret verifies the messages; it is shown only once")


@command(application, "test-personal-channel", "alerts test-personal-channel")
def test_personal(session: Session) -> None:
    """Send yourself a test message the whole way. `megarouter alerts personal-channel` shows what became of it."""
    found = session.router.personal_channels.TestPersonalChannel(TestPersonalChannelRequest(name=_name(session)))
    session.output.one(found, _facts(session, found))


@command(application, "clear-personal-channel", "alerts clear-personal-channel")
def clear_personal(session: Session) -> None:
    """Get alerts in your inbox only."""
    found = session.router.personal_channels.ClearPersonalChannel(ClearPersonalChannelRequest(name=_name(session)))
    session.output.one(found, _facts(session, found))
