"""The client of a Redis Cluster: routing, redirects, slots under migration, lost nodes, and bounds."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.exceptions import ResponseError, TimeoutError  # noqa: A004 - Redis's names

from deploy.local.programs.redis import RedisServer
from gateway_core.stores.redis.clustered import ClusteredRedis
from gateway_core.stores.redis.connections import UNAVAILABLE, open_pipelined
from gateway_core.stores.redis.wire import NotSentError
from tests.support.ports import free_port
from tests.support.running_time import running_time
from tests.support.servers.fake_cluster_node import FakeNode, fake_node
from tests.support.servers.redis_cluster import ClusterNode, RedisCluster

SET = "redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]"
COUNT = "return redis.call('EXISTS', unpack(KEYS))"
TIMEOUT_MS = 1_000
"""Enough for every answer on a busy machine."""
KEY = "mr:{acme}:pool"


@pytest.fixture
async def client(redis_cluster: RedisCluster) -> AsyncIterator[ClusteredRedis]:
    for node in redis_cluster.masters():
        node.tell("FLUSHALL")
    async with aclosing(ClusteredRedis(redis_cluster.url, timeout_ms=20_000)) as client:
        yield client


def impatient(cluster: RedisCluster, most_waiting: int = 10_000) -> ClusteredRedis:
    return ClusteredRedis(cluster.url, timeout_ms=TIMEOUT_MS, most_waiting=most_waiting)


def keys_of_each_node(cluster: RedisCluster) -> dict[int, str]:
    """Returns a key that each node serves, by the node's port."""
    return {cluster.master_of(key).port: key for key in (f"mr:{{organization-{number}}}:pool" for number in range(12))}


def readings(cluster: RedisCluster) -> int:
    """Returns how often nodes were asked for the topology."""
    stats = [node.tell("INFO", "commandstats") for node in cluster.masters()]
    return sum(stat.get("cmdstat_cluster|slots", {"calls": 0})["calls"] for stat in stats)


async def test_every_script_runs_on_the_node_of_its_keys(client: ClusteredRedis, redis_cluster: RedisCluster) -> None:
    script = client.register_script(SET)
    answers = await asyncio.gather(*(script(keys=[f"mr:{{{n}}}:x"], args=[n]) for n in range(500)))
    assert answers == [str(number) for number in range(500)]
    sizes = [node.tell("DBSIZE") for node in redis_cluster.masters()]
    assert sum(sizes) == 500
    assert min(sizes) > 100


async def test_concurrent_commands_share_a_connection_to_each_node(
    client: ClusteredRedis, redis_cluster: RedisCluster
) -> None:
    await client.ping()
    clients = [node.tell("INFO", "clients")["connected_clients"] for node in redis_cluster.masters()]
    await asyncio.gather(*(client.execute("GET", f"mr:{{{number}}}:x") for number in range(300)))
    assert [node.tell("INFO", "clients")["connected_clients"] for node in redis_cluster.masters()] == clients


async def test_a_script_runs_after_a_node_forgot_it(client: ClusteredRedis, redis_cluster: RedisCluster) -> None:
    script = client.register_script(SET)
    keys = keys_of_each_node(redis_cluster).values()
    for _ in range(2):
        assert await asyncio.gather(*(script(keys=[key], args=["x"]) for key in keys)) == ["x"] * len(keys)
        redis_cluster.masters()[0].tell("SCRIPT", "FLUSH")


async def test_keys_of_several_slots_are_refused(client: ClusteredRedis) -> None:
    with pytest.raises(ResponseError, match="CROSSSLOT"):
        await client.register_script(COUNT)(keys=["mr:{acme}:pool", "mr:{other}:pool"])
    with pytest.raises(ValueError, match="key"):
        await client.register_script("return 1")()


async def test_a_moved_slot_is_followed_and_the_topology_is_read_once(
    client: ClusteredRedis, redis_cluster: RedisCluster
) -> None:
    """Seen to fail when every call reads the topology: 601 reads."""
    script = client.register_script(SET)
    await script(keys=[KEY], args=["before"])
    old, new = redis_cluster.owner_and_another(KEY)
    old.tell("DEL", KEY)
    redis_cluster.move(KEY, old, new)
    asked = readings(redis_cluster)
    answers = await asyncio.gather(*(script(keys=[KEY], args=[number]) for number in range(200)))
    assert answers == [str(number) for number in range(200)]
    await asyncio.sleep(0.2)
    assert readings(redis_cluster) - asked <= 2 * len(redis_cluster.masters())
    assert new.tell("DEL", KEY) == 1
    redis_cluster.move(KEY, new, old)
    assert await script(keys=[KEY], args=["again"]) == "again"


