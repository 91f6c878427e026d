"""Members are imported from rows: what each row does, who may do it, all or nothing, and races."""

import asyncio
import json
import uuid
from typing import Any

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import invite_pb2, member_pb2
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.member_limits_pb2 import MemberLimits
from megarouter.admin.v1.member_pb2 import ImportMembersRequest, MemberRow, MemberRowResult
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist
from megarouter.type.v1 import role_pb2

from tests.contract.admin_service.access.climbing import world
from tests.contract.admin_service.conftest import Client, add_member, add_token
from tests.contract.admin_service.resources.guardrails.guardrail_requests import set_limits

ACME = "organizations/acme"
OK, DENIED = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED
NONE, INVITE = MemberRowResult.ACTION_NONE, MemberRowResult.ACTION_INVITE
CHANGE, ERROR = MemberRowResult.ACTION_CHANGE, MemberRowResult.ACTION_ERROR
NEW = "new@example.org"


def member(name: str) -> str:
    return f"{name}@example.org"


def rows(*given: MemberRow, **fields: Any) -> ImportMembersRequest:
    return ImportMembersRequest(parent=ACME, rows=given, **fields)


async def imported(client: Client, *given: MemberRow, who: str = "super", **fields: Any) -> list[MemberRowResult]:
    """Returns the results, after making sure that a rehearsal predicted them and changed nothing."""
    rehearsal = await client.call("ImportMembers", rows(*given, **{**fields, "validate_only": True}), who)
    done = await client.call("ImportMembers", rows(*given, **fields), who)
    assert [one.action for one in rehearsal.results] == [one.action for one in done.results]
    assert [list(one.changes) for one in rehearsal.results if one.action == CHANGE] == [
        list(one.changes) for one in done.results if one.action == CHANGE
    ]
    return list(done.results)


async def rehearsed(client: Client, *given: MemberRow, who: str = "super", **fields: Any) -> list[MemberRowResult]:
    answer = await client.call("ImportMembers", rows(*given, validate_only=True, **fields), who)
    return list(answer.results)


async def guardrail(owner: asyncpg.Connection, member_id: str) -> dict[str, Any]:
    row = await owner.fetchrow(
        "SELECT budget_nano_credits, cycle, requests_per_minute, model_whitelist FROM guardrails"
        " WHERE organization_id = 'acme' AND scope_kind = 'member' AND scope_id = $1",
        member_id,
    )
    return dict(row) if row else {}


async def accept(client: Client, owner: asyncpg.Connection, token: str, email: str = NEW) -> str:
    """Accepts as a new user with this address, and returns the id of the member."""
    await owner.execute("INSERT INTO users VALUES ('newcomer', $1, 'Newcomer')", email)
    await add_token(owner, "newcomer")
    accepted = await client.call("AcceptInvite", invite_pb2.AcceptInviteRequest(token=token), "newcomer")
    return str(accepted.member).rpartition("/")[2]


LIMITS = MemberLimits(
    budget_nano_credits=7,
    cycle=Guardrail.CYCLE_MONTHLY,
    requests_per_minute=3,
    model_whitelist=ModelWhitelist(entries=["m"]),
)


async def test_an_unknown_address_is_invited_and_begins_with_its_limits(
    client: Client, owner: asyncpg.Connection
) -> None:
    row = MemberRow(email="New@Example.org", group_path="eng/platform", role=role_pb2.ROLE_SUB_ADMIN, limits=LIMITS)
    (result,) = await imported(client, row, allow_unknown_models=True)
    assert (result.action, result.email) == (INVITE, "New@Example.org")
    assert {(one.field, one.after) for one in result.changes} == {
        ("role", "SUB_ADMIN"),
        ("group", "eng/platform"),
        ("budget_nano_credits", "7"),
        ("cycle", "MONTHLY"),
        ("requests_per_minute", "3"),
        ("model_whitelist", "m"),
    }
    joined = await accept(client, owner, result.token)
    found = await owner.fetchrow("SELECT role, group_id FROM members WHERE member_id = $1", joined)
    assert tuple(found or ()) == ("SUB_ADMIN", "platform")
    assert await guardrail(owner, joined) == {
        "budget_nano_credits": 7, "cycle": "MONTHLY", "requests_per_minute": 3, "model_whitelist": ["m"],
    }  # fmt: skip
    (again,) = await imported(client, row, allow_unknown_models=True)
    assert again.action == NONE


