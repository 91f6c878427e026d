"""Ports of servers: never shared between workers, and not reused while others are left."""

import socket

import pytest

from tests.support.ports import FIRST, LAST, WORKERS, Ports, is_free, range_of


def test_no_two_workers_share_a_port() -> None:
    ranges = [range_of(f"gw{number}") for number in range(WORKERS)]
    ports = [port for own in ranges for port in own]
    assert len(ports) == len(set(ports))
    assert (min(ports), max(ports)) == (FIRST, LAST - 1)
    assert range_of("") == ranges[0]


def test_a_port_comes_again_only_after_all_others() -> None:
    own = range(31_000, 31_040)
    ports = Ports(own, lambda _: True)
    first = [ports.take(1) for _ in own]
    assert sorted(first) == list(own)
    assert ports.take(1) == first[0]


def test_ports_of_a_stack_follow_each_other_and_overlap_no_others() -> None:
    ports = Ports(range(31_100, 31_200), lambda _: True)
    taken: list[int] = []
    for count, multiple_of in ((1, 1), (20, 10), (3, 1), (10, 10)):
        first = ports.take(count, multiple_of)
        assert first % multiple_of == 0
        taken += range(first, first + count)
    assert len(taken) == len(set(taken)) == 34


def test_a_port_in_use_is_left_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        used = other.getsockname()[1]
        assert not is_free(used)
    ports = Ports(range(31_200, 31_220), lambda port: port != 31_205)
    assert ports.take(10, 10) == 31_210
    with pytest.raises(RuntimeError):
        ports.take(11, 10)
