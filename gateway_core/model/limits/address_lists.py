"""Networks that calls with a key may come from: CIDRs of either version of IP."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_NETWORKS: Final = 100

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SHOWN_CHARACTERS: Final = 60


class InvalidNetworkError(ValueError):
    """An entry is no network, or there are too many; the message names the entry."""


@dataclass(frozen=True, slots=True)
class AddressList:
    """Networks ready for use."""

    networks: tuple[_Network, ...]

    def allows(self, address: str) -> bool:
        """Whether an address lies in one of the networks. A text that is no address lies in none.

        An IPv4 address that a socket of both versions shows as `::ffff:192.0.2.1` is the IPv4 address.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
        return any((mapped or parsed) in network for network in self.networks)


def parse_networks(entries: Iterable[str]) -> AddressList:
    """The list of these networks; an address alone is the network of that address.

    Raises:
        InvalidNetworkError: see there; also for `192.0.2.1/24`, which says two things.
    """
    listed = list(entries)
    if len(listed) > MAX_NETWORKS:
        raise InvalidNetworkError(f"an IP allow-list has at most {MAX_NETWORKS} networks, this one has {len(listed)}")
    return AddressList(tuple(_network(entry) for entry in listed))


def _network(entry: str) -> _Network:
    shown = repr(entry[:_SHOWN_CHARACTERS])
    if "%" in entry:
        raise InvalidNetworkError(f"{shown} has a zone, which is the name of an interface: leave it out")
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise InvalidNetworkError(f"{shown} is no network: write '192.0.2.0/24' or '2001:db8::/32'") from error
