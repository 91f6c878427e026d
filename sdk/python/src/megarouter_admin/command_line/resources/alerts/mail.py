"""The commands of `megarouter alerts` about what the caller does not get by e-mail."""

from typing import Annotated

from megarouter.admin.v1.messages import GetMailPreferenceRequest, MailPreference, SetMailPreferenceRequest

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.session import Session

application = Section()


def _present(session: Session) -> MailPreference:
    request = GetMailPreferenceRequest(name=f"{session.organization}/mailPreference")
    return session.router.mail_preferences.GetMailPreference(request)


def _facts(session: Session, one: MailPreference) -> list[tuple[str, str]]:
    return [
        ("e-mail", "off" if one.off else "on"),
        ("not sent", ", ".join(one.event_types_off) or "-"),
        ("always sent", ", ".join(one.event_types_always_sent)),
        ("set", session.ago(one.update_time)),
    ]


@command(application, "mail", "alerts mail")
def show_mail(session: Session) -> None:
    """Show which alerts you do not get by e-mail."""
    found = _present(session)
    session.output.one(found, _facts(session, found))


@command(application, "change-mail", "alerts change-mail --without budget.reset", "alerts change-mail --off")
def change_mail(
    session: Session,
    without: Annotated[
        list[str] | None,
        Option("--without", metavar="EVENT", text="A type of event that you do not want; may be repeated."),
    ] = None,
    with_again: Annotated[
        list[str] | None, Option("--with", metavar="EVENT", text="A type that you want again; may be repeated.")
    ] = None,
    *,
    off: Annotated[
        bool | None, Option("--off/--on", text="Nothing by e-mail, but what is always sent; or by type again.")
    ] = None,
) -> None:
    """Change which alerts you get by e-mail. Your inbox and your personal channel get all of them."""
    before = _present(session)
    types = (set(before.event_types_off) | set(without or ())) - set(with_again or ())
    request = SetMailPreferenceRequest(
        name=before.name, off=before.off if off is None else off, event_types_off=sorted(types)
    )
    made = session.router.mail_preferences.SetMailPreference(request)
    session.output.one(made, _facts(session, made))