async def test_a_member_is_changed_where_the_row_says_otherwise(client: Client, owner: asyncpg.Connection) -> None:
    (result,) = await imported(
        client,
        MemberRow(
            email=member("below"), group_path="sales", limits=MemberLimits(budget_nano_credits=5, requests_per_minute=9)
        ),
    )
    assert [(one.field, one.before, one.after) for one in result.changes] == [
        ("group", "eng/platform/inference", "sales"),
        ("budget_nano_credits", "", "5"),
        ("cycle", "", "NEVER"),
        ("requests_per_minute", "", "9"),
    ]
    (second,) = await imported(
        client,
        MemberRow(
            email=member("below"),
            limits=MemberLimits(cycle=Guardrail.CYCLE_DAILY),
            removed_limits=["requests_per_minute"],
        ),
    )
    assert [(one.field, one.before, one.after) for one in second.changes] == [
        ("cycle", "NEVER", "DAILY"),
        ("requests_per_minute", "9", ""),
    ]
    assert await guardrail(owner, "below") == {
        "budget_nano_credits": 5, "cycle": "DAILY", "requests_per_minute": None, "model_whitelist": None,
    }  # fmt: skip
    methods = await owner.fetch("SELECT method, resource_name FROM audit_log ORDER BY sequence")
    assert {row["method"] for row in methods} == {"megarouter.admin.v1.Members/ImportMembers"}
    assert [row["resource_name"] for row in methods] == [
        f"{ACME}/members/below", f"{ACME}/guardrails/member-below", f"{ACME}/guardrails/member-below",
    ]  # fmt: skip


async def test_a_row_that_says_what_is_so_changes_nothing(client: Client, owner: asyncpg.Connection) -> None:
    """Even for members whom the caller may not change: themselves, and above."""
    before = await world(owner)
    given = [
        MemberRow(email=member("l1"), role=role_pb2.ROLE_L1_ADMIN, group_path="eng"),
        MemberRow(email=member("member"), role=role_pb2.ROLE_MEMBER, group_path="eng/platform"),
        MemberRow(email=member("sub"), limits=MemberLimits(), removed_limits=["budget_nano_credits"]),
    ]
    assert [one.action for one in await imported(client, *given, who="l1")] == [NONE] * 3
    assert await world(owner) == before


async def test_missing_groups_are_created_once_when_asked(client: Client, owner: asyncpg.Connection) -> None:
    given = [MemberRow(email=f"p{number}@example.org", group_path="Research/Vision") for number in range(2)]
    refused = await rehearsed(client, *given)
    assert {one.reason for one in refused} == {"FIELD_INVALID"}
    assert "create it" in refused[0].message
    answer = await client.call("ImportMembers", rows(*given, create_missing_groups=True))
    assert len(answer.created_groups) == 2
    found = await owner.fetch("SELECT display_name, cardinality(path) FROM groups WHERE path[1] = $1 ORDER BY 2",
                              answer.created_groups[0].rpartition("/")[2])  # fmt: skip
    assert [tuple(row) for row in found] == [("Research", 1), ("Vision", 2)]
    again = await client.call("ImportMembers", rows(*given, create_missing_groups=True))
    assert [one.action for one in again.results] == [NONE, NONE]
    assert list(again.created_groups) == []


async def test_a_created_group_has_its_name_as_id_unless_that_is_taken(client: Client) -> None:
    paths = ("Visual Search", "Sales Two/Sales")
    given = [MemberRow(email=f"n{number}@example.org", group_path=path) for number, path in enumerate(paths)]
    answer = await client.call("ImportMembers", rows(*given, create_missing_groups=True))
    first, second, taken = (name.rpartition("/")[2] for name in answer.created_groups)
    assert (first, second) == ("visual-search", "sales-two")
    assert taken.startswith("grp-")


