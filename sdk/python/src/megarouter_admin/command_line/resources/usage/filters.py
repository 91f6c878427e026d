"""Options that narrow usage to some calls."""

from collections.abc import Sequence
from typing import Annotated

from megarouter.admin.v1.messages import UsageFilter

from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection

OfMemberOption = Annotated[str, Option("--member", metavar="MEMBER", text="Only of this member or service account.")]
OfKeyOption = Annotated[str, Option("--key", metavar="KEY", text="Only with this key.")]
OfGroupOption = Annotated[str, Option("--group", metavar="GROUP", text="Only of this group and everything below it.")]
OfModelOption = Annotated[str, Option("--model", metavar="MODEL", text="Only of this model.")]
TagOption = Annotated[
    list[str] | None,
    Option("--tag", metavar="NAME=VALUE", text="Only calls with this tag. Repeat it for other values or other tags."),
]


def usage_filter(
    session: Session,
    *,
    member: str = "",
    key: str = "",
    group: str = "",
    model: str = "",
    tag: Sequence[str] | None = None,
) -> UsageFilter:
    """Returns the filter that these options ask for.

    Raises:
        CommandError: the caller can see no such group or member.
        ValueError: a text is no name.
    """
    return UsageFilter(
        members=[_caller(session, member)] if member else (),
        api_keys=[session.name(Collection.API_KEYS, key)] if key else (),
        groups=[session.existing_group(group)] if group else (),
        models=[f"models/{model.removeprefix('models/')}"] if model else (),
        tags=tag or (),
    )


def _caller(session: Session, text: str) -> str:
    is_account = text.startswith(("sa-", f"{Collection.SERVICE_ACCOUNTS}/"))
    return session.name(Collection.SERVICE_ACCOUNTS, text) if is_account else session.member(text)
