"""The commands `megarouter keys`."""

import datetime as dt
import enum
from collections.abc import Sequence
from typing import Annotated, Final

from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1.messages import (
    ApiKey,
    ApiKeyView,
    CreateApiKeyRequest,
    DeleteApiKeyRequest,
    DisableApiKeyRequest,
    EnableApiKeyRequest,
    GetApiKeyRequest,
    Guardrail,
    ListApiKeysRequest,
    ModelWhitelist,
    RotateApiKeyRequest,
    TransferApiKeyRequest,
    UpdateApiKeyRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    BelowOption,
    FilterOption,
    GroupOption,
    LimitOption,
    ReverseOption,
    Section,
    UnknownModelsOption,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import budget_text, counted, format_credits, parse_credits
from megarouter_admin.command_line.values.filters import all_of, ordered_by, quoted
from megarouter_admin.command_line.values.limits import CycleChoice, rollover_of
from megarouter_admin.command_line.values.names import Collection, short_name, short_scope
from megarouter_admin.command_line.values.times import duration, parse_duration, parse_moment, timestamp

application = Section()

NONE = "none"
KeyArgument = Annotated[str, Argument(metavar="KEY", text="Its id or name.")]
ModelOption = Annotated[
    list[str] | None,
    Option("--model", metavar="MODEL", text="Allowed model: gpt-4o-mini, or openai/* for a provider; may be repeated."),
]
AddressOption = Annotated[
    list[str] | None,
    Option("--from", metavar="BLOCK", text="Allowed address block, such as 192.0.2.0/24; may be repeated."),
]
ExpiresOption = Annotated[
    str, Option("--expires", metavar="WHEN", text="Expiry: 2026-12-31, 2026-12-31T18:00:00Z, or from now: 90d.")
]


class KeyOrder(enum.StrEnum):
    """What keys are ordered by."""

    SPENT = "spent"
    CALLS = "calls"
    CREATED = "created"
    USED = "used"


_ORDERS: Final = {
    KeyOrder.SPENT: "spent_nano_credits",
    KeyOrder.CALLS: "call_count",
    KeyOrder.CREATED: "create_time",
    KeyOrder.USED: "last_use_time",
}
"""The fields of `order_by`."""


def _state(key: ApiKey) -> str:
    return label(ApiKey.State.Name(key.state), "STATE_")


def _budget(key: ApiKey) -> int | None:
    """Returns what the cycle may cost, with what is carried into it."""
    return key.budget_nano_credits + key.carried_nano_credits if key.HasField("budget_nano_credits") else None


def _columns(session: Session) -> list[Column[ApiKey]]:
    return [
        Column("key", lambda key: short_name(key.name)),
        Column("name", lambda key: key.display_name),
        Column("owner", lambda key: key.member_display_name or short_name(_owner(key))),
        Column("secret", lambda key: key.obfuscated_key, may_hide=True),
        Column("state", _state),
        Column("expires", lambda key: session.ago(key.expire_time), may_hide=True),
        Column("last use", lambda key: session.ago(key.last_use_time)),
        Column("calls", lambda key: key.call_count, Kind.NUMBER),
        Column("spent", lambda key: key.spent_nano_credits, Kind.AMOUNT),
        Column("budget", _budget, Kind.AMOUNT),
    ]


def _facts(session: Session, key: ApiKey) -> list[tuple[str, str]]:
    budget = _budget(key)
    models = ", ".join(key.model_whitelist.entries) or "none"
    return [
        ("key", key.name),
        ("name", key.display_name),
        (
            "member" if key.member else "service account",
            f"{key.member_display_name} ({_owner(key)})" if key.member_display_name else _owner(key),
        ),
        ("state", _state(key)),
        ("shown as", key.obfuscated_key),
        ("models", models if key.HasField("model_whitelist") else ""),
        ("from", ", ".join(key.ip_allow_list)),
        ("expires", session.ago(key.expire_time)),
        ("last use", session.ago(key.last_use_time)),
        ("spent", format_credits(key.spent_nano_credits) if key.spent_nano_credits else ""),
        ("budget", "" if budget is None else budget_text(budget, key.carried_nano_credits)),
        ("set above", ", ".join(f"{origin.limit} by {short_scope(origin.scope)}" for origin in key.limit_origins)),
        ("disabled by", key.disabled_by),
        ("earlier secret ends", session.ago(key.overlap_end_time)),
    ]


def _account(session: Session, text: str) -> str:
    return session.name(Collection.SERVICE_ACCOUNTS, text)


def _owner(key: ApiKey) -> str:
    return key.member or key.service_account


@command(
    application,
    "list",
    "keys list --member emma",
    "keys list --group engineering --below --filter 'state = STATE_ACTIVE'",
    "keys list --sort spent --limit 10",
    "keys list --unused-for 30d",
)
def list_keys(
    session: Session,
    member: Annotated[str, Option(metavar="MEMBER", text="Only of this member.")] = "",
    service_account: Annotated[str, Option(metavar="ACCOUNT", text="Only of this service account.")] = "",
    group: GroupOption = "",
    search: Annotated[str, Option(metavar="TEXT", text="Search in the name and the visible part of the secret.")] = "",
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
    sort: Annotated[
        KeyOrder | None, Option("--sort", text="Largest or newest first: spent, calls, created or used.")
    ] = None,
    unused_for: Annotated[str, Option(metavar="DURATION", text="Only keys without a call for this long: 30d.")] = "",
    *,
    reverse: ReverseOption = False,
    never_used: Annotated[bool, Option("--never-used", text="Only keys that were never used.")] = False,
    below: BelowOption = False,
    deleted: Annotated[bool, Option("--deleted", text="Also deleted keys.")] = False,
) -> None:
    """List API keys, with their usage in the current cycle, and the total of it."""
    owner = f"member = {quoted(session.member(member))}" if member else ""
    account = f"service_account = {quoted(_account(session, service_account))}" if service_account else ""
    idle = _idle(session.now - parse_duration(unused_for) if unused_for else None, never_used=never_used)
    request = ListApiKeysRequest(
        parent=session.organization,
        filter=all_of(filter_text, owner, account, quoted(search) if search else "", idle),
        group=session.group(group) if group else "",
        with_descendants=below,
        show_deleted=deleted,
        view=ApiKeyView.API_KEY_VIEW_FULL,
        order_by=ordered_by(_ORDERS[sort] if sort else None, reverse=reverse),
    )
    keys = session.listed(session.router.api_keys.ListApiKeys, request, "api_keys", limit)
    session.output.rows(_columns(session), keys, "no keys")
    spent = format_credits(sum(key.spent_nano_credits for key in keys))
    calls = sum(key.call_count for key in keys)
    session.output.total(keys, f"{counted(len(keys), 'key')}, {counted(calls, 'call')}, {spent} credits spent")


def _idle(since: dt.datetime | None, *, never_used: bool) -> str:
    """Returns the filter of the keys that were never used, or not since a time. A new key is not idle."""
    never = "NOT last_use_time:*"
    if since is None:
        return never if never_used else ""
    before = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    created = f"create_time < {before}"
    return f"{never} AND {created}" if never_used else f"NOT last_use_time >= {before} AND {created}"


@command(application, "show", "keys show emma-default")
def show(session: Session, key: KeyArgument) -> None:
    """Show an API key, with its usage in the current cycle."""
    found = _present(session, key)
    session.output.one(found, _facts(session, found))


def _present(session: Session, key: str) -> ApiKey:
    return session.router.api_keys.GetApiKey(GetApiKeyRequest(name=session.name(Collection.API_KEYS, key)))


@command(application, "create", "keys create 'CI of Platform' --member emma --model openai/* --expires 90d --budget 25")
def create(
    session: Session,
    display_name: Annotated[str, Argument(metavar="NAME", text="Human-readable name.")],
    member: Annotated[str, Option(metavar="MEMBER", text="Owner of the key. Default: yourself.")] = "",
    service_account: Annotated[str, Option(metavar="ACCOUNT", text="Owner of the key, instead of a member.")] = "",
    key_id: Annotated[str, Option("--id", metavar="ID", text="Default: generated.")] = "",
    models: ModelOption = None,
    addresses: AddressOption = None,
    expires: ExpiresOption = "",
    budget: Annotated[str, Option(metavar="CREDITS", text="Maximum cost of the calls in a cycle, such as 25.50.")] = "",
    cycle: Annotated[CycleChoice | None, Option(text="How often the budget starts again.")] = None,
    rollover: Annotated[
        str,
        Option(
            metavar="MOST",
            text="Carry what is left into the next cycle: on for at most one cycle's budget, or an amount.",
        ),
    ] = "",
    *,
    allow_unknown_models: UnknownModelsOption = False,
) -> None:
    """Create an API key. Its secret is shown only once."""
    key = ApiKey(
        display_name=display_name,
        member=session.member(member) if member else "",
        service_account=_account(session, service_account) if service_account else "",
    )
    _apply(session, key, models, addresses, expires)
    request = CreateApiKeyRequest(
        parent=session.organization,
        api_key=key,
        api_key_id=key_id,
        allow_unknown_models=allow_unknown_models,
        budget_nano_credits=parse_credits(budget) if budget else None,
        budget_cycle=Guardrail.Cycle.Value(f"CYCLE_{cycle.name}") if cycle else Guardrail.CYCLE_UNSPECIFIED,
        budget_rollover=rollover_of(rollover) if rollover else None,
    )
    made = session.router.api_keys.CreateApiKey(request)
    session.output.one(made, [*_facts(session, made.api_key), ("secret", made.secret)])
    session.output.remark("the secret is shown only once")


@command(
    application,
    "update",
    "keys update emma-default --name 'Notebook' --model gpt-4o-mini --model anthropic/*",
    "keys update emma-default --model none --expires none    # no limits",
)
def update(
    session: Session,
    key: KeyArgument,
    display_name: Annotated[str, Option("--name", metavar="NAME", text="Human-readable name.")] = "",
    models: ModelOption = None,
    addresses: AddressOption = None,
    expires: ExpiresOption = "",
    *,
    allow_unknown_models: UnknownModelsOption = False,
) -> None:
    """Change the name, models, addresses or expiry; `none` removes a limit."""
    changed = ApiKey(name=session.name(Collection.API_KEYS, key), display_name=display_name)
    paths = _apply(session, changed, models, addresses, expires) + (["display_name"] if display_name else [])
    if not paths:
        raise ValueError("nothing to change: give --name, --model, --from or --expires")
    request = UpdateApiKeyRequest(
        api_key=changed, update_mask=FieldMask(paths=sorted(paths)), allow_unknown_models=allow_unknown_models
    )
    answer = session.router.api_keys.UpdateApiKey(request)
    session.output.one(answer, _facts(session, answer))


def _apply(
    session: Session, key: ApiKey, models: Sequence[str] | None, addresses: Sequence[str] | None, expires: str
) -> list[str]:
    """Sets the given fields of `key`, and returns their names."""
    if models and list(models) != [NONE]:
        key.model_whitelist.CopyFrom(ModelWhitelist(entries=models))
    if addresses and list(addresses) != [NONE]:
        key.ip_allow_list.extend(addresses)
    if expires and expires != NONE:
        key.expire_time.CopyFrom(timestamp(parse_moment(expires, session.now)))
    said = {"model_whitelist": models, "ip_allow_list": addresses, "expire_time": expires}
    return [field for field, value in said.items() if value]


@command(application, "disable", "keys disable emma-default")
def disable(session: Session, key: KeyArgument) -> None:
    """Disable a key. Calls with it are refused within a second."""
    request = DisableApiKeyRequest(name=session.name(Collection.API_KEYS, key))
    answer = session.router.api_keys.DisableApiKey(request)
    session.output.one(answer, _facts(session, answer))


@command(application, "enable", "keys enable emma-default")
def enable(session: Session, key: KeyArgument) -> None:
    """Enable a disabled key."""
    request = EnableApiKeyRequest(name=session.name(Collection.API_KEYS, key))
    answer = session.router.api_keys.EnableApiKey(request)
    session.output.one(answer, _facts(session, answer))


@command(
    application,
    "rotate",
    "keys rotate emma-default --overlap 24h",
    "keys rotate emma-default --overlap 0 --yes    # it leaked",
)
def rotate(
    session: Session,
    key: KeyArgument,
    overlap: Annotated[str, Option(metavar="DURATION", text="How long the old secret stays valid: 0 to 7d.")] = "24h",
    *,
    yes: YesOption = False,
) -> None:
    """Give a key a new secret, which is shown only once."""
    length = parse_duration(overlap)
    name = session.name(Collection.API_KEYS, key)
    if not yes:
        present = _present(session, key)
        earlier = "is refused at once" if not length else f"stays valid for {overlap}"
        session.output.effect(
            [
                ("key", f"{present.display_name} ({name})"),
                ("owner", present.member_display_name or _owner(present)),
                ("last use", session.ago(present.last_use_time) or "never"),
                ("present secret", f"{present.obfuscated_key} {earlier}"),
                ("earlier secret", "is refused at once" if present.HasField("overlap_end_time") else ""),
            ]
        )
        confirm(f"Rotate {name}?", yes=yes)
    request = RotateApiKeyRequest(name=name, overlap_duration=duration(length))
    answer = session.router.api_keys.RotateApiKey(request)
    session.output.one(answer, [*_facts(session, answer.api_key), ("secret", answer.secret)])
    session.output.remark("the secret is shown only once")


@command(application, "delete", "keys delete emma-default --yes")
def delete(session: Session, key: KeyArgument, *, yes: YesOption = False) -> None:
    """Delete a key permanently. Its usage stays."""
    name = session.name(Collection.API_KEYS, key)
    confirm(f"Delete {name}? This is permanent.", yes=yes)
    answer = session.router.api_keys.DeleteApiKey(DeleteApiKeyRequest(name=name))
    session.output.one(answer, _facts(session, answer))


@command(
    application,
    "transfer",
    "keys transfer ci --to-service-account sa-build --yes",
    "keys transfer notebook --to lena@acme.example --rotate",
)
def transfer(
    session: Session,
    key: KeyArgument,
    to: Annotated[str, Option(metavar="MEMBER", text="New owner: a member.")] = "",
    to_service_account: Annotated[str, Option(metavar="ACCOUNT", text="New owner: a service account.")] = "",
    *,
    rotate: Annotated[bool, Option("--rotate", text="Give it a new secret; the present one ends at once.")] = False,
    yes: YesOption = False,
) -> None:
    """Transfer a key to another owner. Its spend so far stays with the present owner."""
    if bool(to) == bool(to_service_account):
        raise ValueError("give the new owner with either --to or --to-service-account")
    request = TransferApiKeyRequest(
        name=session.name(Collection.API_KEYS, key),
        member=session.member(to) if to else "",
        service_account=_account(session, to_service_account) if to_service_account else "",
        rotate_secret=rotate,
    )
    if not yes:
        present = _present(session, key)
        session.output.effect(
            [
                ("key", f"{present.display_name} ({request.name})"),
                ("from", present.member_display_name or _owner(present)),
                ("to", request.member or request.service_account),
                ("last use", session.ago(present.last_use_time) or "never"),
                ("present secret", "is refused at once" if rotate else "stays valid: whoever knows it can go on"),
            ]
        )
        confirm(f"Transfer {request.name}?", yes=yes)
    moved = session.router.api_keys.TransferApiKey(request)
    session.output.one(moved, [*_facts(session, moved.api_key), ("secret", moved.secret)])
    if moved.secret:
        session.output.remark("the secret is shown only once")