async def test_a_key_that_already_moved_with_its_slot_is_served_by_the_target(
    client: ClusteredRedis, redis_cluster: RedisCluster
) -> None:
    """Seen to fail without ASKING: the two nodes redirected the call to each other until it timed out."""
    script = client.register_script(SET)
    await client.ping()
    old, new = redis_cluster.owner_and_another(KEY)
    redis_cluster.begin_move(KEY, old, new)
    assert await asyncio.gather(*(script(keys=[KEY], args=[number]) for number in range(5))) == list("01234")
    assert old.tell("DBSIZE") == 0
    redis_cluster.move(KEY, old, new)
    assert await client.execute("GET", KEY) == "4"
    assert new.tell("DEL", KEY) == 1
    redis_cluster.move(KEY, new, old)


async def test_a_command_waits_while_only_some_of_its_keys_have_moved(
    client: ClusteredRedis, redis_cluster: RedisCluster
) -> None:
    """Seen to fail when a slot under migration was an immediate error: TRYAGAIN."""
    count = client.register_script(COUNT)
    other = "mr:{acme}:holds"
    for key in (KEY, other):
        await client.execute("SET", key, "x")
    old, new = redis_cluster.owner_and_another(KEY)
    redis_cluster.begin_move(KEY, old, new)
    redis_cluster.migrate(KEY, old, new)
    counting = asyncio.ensure_future(count(keys=[KEY, other]))
    await asyncio.sleep(0.1)
    assert not counting.done()
    redis_cluster.migrate(other, old, new)
    redis_cluster.move(KEY, old, new)
    assert await counting == 2
    new.tell("DEL", KEY, other)
    redis_cluster.move(KEY, new, old)


@pytest.fixture
def unserved(redis_cluster: RedisCluster, client: ClusteredRedis) -> Iterator[ClusterNode]:
    """Removes the slot of `KEY` from its node, so that no node serves it."""
    owner = redis_cluster.master_of(KEY)
    slot = owner.tell("CLUSTER", "KEYSLOT", KEY)
    owner.tell("CLUSTER", "DELSLOTS", slot)
    yield owner
    if not owner.serves(slot):
        owner.tell("CLUSTER", "ADDSLOTS", slot)


async def test_an_unserved_slot_is_unavailable_in_time_without_affecting_others(
    redis_cluster: RedisCluster, unserved: ClusterNode
) -> None:
    async with aclosing(impatient(redis_cluster)) as client, running_time() as passed_s:
        elsewhere = keys_of_each_node(redis_cluster).values()
        answers = await asyncio.gather(
            client.execute("GET", KEY), *(client.execute("GET", key) for key in elsewhere), return_exceptions=True
        )
        assert isinstance(answers[0], UNAVAILABLE)
        assert answers[1:] == [None] * len(elsewhere)
        assert passed_s() < TIMEOUT_MS / 1_000 + 0.3


async def test_a_call_succeeds_if_its_slot_is_served_again_in_time(
    redis_cluster: RedisCluster, unserved: ClusterNode
) -> None:
    async with aclosing(ClusteredRedis(redis_cluster.url, timeout_ms=30_000)) as client:
        asking = asyncio.ensure_future(client.execute("GET", KEY))
        await asyncio.sleep(0.2)
        assert not asking.done()
        unserved.tell("CLUSTER", "ADDSLOTS", unserved.tell("CLUSTER", "KEYSLOT", KEY))
        assert await asking is None


async def test_retries_beyond_the_bound_are_refused_immediately(
    redis_cluster: RedisCluster, unserved: ClusterNode
) -> None:
    async with aclosing(impatient(redis_cluster, most_waiting=10)) as client:
        await client.ping()
        answers = await asyncio.gather(*(client.execute("GET", KEY) for _ in range(15)), return_exceptions=True)
        kinds = [type(answer) for answer in answers]
        assert kinds.count(NotSentError) == 5
        assert kinds.count(TimeoutError) == 10


async def test_a_hanging_node_fails_only_its_own_calls_and_in_time(redis_cluster: RedisCluster) -> None:
    keys = keys_of_each_node(redis_cluster)
    hanging = redis_cluster.master_of(KEY)
    async with aclosing(impatient(redis_cluster)) as client:
        await client.ping()
        hanging.freeze()
        try:
            async with running_time() as passed_s:
                waiting = asyncio.gather(*(client.execute("GET", KEY) for _ in range(20)), return_exceptions=True)
                for port, key in keys.items():
                    if port != hanging.port:
                        assert await client.execute("GET", key) is None
                assert not waiting.done()
                assert {type(answer) for answer in await waiting} == {TimeoutError}
                assert passed_s() < TIMEOUT_MS / 1_000 + 0.2
            assert await client.answers()
            with pytest.raises(UNAVAILABLE):
                await client.ping()
        finally:
            hanging.thaw()
        async with asyncio.timeout(30):
            while True:
                try:
                    await client.execute("GET", KEY)
                except UNAVAILABLE:
                    continue
                break


