"""URLs of a Redis Cluster, and the topology that a node reports."""

from typing import Any

import pytest

from gateway_core.model.limits.rate_limits import RateCounter, RateUnit, RuleCounter
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.runtime.database_urls.redis import Address, is_cluster_url, parse_cluster_url
from gateway_core.stores.redis.keys import counter_key, holds_key, pool_key, refusals_keys, throttle_key, withdrawal_key
from gateway_core.stores.redis.topology import SLOTS, Topology, slot_of

ASKED = Address("10.0.0.1", 6379)
NASTY = ["acme", "a}b", "{", "a{b}c", "ä", "a b", "100%"]


@pytest.mark.parametrize(
    ("url", "seeds", "node"),
    [
        ("redis+cluster://a", [("a", 6379)], "redis://10.0.0.1:6379"),
        ("redis+cluster://a:1,b:2/", [("a", 1), ("b", 2)], "redis://10.0.0.1:6379"),
        ("redis+cluster://:p%40ss@a:1/0", [("a", 1)], "redis://:p%40ss@10.0.0.1:6379"),
        ("rediss+cluster://u:p@a:1,[::1]:2", [("a", 1), ("::1", 2)], "rediss://u:p@10.0.0.1:6379"),
        ("rediss+cluster://a?ssl_ca_certs=/ca", [("a", 6379)], "rediss://10.0.0.1:6379?ssl_ca_certs=/ca"),
    ],
)
def test_a_url_lists_initial_nodes_and_options_for_all_nodes(url: str, seeds: list[tuple[str, int]], node: str) -> None:
    parsed = parse_cluster_url(url)
    assert list(parsed.seeds) == seeds
    assert parsed.node(ASKED) == node


def test_a_node_may_have_an_ipv6_address() -> None:
    assert parse_cluster_url("redis+cluster://a").node(Address("::1", 7)) == "redis://[::1]:7"


@pytest.mark.parametrize(
    "url",
    [
        "redis://a:1",
        "redis+cluster://",
        "redis+cluster://:canary@",
        "redis+cluster://:canary@a,,b",
        "redis+cluster://:canary@a:x",
        "redis+cluster://:canary@a:99999",
        "redis+cluster://:canary@a, b",
        "redis+cluster://:canary@a/1",
    ],
)
def test_an_invalid_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="Redis Cluster") as raised:
        parse_cluster_url(url)
    assert "canary" not in str(raised.value)


def test_a_password_is_not_in_the_repr_of_a_url() -> None:
    assert "canary" not in repr(parse_cluster_url("redis+cluster://:canary@a"))
    assert not is_cluster_url("redis://a")


def test_the_topology_maps_slots_to_nodes() -> None:
    topology = Topology.read(
        [[0, 99, ["10.0.0.2", 1, "id", []], [None, 2, "id"]], [100, SLOTS - 1, ["", 3, "id"]]], ASKED
    )
    assert [topology.owner(slot) for slot in (0, 99, 100)] == [("10.0.0.2", 1), ("10.0.0.2", 1), ("10.0.0.1", 3)]
    assert topology.replicas == {("10.0.0.1", 2)}
    assert topology.is_complete
    topology.move(7, ASKED)
    assert topology.owner(7) == ASKED
    assert not Topology.read([], ASKED).is_complete


@pytest.mark.parametrize(
    "answer",
    [
        [[0]],
        [["a", 1, ["h", 1]]],
        [[0, SLOTS, ["h", 1]]],
        [[5, 4, ["h", 1]]],
        [[-1, 4, ["h", 1]]],
        [[0, 1, []]],
        [[0, 1]],
        7,
        [None],
    ],
)
def test_an_unreadable_topology_is_none(answer: Any) -> None:
    with pytest.raises((ValueError, TypeError, IndexError)):
        Topology.read(answer, ASKED)


@pytest.mark.parametrize("organization", NASTY)
def test_all_keys_of_an_organization_are_in_one_slot(organization: str) -> None:
    keys = [
        pool_key(organization),
        holds_key(organization),
        *refusals_keys(organization),
        withdrawal_key(organization, "hold-{1}", 1),
        counter_key(organization, "member:{m}:NEVER:0:0"),
        throttle_key(organization, "tokens:{t}"),
    ]
    assert len({slot_of(("GET", key)) for key in keys}) == 1
    rates = [
        RateCounter(organization, Scope(ScopeKind.MEMBER, scope_id), unit, models)
        for scope_id in NASTY
        for unit in RateUnit
        for models in ("", *NASTY)
    ]
    assert len({slot_of(("GET", rate.key())) for rate in rates}) == 1


@pytest.mark.parametrize("domain", NASTY)
def test_all_rules_of_a_domain_are_in_one_slot(domain: str) -> None:
    """This lets one script admit a request by all its descriptors or by none."""
    counters = [RuleCounter(domain, ((key, value),), unit) for key in NASTY for value in NASTY for unit in RateUnit]
    assert len({slot_of(("GET", counter.key())) for counter in counters}) == 1


def test_a_script_goes_to_the_slot_of_its_first_key() -> None:
    assert slot_of(("EVALSHA", "hash", 2, "{a}x", "{a}y", "{b}")) == slot_of(("GET", b"{a}z")) == slot_of(("GET", "a"))
    for command in (("EVALSHA", "hash", 0), ("EVALSHA", "hash", 0, "argument"), ("PING",)):
        with pytest.raises(ValueError, match="key"):
            slot_of(command)