async def test_one_bad_row_undoes_all_and_every_error_is_listed(client: Client, owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE members SET state = 'SUSPENDED' WHERE member_id = 'sales'")
    before = await world(owner)
    given = [
        MemberRow(email=NEW, group_path="eng"),
        MemberRow(email="nonsense"),
        MemberRow(email="NEW@example.org"),
        MemberRow(email=member("super"), role=role_pb2.ROLE_MEMBER),
        MemberRow(email=member("member"), role=role_pb2.ROLE_L1_ADMIN),
        MemberRow(email="x@example.org", group_path="A/B/C/D/E"),
        MemberRow(email="y@example.org", limits=MemberLimits(model_whitelist=ModelWhitelist(entries=["none-such"]))),
        MemberRow(email="z@example.org", group_path="eng", etag='"0123456789abcdef"', removed_limits=["seats"]),
    ]
    results = await rehearsed(client, *given, create_missing_groups=True)
    assert [one.reason for one in results] == [
        *("", "FIELD_INVALID", "FIELD_INVALID", "LAST_SUPER_ADMIN", "ROLE_DOES_NOT_FIT_GROUP", "GROUP_TOO_DEEP"),
        *("FIELD_INVALID", "FIELD_INVALID"),
    ]
    assert all(one.message for one in results[1:])
    assert await world(owner) == before
    failure = await client.failure("ImportMembers", rows(*given, create_missing_groups=True))
    assert (failure.reason, failure.metadata["errorCount"]) == ("IMPORT_HAS_ERRORS", "7")
    assert failure.fields == tuple(f"rows[{number}]" for number in range(1, 8))
    assert await world(owner) == before


async def test_a_group_of_a_failed_row_is_created_for_the_next_one(client: Client) -> None:
    """A row that fails after it created a group takes the group with it."""
    bad = MemberRow(email="a@example.org", group_path="Fresh", role=role_pb2.ROLE_SUB_ADMIN)
    good = MemberRow(email="b@example.org", group_path="Fresh")
    results = await rehearsed(client, bad, good, create_missing_groups=True)
    assert [one.action for one in results] == [ERROR, INVITE]


async def test_a_failed_row_leaves_nothing_to_the_next_one(client: Client, owner: asyncpg.Connection) -> None:
    """The first row fails after it changed the role. Seen to fail without a savepoint for each row."""
    await add_member(owner, "second", "SUPER_ADMIN", None)
    unknown = MemberLimits(model_whitelist=ModelWhitelist(entries=["none-such"]))
    results = await rehearsed(
        client,
        MemberRow(email=member("second"), role=role_pb2.ROLE_MEMBER, limits=unknown),
        MemberRow(email=member("super"), role=role_pb2.ROLE_MEMBER),
    )
    assert [one.action for one in results] == [ERROR, CHANGE]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (MemberRow(email=NEW, group_path="sales"), "FIELD_INVALID"),
        (MemberRow(email=NEW), "PERMISSION_DENIED"),
        (MemberRow(email=NEW, group_path="eng"), "PERMISSION_DENIED"),
        (MemberRow(email=NEW, group_path="platform", role=role_pb2.ROLE_SUB_ADMIN), "ROLE_NOT_GRANTABLE"),
        (MemberRow(email=member("sales"), role=role_pb2.ROLE_MEMBER), "ALREADY_MEMBER"),
        (MemberRow(email=member("member"), group_path=""), "PERMISSION_DENIED"),
        (MemberRow(email=member("sub"), limits=MemberLimits(budget_nano_credits=1)), "PERMISSION_DENIED"),
        (MemberRow(email=member("member"), limits=MemberLimits(budget_nano_credits=101)), "LIMIT_ABOVE_OWN"),
        (MemberRow(email=NEW, group_path="platform", limits=MemberLimits(budget_nano_credits=101)), "LIMIT_ABOVE_OWN"),
        (MemberRow(email=NEW, group_path="platform/New"), "PERMISSION_DENIED"),
        (MemberRow(email=NEW, group_path="platform", limits=MemberLimits(budget_nano_credits=100)), ""),
        (MemberRow(email=member("member"), group_path="inference"), ""),
    ],
)
async def test_no_row_does_more_than_the_single_rpcs(
    client: Client, owner: asyncpg.Connection, row: MemberRow, reason: str
) -> None:
    """A sub-admin of `platform`, whose group has a budget of 100."""
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits)"
        " VALUES ('acme', 'group', 'platform', 100)"
    )
    (result,) = await rehearsed(client, row, who="sub", create_missing_groups=row.group_path != "sales")
    assert result.reason == reason, result.message


@pytest.mark.parametrize("who", ["member", "stranger"])
async def test_only_admins_import(client: Client, owner: asyncpg.Connection, who: str) -> None:
    before = await world(owner)
    for validate_only in (False, True):
        request = rows(MemberRow(email=NEW), validate_only=validate_only)
        assert await client.code("ImportMembers", request, who) is DENIED
    assert await world(owner) == before


