"""Calls of the API key methods, and queries of their tables."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from megarouter.admin.v1 import api_key_pb2
from megarouter.admin.v1.api_key_pb2 import ApiKey

from gateway_core.model.organization.bearer_secrets import hash_secret
from tests.contract.admin_service.conftest import PEPPER

ACME = "organizations/acme"
NAME = f"{ACME}/apiKeys/key-member"
DAY_S = 24 * 3_600


def name_of(key: str) -> str:
    return f"{ACME}/apiKeys/{key}"


def member_name(member: str) -> str:
    return f"{ACME}/members/{member}"


def create(member: str = "", key: str = "", request_id: str = "", **fields: Any) -> api_key_pb2.CreateApiKeyRequest:
    api_key = ApiKey(member=member and member_name(member), **{"display_name": "Laptop", **fields})
    return api_key_pb2.CreateApiKeyRequest(
        parent=ACME, api_key=api_key, api_key_id=key, request_id=request_id, allow_unknown_models=True
    )


def update(paths: Sequence[str] = (), key: str = "key-member", **fields: Any) -> api_key_pb2.UpdateApiKeyRequest:
    return api_key_pb2.UpdateApiKeyRequest(
        api_key=ApiKey(name=name_of(key), **fields), update_mask=FieldMask(paths=paths), allow_unknown_models=True
    )


def rotate(overlap_s: int | None = None, etag: str = "", request_id: str = "") -> api_key_pb2.RotateApiKeyRequest:
    overlap = None if overlap_s is None else Duration(seconds=overlap_s)
    return api_key_pb2.RotateApiKeyRequest(name=NAME, overlap_duration=overlap, etag=etag, request_id=request_id)


def delete(key: str = "key-member", etag: str = "") -> api_key_pb2.DeleteApiKeyRequest:
    return api_key_pb2.DeleteApiKeyRequest(name=name_of(key), etag=etag)


def disable(key: str = "key-member") -> api_key_pb2.DisableApiKeyRequest:
    return api_key_pb2.DisableApiKeyRequest(name=name_of(key))


def enable(key: str = "key-member") -> api_key_pb2.EnableApiKeyRequest:
    return api_key_pb2.EnableApiKeyRequest(name=name_of(key))


async def key_limit(owner: asyncpg.Connection, kind: str, scope: str, limit: int) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, key_limit) VALUES ('acme', $1, $2, $3)",
        kind, scope, limit,
    )  # fmt: skip


async def identity(owner: asyncpg.Connection, secret: str) -> asyncpg.Record | None:
    """Returns the identity that the data plane finds for a secret."""
    secret_hash = hash_secret(secret, bytes.fromhex(PEPPER))
    return await owner.fetchrow("SELECT * FROM identity_of_key($1)", secret_hash)


async def logged(owner: asyncpg.Connection) -> list[tuple[str, str, str]]:
    rows = await owner.fetch("SELECT method, resource_name, member_id FROM audit_log ORDER BY sequence")
    return [(row[0].rpartition("/")[2], row[1], row[2]) for row in rows]