async def test_a_connection_closed_by_the_server_is_replaced_transparently(
    client: ClusteredRedis, redis_cluster: RedisCluster
) -> None:
    script = client.register_script(SET)
    for number in range(3):
        assert await script(keys=[KEY], args=[number]) == str(number)
        redis_cluster.master_of(KEY).tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


async def test_an_unreachable_cluster_is_unavailable_in_time() -> None:
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    async with open_pipelined(url, timeout_ms=TIMEOUT_MS) as client, running_time() as passed_s:
        answers = await asyncio.gather(*(client.execute("GET", KEY) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(answer, UNAVAILABLE) for answer in answers)
        assert passed_s() < TIMEOUT_MS / 1_000 + 0.2


async def test_a_server_outside_a_cluster_is_unavailable(single_redis: RedisServer) -> None:
    url = single_redis.url.replace("redis://", "redis+cluster://")
    async with open_pipelined(url, timeout_ms=TIMEOUT_MS) as client:
        with pytest.raises(UNAVAILABLE):
            await client.execute("GET", KEY)
        assert not await client.answers()


async def test_a_wrong_password_is_unavailable_and_never_shown(redis_cluster: RedisCluster) -> None:
    secret = "not-the-password"
    url = redis_cluster.url.replace(redis_cluster.password, secret)
    async with open_pipelined(url, timeout_ms=TIMEOUT_MS) as client:
        with pytest.raises(UNAVAILABLE) as raised:
            await client.execute("GET", KEY)
    assert secret not in str(raised.value)


def url_of(node: FakeNode, scheme: str = "redis+cluster", credentials: str = "", options: str = "") -> str:
    return f"{scheme}://{credentials}127.0.0.1:{node.port}{options}"


@pytest.mark.parametrize("error", ["MOVED 1 127.0.0.1:{port}", "MOVED 1 :{port}", "ASK 1 127.0.0.1:{port}"])
async def test_circular_redirects_end_in_time(error: str) -> None:
    async with (
        fake_node(lambda node, _: f"-{error.format(port=node.port)}\r\n".encode()) as node,
        open_pipelined(url_of(node), timeout_ms=300) as client,
        running_time() as passed_s,
    ):
        with pytest.raises(UNAVAILABLE):
            await client.execute("GET", KEY)
        assert passed_s() < 0.5
        assert len(node.named("GET")) < 20


@pytest.mark.parametrize("error", ["MOVED somewhere", "MOVED", "ASK x y:z"])
async def test_a_malformed_redirect_is_unavailable(error: str) -> None:
    async with (
        fake_node(lambda _node, _: f"-{error}\r\n".encode()) as node,
        open_pipelined(url_of(node), timeout_ms=TIMEOUT_MS) as client,
    ):
        with pytest.raises(UNAVAILABLE):
            await client.execute("GET", KEY)


async def test_a_command_that_may_have_run_is_sent_at_most_twice() -> None:
    """Seen to fail without counting lost connections: it was sent six times."""
    async with (
        fake_node(lambda _node, _: None) as node,
        open_pipelined(url_of(node), timeout_ms=TIMEOUT_MS) as client,
    ):
        with pytest.raises(UNAVAILABLE):
            await client.execute("GET", KEY)
        assert len(node.named("GET")) == 2


async def test_every_node_is_called_over_tls_with_the_password(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_for_loopback(tmp_path))
    async with (
        fake_node(lambda _node, _: b"$1\r\nx\r\n", context) as node,
        open_pipelined(
            url_of(node, "rediss+cluster", "user:p%40ss@", f"?ssl_ca_certs={tmp_path}/server.pem")
        ) as client,
    ):
        assert await client.execute("GET", KEY) == "x"
        assert node.named("AUTH") == [["AUTH", "user", "p@ss"]] * node.connections
        assert node.connections > 0
        async with open_pipelined(url_of(node, "rediss+cluster"), timeout_ms=TIMEOUT_MS) as distrustful:
            with pytest.raises(UNAVAILABLE):
                await distrustful.execute("GET", KEY)


def certificate_for_loopback(directory: Path) -> Path:
    """Creates a file with a key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "server.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return file