async def test_another_pending_invite_is_replaced_and_the_same_kept(client: Client, owner: asyncpg.Connection) -> None:
    (first,) = await imported(client, MemberRow(email=NEW, group_path="eng"))
    (same,) = await imported(client, MemberRow(email=NEW, group_path="Eng", role=role_pb2.ROLE_MEMBER))
    assert (same.action, same.invite) == (NONE, first.invite)
    (other,) = await imported(
        client, MemberRow(email=NEW, group_path="eng", limits=MemberLimits(budget_nano_credits=1))
    )
    assert other.action == INVITE
    states = await owner.fetch("SELECT revoke_time IS NULL FROM invites ORDER BY invite_id")
    assert [row[0] for row in states] == [False, True]
    preview = invite_pb2.PreviewInviteRequest(token=first.token)
    assert (await client.failure("PreviewInvite", preview)).reason == "INVITE_INVALID"


async def test_a_repeated_import_shows_no_token_again(client: Client, owner: asyncpg.Connection) -> None:
    request = rows(MemberRow(email=NEW), request_id=str(uuid.uuid4()))
    first = await client.call("ImportMembers", request)
    again = await client.call("ImportMembers", request)
    assert first.results[0].token.startswith("mri-")
    assert (again.results[0].token, again.secrets_already_issued) == ("", True)
    assert again.results[0].invite == first.results[0].invite
    assert await owner.fetchval("SELECT count(*) FROM invites") == 1


async def test_a_rehearsal_shows_no_token_and_no_invite(client: Client) -> None:
    (result,) = await rehearsed(client, MemberRow(email=NEW))
    assert (result.action, result.token, result.link, result.invite) == (INVITE, "", "", "")


async def test_an_outdated_etag_is_an_error_of_its_row(client: Client) -> None:
    etag = (await client.call("GetMember", member_pb2.GetMemberRequest(name=f"{ACME}/members/member"))).etag
    row = MemberRow(email=member("member"), group_path="sales", etag=etag)
    assert [one.action for one in await imported(client, row)] == [CHANGE]
    (late,) = await rehearsed(client, row)
    assert late.reason == "ETAG_MISMATCH"


async def test_a_thousand_rows_pass_in_one_call_and_one_more_does_not(
    client: Client, owner: asyncpg.Connection
) -> None:
    given = [MemberRow(email=f"p{number}@example.org", group_path="eng/platform") for number in range(1_001)]
    refused = await client.failure("ImportMembers", rows(*given))
    assert (refused.reason, refused.fields) == ("FIELD_INVALID", ("rows",))
    answer = await client.call("ImportMembers", rows(*given[:-1]), timeout=30)
    assert {one.action for one in answer.results} == {INVITE}
    assert await owner.fetchval("SELECT count(*) FROM invites") == 1_000


async def test_the_rules_of_every_row_are_checked(client: Client) -> None:
    """Seen to fail when the check of a list ended at its hundredth item."""
    given = [MemberRow(email=f"p{number}@example.org") for number in range(150)]
    given[149].email = "x" * 255
    assert (await client.failure("ImportMembers", rows(*given))).fields == ("rows[149].email",)


async def test_racing_imports_invite_an_address_once(client: Client, owner: asyncpg.Connection) -> None:
    given = [MemberRow(email=f"p{number}@example.org") for number in range(20)]
    answers = await asyncio.gather(*(client.call("ImportMembers", rows(*given)) for _ in range(4)))
    actions = [[one.action for one in answer.results] for answer in answers]
    assert sorted(actions) == sorted([[INVITE] * 20, *[[NONE] * 20] * 3])
    assert await owner.fetchval("SELECT count(*) FROM invites") == 20


async def test_an_import_that_races_a_removal_changes_a_member_or_invites(
    client: Client, owner: asyncpg.Connection
) -> None:
    removal = member_pb2.RemoveMemberRequest(name=f"{ACME}/members/member")
    row = MemberRow(email=member("member"), group_path="sales")
    answer, _ = await asyncio.gather(client.call("ImportMembers", rows(row)), client.call("RemoveMember", removal))
    state, group = await owner.fetchrow("SELECT state, group_id FROM members WHERE member_id = 'member'")  # type: ignore[misc] # a row
    assert state == "REMOVED"
    assert group == ("sales" if answer.results[0].action == CHANGE else "platform")


