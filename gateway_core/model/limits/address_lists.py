"""The networks that calls with a key may come from: IPv4 and IPv6 CIDRs."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_NETWORKS: Final = 100

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SHOWN_CHARACTERS: Final = 60


class InvalidNetworkError(ValueError):
    """An entry is not a network, or there are too many entries. The message names the entry."""


@dataclass(frozen=True, slots=True)
class AddressList:
    """Parsed networks."""

    networks: tuple[_Network, ...]

    def allows(self, address: str) -> bool:
        """Returns whether an address is in one of the networks. Text that is not an address is in none.

        An IPv4-mapped IPv6 address such as `::ffff:192.0.2.1` counts as the IPv4 address.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
        return any((mapped or parsed) in network for network in self.networks)


def parse_networks(entries: Iterable[str]) -> AddressList:
    """Parses networks. An address without a prefix length is the network of that one address.

    Raises:
        InvalidNetworkError: an entry is not a network or sets host bits (`192.0.2.1/24`), or there are too many
            entries.
    """
    listed = list(entries)
    if len(listed) > MAX_NETWORKS:
        raise InvalidNetworkError(f"an IP allow list has at most {MAX_NETWORKS} networks, this one has {len(listed)}")
    return AddressList(tuple(_network(entry) for entry in listed))


def _network(entry: str) -> _Network:
    shown = repr(entry[:_SHOWN_CHARACTERS])
    if "%" in entry:
        raise InvalidNetworkError(f"{shown} has a zone, which names a network interface: remove it")
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise InvalidNetworkError(f"{shown} is not a network: write '192.0.2.0/24' or '2001:db8::/32'") from error
