import ipaddress

import pytest

from gateway_core.model.alerts.addresses import REFUSED, is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [
    "127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.250", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1",
    "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fec0::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "localhost", "", "0x7f.1", "2130706433",
])  # fmt: skip
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


def test_no_edge_of_a_refused_network_is_public() -> None:
    for network in REFUSED:
        assert not is_public(str(network[0]))
        assert not is_public(str(network[-1]))


def test_the_list_has_what_the_standard_library_takes_for_global() -> None:
    """The reason why it exists."""
    missed = [network for network in REFUSED if ipaddress.ip_address(str(network[1 % network.num_addresses])).is_global]
    assert missed
