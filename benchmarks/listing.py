"""Measures what a page of a large list costs: `python -m benchmarks.listing`. It starts its own PostgreSQL and an admin_service.

The benchmark fills an organization with members who have one key and one access token each, and with as many service accounts,
deliveries of alerts and entries in the inbox of each admin. The oldest tenth of the members has been removed. It then reads the
first, the middle and the last page of each list over gRPC, as admins who see everything, a large subtree and a small one. The
ratio compares the last page with the first.
"""

import argparse
import asyncio
import datetime as dt
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc
from megarouter.admin.v1 import (
    api_key_pb2,
    api_key_pb2_grpc,
    member_access_token_pb2,
    member_access_token_pb2_grpc,
    member_pb2,
    member_pb2_grpc,
    notification_delivery_pb2,
    notification_delivery_pb2_grpc,
    notification_pb2,
    notification_pb2_grpc,
    service_account_pb2,
    service_account_pb2_grpc,
)

from admin_service.wiring import ROLE, open_service
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import start_postgres
from deploy.local.stack.database_urls import login_url
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from gateway_core.runtime.settings import AdminSettings
from gateway_core.runtime.telemetry.tracing import Tracing

PEPPER: Final = "70" * 32
PARENT: Final = "organizations/acme"
WALK_PAGE: Final = 1_000
SIZES: Final = (50, 1_000)
ADMINS: Final[Mapping[str, tuple[str, str | None]]] = {
    "Super Admin": ("SUPER_ADMIN", None),
    "L1 Admin": ("L1_ADMIN", "large"),
    "Sub-admin": ("SUB_ADMIN", "small"),
}
"""Admins by name, with role and group. One member in 100 is in the small group, which is below the large one."""

_GROUPS: Final = """
INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name)
VALUES ('acme', 'large', NULL, '{large}', 'Large'), ('acme', 'small', 'large', '{large,small}', 'Small')
"""
_USERS: Final = """
INSERT INTO users (user_id, email, display_name)
SELECT 'u-' || n, 'person-' || n || '@example.org', 'Person ' || n FROM generate_series(1, $1::int) n
"""
_MEMBERS: Final = """
INSERT INTO members (organization_id, member_id, user_id, group_id, role, state)
SELECT 'acme', 'mem-' || to_char(n, 'FM0000000'), 'u-' || n, CASE WHEN n % 100 = 0 THEN 'small' ELSE 'large' END, 'MEMBER',
       CASE WHEN n <= $2 THEN 'REMOVED' ELSE 'ACTIVE' END
  FROM generate_series(1, $1::int) n
"""
_KEYS: Final = """
INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key, state)
SELECT 'acme', 'key-' || to_char(n, 'FM0000000'), 'mem-' || to_char(n, 'FM0000000'), 'Key', sha256(n::text::bytea), 'mr-Abcd…9f0c',
       CASE WHEN n <= $2 THEN 'DELETED' ELSE 'ACTIVE' END
  FROM generate_series(1, $1::int) n
"""
_SERVICE_ACCOUNTS: Final = """
INSERT INTO members (organization_id, member_id, display_name, group_id, role)
SELECT 'acme', 'sa-' || to_char(n, 'FM0000000'), 'Build ' || n, CASE WHEN n % 100 = 0 THEN 'small' ELSE 'large' END, 'MEMBER'
  FROM generate_series(1, $1::int) n
"""
_TOKENS: Final = """
INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time)
SELECT 'token-' || n, 'u-' || n, sha256((n || 't')::bytea), now() + interval '1 day' FROM generate_series(1, $1::int) n
"""
_SPEND: Final = """
INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, last_use_time)
SELECT 'acme', 'api_key:key-' || to_char(n, 'FM0000000') || ':NEVER:0:0', n * 7919 % 100003, n % 1000, now() - n * interval '1 s'
  FROM generate_series(1, $1::int) n
"""
_CHANNELS: Final = """
INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, group_id, target_hint, sealed_target)
VALUES ('acme', 'large', 'SLACK', 'Large', 'large', 'slack', ''), ('acme', 'small', 'SLACK', 'Small', 'small', 'slack', '')
"""
_EVENTS: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
SELECT 'acme', 'evt-' || n, 'budget.threshold_reached', 'WARNING', 'budgets', 'member', 'mem-' || n, '{}', n::text, '80%',
       '{"threshold": {"percent": 80}}', now() - n * interval '1 s'
  FROM generate_series(1, $1::int) n
