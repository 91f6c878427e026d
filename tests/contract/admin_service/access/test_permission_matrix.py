"""The permission matrix, cell by cell, on a running service. A refused call gets the same error as one on a missing resource.

Refused calls change nothing, so the tests make them. Allowed calls would change data, so the tests only authorize them, on the same
database.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from admin_service.access.authorization import Asked, Origin, authorize
from admin_service.access.directory import Grant
from admin_service.access.permission_matrix import (
    ANY_ORGANIZATION,
    CALLER_ITSELF,
    EVERY_ROLE,
    FOREIGN_ORGANIZATION,
    GROUP_PATHS,
    ORGANIZATION,
    PEOPLE,
    WITHIN_ORGANIZATION,
    Relation,
    Row,
    actor_of,
    admin_services,
    audit_log_sequence,
    place_at,
    rows,
)
from admin_service.access.permissions import Role, may
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.organization_wall import act_for
from tests.contract.admin_service.conftest import add_member, add_organization, bearer, running_service

ROWS = list(rows(admin_services()))


async def add_alerts(owner: asyncpg.Connection, member: str, group: str | None) -> None:
    """A rule about a member, and a channel of their group with a delivery."""
    await owner.execute(
        "INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents,"
        " recipients) VALUES ($1, 'rule-' || $2, $2, '{budget.recovered}', 'member', $2, '{80}', '[{\"kind\": \"OWNER\"}]')",
        ORGANIZATION, member,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, group_id, target_hint, sealed_target)"
        " VALUES ($1, 'channel-' || $2, 'SLACK', $2, $3, '', '')",
        ORGANIZATION, member, group,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path,"
        " occasion, threshold, data, occur_time)"
        " VALUES ($1, 'evt-' || $2, 'test', 'INFO', '', 'member', $2, '{}', '', '', '{}', now())",
        ORGANIZATION, member,
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " VALUES ($1, 'dlv-' || $2, 'channel-' || $2, 'evt-' || $2)",
        ORGANIZATION, member,
    )  # fmt: skip


@pytest.fixture
async def world(owner: asyncpg.Connection) -> None:
    """Creates the organization of the matrix with all its members and resources, and another organization."""
    await add_organization(owner, ORGANIZATION)
    for path in GROUP_PATHS:
        await owner.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $2)",
            ORGANIZATION, path[-1], path[-2] if len(path) > 1 else None, list(path),
        )  # fmt: skip
    for name, kind, owner_id in [
        ("top", "organization", ORGANIZATION),
        *((path[-1], "group", path[-1]) for path in GROUP_PATHS),
    ]:
        await owner.execute(
            "INSERT INTO virtual_models (organization_id, virtual_model_id, model_name, owner_kind, owner_id, candidates,"
            " baseline_model) VALUES ($1, 'vm-' || $2, $2, $3, $4, '{m}', 'm')",
            ORGANIZATION, name, kind, owner_id,
        )  # fmt: skip
    for person in PEOPLE:
        group = person.group_path[-1] if person.group_path else None
        await add_member(owner, person.member, person.role, group, ORGANIZATION)
        await owner.execute(
            "INSERT INTO invites (organization_id, invite_id, inviter_member_id, group_id, role, secret_hash, expire_time)"
            " VALUES ($1, 'invite-' || $2, $2, $3, $4, sha256($2::bytea), now() + interval '1 day')",
            ORGANIZATION, person.member, group, person.role,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO claim_mappings (organization_id, claim_mapping_id, issuer, claim, value, role, group_id, user_id)"
            " VALUES ($1, 'claim-' || $2, 'i', 'groups', $2, $4, $3, $2)",
            ORGANIZATION, person.member, group, person.role,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO members (organization_id, member_id, display_name, group_id, role)"
            " VALUES ($1, 'sa-' || $2, $2, $3, 'MEMBER')",
            ORGANIZATION, person.member, group,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO sign_in_links (organization_id, sign_in_link_id, member_id, secret_hash, maker_user_id, expire_time)"
            " VALUES ($1, 'link-' || $2, $2, sha256($2::bytea), $2, now() + interval '1 day')",
            ORGANIZATION, person.member,
        )  # fmt: skip
        await add_alerts(owner, person.member, group)
        await owner.execute(
            "INSERT INTO usage_anomalies (organization_id, anomaly_id, scope_kind, scope_id, local_day, granularity, start_time,"
            " end_time, time_zone, group_path, member_id, actual_nano_credits, expected_nano_credits, lowest_usual_nano_credits,"
            " highest_usual_nano_credits, volume_nano_credits, size_nano_credits, price_nano_credits, parts, ledger_sequence)"
            " VALUES ($1, 'anomaly-' || $2, 'member', $2, '2026-03-01', 'DAY', now(), now(), 'UTC', $3, $2, 9, 1, 0, 3,"
            """ 8, 0, 0, '{"members": [], "keys": [], "models": []}', 1)""",
            ORGANIZATION, person.member, list(person.group_path),
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO audit_log (organization_id, sequence, user_id, method, resource_name, group_path)"
            " OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, 'm', 'r', $4)",
            ORGANIZATION, audit_log_sequence(person), person.member, list(person.group_path),
        )  # fmt: skip
    # Refused attempts to create an access token are recorded after these.
    await owner.execute("SELECT setval(pg_get_serial_sequence('audit_log', 'sequence'), 1000)")
    await add_organization(owner, FOREIGN_ORGANIZATION)
    await add_member(owner, "stranger", "SUPER_ADMIN", None, FOREIGN_ORGANIZATION)


@pytest.fixture
async def channel(settings: AdminSettings, world: None) -> AsyncIterator[grpc.aio.Channel]:
    async with running_service(settings) as (_, client):
        yield client.channel


def request_on(row: Row, name: str) -> Message:
    request: Message = GetMessageClass(row.method.descriptor.input_type)()
    if not row.method.resource_field:
        return request
    *outer, last = row.method.resource_field.split(".")
    holder: Any = request
    for part in outer:
        holder = getattr(holder, part)
    setattr(holder, last, name)
    return request


def cells(*, allowed: bool) -> list[tuple[Row, Role, Relation]]:
    return [
        (row, role, relation)
        for row in ROWS
        if row.subject != CALLER_ITSELF
        for role in EVERY_ROLE
        for relation in sorted(row.possible[role])
        if (relation in row.allowed[role]) == allowed
    ]


async def refusal(channel: grpc.aio.Channel, row: Row, role: Role, name: str) -> str:
    """Returns the error message of a refused call."""
    call = channel.unary_unary(
        f"/{row.method.full_name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=bytes,
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(request_on(row, name), timeout=10, metadata=bearer(actor_of(role).member))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED, (row.method.full_name, role, name)
    return str(raised.value.details())


async def test_a_refused_cell_gets_the_error_of_a_missing_resource(channel: grpc.aio.Channel) -> None:
    refused = cells(allowed=False)
    assert len(refused) > len(ROWS)
    for row, role, relation in refused:
        place = place_at(row.subject, role, relation)
        assert place is not None
        text = await refusal(channel, row, role, place.name)
        absent = await refusal(channel, row, role, "organizations/nowhere/apiKeys/nothing")
        assert text == absent.replace("organizations/nowhere/apiKeys/nothing", place.name)


async def test_an_allowed_cell_passes_authorization(owner: asyncpg.Connection, world: None) -> None:
    await act_for(owner, [ORGANIZATION])
    for row, role, relation in cells(allowed=True):
        place = place_at(row.subject, role, relation)
        assert place is not None
        caller = await authorize(
            owner, Asked(row.method, request_on(row, place.name), Grant(actor_of(role).member), Origin())
        )
        assert caller.target == place.target or row.subject == WITHIN_ORGANIZATION


async def test_a_user_cannot_act_for_another_user(channel: grpc.aio.Channel) -> None:
    for row in (row for row in ROWS if row.subject == CALLER_ITSELF and row.method.resource_field):
        await refusal(channel, row, Role.SUPER_ADMIN, "users/stranger/accessTokens/stranger")
        await refusal(channel, row, Role.SUPER_ADMIN, "users/stranger")


async def test_every_service_of_the_protos_is_served(settings: AdminSettings, world: None) -> None:
    async with running_service(settings) as (service, _):
        served = {one.full_name for one in admin_services()} | {"megarouter.files.v1.Files", "megarouter.scim.v1.Scim"}
        assert sorted(service.service_names) == sorted(served)


def test_the_matrix_covers_every_rpc_and_role() -> None:
    """Every role must have a possible place for every RPC, or it could not be tested."""
    for row in ROWS:
        assert set(row.allowed) == set(row.possible) == set(EVERY_ROLE)
        assert all(row.possible.values())
        assert all(row.allowed[role] <= row.possible[role] for role in EVERY_ROLE)
        assert not any(Relation.FOREIGN in row.allowed[role] for role in EVERY_ROLE)


def test_a_super_admin_may_do_everything_in_the_organization() -> None:
    for row in (row for row in ROWS if row.subject != ANY_ORGANIZATION):
        place_names = row.possible[Role.SUPER_ADMIN] - {Relation.FOREIGN}
        assert row.allowed[Role.SUPER_ADMIN] == place_names
        assert all(
            may(actor_of(Role.SUPER_ADMIN), row.method.permission, place.target)
            for at in place_names
            if row.subject != CALLER_ITSELF and (place := place_at(row.subject, Role.SUPER_ADMIN, at))
        )