async def test_the_limits_of_an_invite_are_stored_by_name(client: Client, owner: asyncpg.Connection) -> None:
    invite = invite_pb2.Invite(role=role_pb2.ROLE_MEMBER, email=NEW, member_limits=MemberLimits(budget_nano_credits=7))
    made = await client.call("CreateInvite", invite_pb2.CreateInviteRequest(parent=ACME, invite=invite))
    assert made.invite.member_limits.budget_nano_credits == 7
    assert json.loads(await owner.fetchval("SELECT member_limits FROM invites")) == {"budget_nano_credits": 7}
    joined = await accept(client, owner, made.token)
    assert (await guardrail(owner, joined))["budget_nano_credits"] == 7


async def test_a_rollover_is_invited_imported_changed_and_taken_away(client: Client, owner: asyncpg.Connection) -> None:
    def carried(email: str, rollover: Guardrail.Rollover, **more: Any) -> MemberRow:
        return MemberRow(email=email, limits=MemberLimits(rollover=rollover, **more))

    monthly: dict[str, Any] = {"budget_nano_credits": 7, "cycle": Guardrail.CYCLE_MONTHLY}
    capped = Guardrail.Rollover(enabled=True, cap_nano_credits=5)
    (invited,) = await imported(client, carried(NEW, capped, **monthly))
    assert ("rollover", "", "5") in [(one.field, one.before, one.after) for one in invited.changes]
    listed = await client.call("ListInvites", invite_pb2.ListInvitesRequest(parent=ACME))
    assert listed.invites[0].member_limits.rollover == capped
    assert (await imported(client, carried(NEW, capped, **monthly)))[0].action == NONE
    joined = await accept(client, owner, invited.token)
    stored = "SELECT rollover FROM guardrails WHERE scope_id = $1"
    assert await owner.fetchval(stored, joined) == '{"cap": 5}'
    for rollover, after in ((Guardrail.Rollover(enabled=True), "{}"), (Guardrail.Rollover(), None)):
        (changed,) = await imported(client, carried(NEW, rollover))
        assert [one.field for one in changed.changes] == ["rollover"]
        assert await owner.fetchval(stored, joined) == after


@pytest.mark.parametrize("limits", [{}, {"budget_nano_credits": 7}, {"cycle": Guardrail.CYCLE_DAILY}])
async def test_a_rollover_needs_a_budget_with_a_cycle(client: Client, people: None, limits: dict[str, Any]) -> None:
    given = MemberLimits(rollover=Guardrail.Rollover(enabled=True), **limits)
    for email in (NEW, member("sub")):
        (result,) = await rehearsed(client, MemberRow(email=email, limits=given))
        assert (result.action, result.reason) == (ERROR, "FIELD_INVALID")
        assert "requires a budget with a cycle" in result.message
    invite = invite_pb2.Invite(role=role_pb2.ROLE_MEMBER, member_limits=given)
    failure = await client.failure("CreateInvite", invite_pb2.CreateInviteRequest(parent=ACME, invite=invite))
    assert failure.fields == ("limits.rollover",)


@pytest.mark.parametrize(
    ("row", "is_soft"),
    [
        (MemberRow(email=member("sub"), limits=MemberLimits(), removed_limits=["budget_nano_credits"]), False),
        (MemberRow(email=member("sub"), limits=MemberLimits(budget_nano_credits=7, cycle=Guardrail.CYCLE_NEVER)), True),
    ],
)
async def test_what_depends_on_a_removed_budget_or_cycle_goes_with_it(
    client: Client, people: None, row: MemberRow, *, is_soft: bool
) -> None:
    """Seen to fail without it: every later change of the guardrail was refused, because it had a rollover without a budget."""
    fields: dict[str, Any] = {
        "budget_nano_credits": 9,
        "cycle": Guardrail.CYCLE_DAILY,
        "rollover": Guardrail.Rollover(enabled=True),
        "soft_budget": Guardrail.SoftBudget(percent=80),
    }
    await set_limits(client, "member-sub", **fields)
    await imported(client, row)
    rail = await set_limits(client, "member-sub", paths=["requests_per_minute"], requests_per_minute=6)
    assert (rail.HasField("rollover"), rail.HasField("soft_budget"), rail.requests_per_minute) == (False, is_soft, 6)