"""
_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id, state, next_attempt_time, create_time,
                                     end_time)
SELECT 'acme', 'dlv-' || n, CASE WHEN n % 100 = 0 THEN 'small' ELSE 'large' END, 'evt-' || n, 'DELIVERED', NULL,
       now() - n * interval '1 s', now()
  FROM generate_series(1, $1::int) n
"""
_INBOX: Final = """
INSERT INTO inbox_entries (organization_id, member_id, event_id, create_time)
SELECT 'acme', $2, 'evt-' || n, now() - n * interval '1 s' FROM generate_series(1, $1::int) n
"""
KINDS: Final = (
    "members", "members, FULL", "members, by text", "keys", "keys, by creation", "keys, by spend", "keys, by use",
    "service accounts", "access tokens", "deliveries", "inbox",
)  # fmt: skip
_KEY_ORDERS: Final = {
    "keys": "",
    "keys, by creation": "create_time desc",
    "keys, by spend": "spent_nano_credits desc",
    "keys, by use": "last_use_time desc",
}
_ADMIN: Final = """
WITH person AS (INSERT INTO users (user_id, email, display_name) VALUES ($1, $1 || '@example.org', $1))
INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time) VALUES ($1, $1, $2, $3)
"""


def token_of(admin: str) -> str:
    """Returns an access token for one of the admins."""
    return ACCESS_TOKEN.make(admin.encode().ljust(32, b"."))


async def fill(owner: asyncpg.Connection, present: int) -> None:
    """Creates the organization, with this many present members and service accounts, and a tenth as many removed members."""
    former = present // 10
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ('acme', 'Acme')")
    await owner.execute(_GROUPS)
    await owner.execute(_USERS, present + former)
    await owner.execute(_MEMBERS, present + former, former)
    await owner.execute(_KEYS, present + former, former)
    await owner.execute(_SERVICE_ACCOUNTS, present)
    everyone = await owner.fetchval("SELECT count(*) FROM users")
    await owner.execute(_TOKENS, everyone)
    await owner.execute(_SPEND, everyone)
    await owner.execute(_CHANNELS)
    await owner.execute(_EVENTS, present)
    await owner.execute(_DELIVERIES, present)
    for number, (admin, (role, group)) in enumerate(ADMINS.items()):
        user = f"admin-{number}"
        hashed = hash_secret(token_of(admin), bytes.fromhex(PEPPER))
        await owner.execute(_ADMIN, user, hashed, dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
        await owner.execute(
            "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ('acme', $1, $1, $2, $3)",
            user, group, role,
        )  # fmt: skip
        await owner.execute(_INBOX, present, user)
    await owner.execute("VACUUM ANALYZE")


@asynccontextmanager
async def running(database_url: str) -> AsyncIterator[grpc.aio.Channel]:
    """Runs an admin_service, and opens a channel to it."""
    settings = AdminSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "admin_database_url": login_url(database_url, ROLE),
            "key_pepper": PEPPER,
            "catalog_file": "/nonexistent",
            "redis_url": "redis://127.0.0.1:1",
        }
    )
    async with open_service(settings, Tracing("admin_service", None), Catalog(providers=(), models=())) as service:
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        await server.stop(1)


