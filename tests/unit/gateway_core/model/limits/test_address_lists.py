"""The addresses that a list of networks allows."""

import pytest

from gateway_core.model.limits.address_lists import InvalidNetworkError, parse_networks


@pytest.mark.parametrize(
    ("network", "address", "allowed"),
    [
        ("192.0.2.0/24", "192.0.2.255", True),
        ("192.0.2.0/24", "192.0.3.0", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "::ffff:192.0.2.9", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "192.0.2.1", False),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "/run/socket", False),
    ],
)
def test_an_address_in_a_listed_network_is_allowed(network: str, address: str, *, allowed: bool) -> None:
    assert parse_networks([network]).allows(address) is allowed


def test_an_empty_list_allows_no_address() -> None:
    assert not parse_networks([]).allows("192.0.2.1")


@pytest.mark.parametrize("entry", ["", "192.0.2.1/24", "192.0.2.0/33", "example.com", "fe80::1%eth0", "192.0.2"])
def test_an_invalid_network_is_refused_by_name(entry: str) -> None:
    with pytest.raises(InvalidNetworkError, match=r"network|zone"):
        parse_networks([entry])


def test_the_length_of_a_list_is_bounded() -> None:
    with pytest.raises(InvalidNetworkError, match="101"):
        parse_networks(["192.0.2.1"] * 101)