class Lists:
    """Calls the list RPCs as an admin."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._members: Any = member_pb2_grpc.MembersStub(channel)
        self._keys: Any = api_key_pb2_grpc.ApiKeysStub(channel)
        self._tokens: Any = member_access_token_pb2_grpc.MemberAccessTokensStub(channel)
        self._accounts: Any = service_account_pb2_grpc.ServiceAccountsStub(channel)
        self._deliveries: Any = notification_delivery_pb2_grpc.NotificationDeliveriesStub(channel)
        self._inbox: Any = notification_pb2_grpc.NotificationsStub(channel)

    async def page(self, kind: str, admin: str, size: int, token: str) -> tuple[int, str]:
        """Returns the number of rows on a page, and the token of the next page."""
        metadata = [("authorization", f"Bearer {token_of(admin)}")]
        if kind == "access tokens":
            wanted = member_access_token_pb2.ListMemberAccessTokensRequest(
                parent=PARENT, page_size=size, page_token=token
            )
            answer = await self._tokens.ListMemberAccessTokens(wanted, metadata=metadata, timeout=30)
            return len(answer.member_access_tokens), answer.next_page_token
        if kind in _KEY_ORDERS:
            keys = api_key_pb2.ListApiKeysRequest(
                parent=PARENT, page_size=size, page_token=token, order_by=_KEY_ORDERS[kind]
            )
            answer = await self._keys.ListApiKeys(keys, metadata=metadata, timeout=30)
            return len(answer.api_keys), answer.next_page_token
        if kind == "service accounts":
            accounts = service_account_pb2.ListServiceAccountsRequest(parent=PARENT, page_size=size, page_token=token)
            answer = await self._accounts.ListServiceAccounts(accounts, metadata=metadata, timeout=30)
            return len(answer.service_accounts), answer.next_page_token
        if kind in ("deliveries", "inbox"):
            return await self._page_of_alerts(kind, metadata, size, token)
        view = member_pb2.MEMBER_VIEW_FULL if kind == "members, FULL" else member_pb2.MEMBER_VIEW_BASIC
        text = "person-77777" if kind == "members, by text" else ""
        members = member_pb2.ListMembersRequest(
            parent=PARENT, page_size=size, page_token=token, view=view, filter=f'"{text}"' if text else ""
        )
        answer = await self._members.ListMembers(members, metadata=metadata, timeout=30)
        return len(answer.members), answer.next_page_token

    async def _page_of_alerts(
        self, kind: str, metadata: Sequence[tuple[str, str]], size: int, token: str
    ) -> tuple[int, str]:
        if kind == "inbox":
            entries = notification_pb2.ListNotificationsRequest(parent=PARENT, page_size=size, page_token=token)
            found = await self._inbox.ListNotifications(entries, metadata=metadata, timeout=30)
            return len(found.notifications), found.next_page_token
        wanted = notification_delivery_pb2.ListNotificationDeliveriesRequest(
            parent=PARENT, page_size=size, page_token=token
        )
        answer = await self._deliveries.ListNotificationDeliveries(wanted, metadata=metadata, timeout=30)
        return len(answer.notification_deliveries), answer.next_page_token

    async def tokens(self, kind: str, admin: str) -> tuple[int, Sequence[str]]:
        """Returns the number of rows, and the tokens of the first, middle and last full page."""
        tokens, total, rows = [""], 0, 0
        while True:
            rows, token = await self.page(kind, admin, WALK_PAGE, tokens[-1])
            total += rows
            if not token:
                full = tokens[: max(1, total // WALK_PAGE)]
                return total, (full[0], full[len(full) // 2], full[-1])
            tokens.append(token)

    async def median_ms(self, kind: str, admin: str, size: int, token: str, calls: int) -> float:
        """Returns the median duration of a call in milliseconds, as the client sees it."""
        times = []
        for _ in range(calls):
            started = time.perf_counter()
            await self.page(kind, admin, size, token)
            times.append((time.perf_counter() - started) * 1_000)
        return statistics.median(times)


async def measure(database_url: str, present: int, calls: int, kinds: Sequence[str]) -> None:
    """Prints the table of these lists."""
    owner = await asyncpg.connect(database_url)
    await migrate_with_derived_logins(owner, database_url)
    await fill(owner, present)
    await owner.close()
    async with running(database_url) as channel:
        lists = Lists(channel)
        print(f"{'list':18} {'as':12} {'rows':>7} {'page':>5}  first ms  middle ms  last ms  ratio")  # noqa: T201
        for kind in kinds:
            for admin in ADMINS:
                total, tokens = await lists.tokens(kind, admin)
                for size in SIZES:
                    first, middle, last = [await lists.median_ms(kind, admin, size, token, calls) for token in tokens]
                    line = f"{kind:18} {admin:12} {total:7} {size:5}  {first:8.1f}  {middle:9.1f}  {last:7.1f}  {last / first:5.1f}"
                    print(line)  # noqa: T201


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=20, help="calls for each median (default: %(default)s)")
    parser.add_argument("--list", action="append", choices=KINDS, help="only this list; may be repeated")
    arguments = parser.parse_args()
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        with start_postgres(Path(folder), port) as server:
            asyncio.run(measure(server.url, arguments.members, arguments.calls, arguments.list or KINDS))


if __name__ == "__main__":
    main()
