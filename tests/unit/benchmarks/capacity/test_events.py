"""Servers and locks of the simulation behave as queueing theory says."""

from random import Random

import pytest

from benchmarks.capacity.events import Lock, Process, Server, Simulation

SERVICE_PER_SECOND = 100.0


def waits_of(calls_per_second: float, units: int, calls: int = 200_000) -> tuple[list[float], float]:
    """Returns how long Poisson arrivals waited for exponential work, and how busy the units were."""
    simulation, random, waits = Simulation(), Random(7), list[float]()
    server = Server(simulation, units)

    def arriving() -> Process:
        for _ in range(calls):
            yield simulation.pause(random.expovariate(calls_per_second))
            service_s = random.expovariate(SERVICE_PER_SECOND)
            waits.append(server.reserve(service_s) - service_s - simulation.now_s)

    simulation.start(arriving())
    simulation.run_until(calls / calls_per_second)
    return waits, server.busy_s / simulation.now_s / units


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_unit_waits_as_m_m_1(load: float) -> None:
    waits, busy = waits_of(load * SERVICE_PER_SECOND, 1)
    assert sum(waits) / len(waits) == pytest.approx(load / (SERVICE_PER_SECOND * (1 - load)), rel=0.06)
    assert busy == pytest.approx(load, rel=0.02)


def test_two_units_wait_as_m_m_2() -> None:
    load = 0.7
    waits, busy = waits_of(2 * load * SERVICE_PER_SECOND, 2)
    # Erlang C with two servers: 2 rho^2 / (1 + rho) wait, each 1 / (2 mu (1 - rho)) in the mean.
    expected = 2 * load**2 / (1 + load) / (2 * SERVICE_PER_SECOND * (1 - load))
    assert sum(waits) / len(waits) == pytest.approx(expected, rel=0.06)
    assert busy == pytest.approx(load, rel=0.02)


def test_work_beyond_the_present_is_not_done_yet() -> None:
    simulation = Simulation()
    server = Server(simulation)
    server.reserve(2.0)
    server.reserve(2.0)
    simulation.run_until(3.0)
    assert server.busy_s == pytest.approx(3.0)


def test_a_lock_goes_to_whoever_has_waited_longest() -> None:
    simulation, order = Simulation(), list[int]()
    lock = Lock(simulation)

    def holding(number: int, arrival_s: float) -> Process:
        yield simulation.pause(arrival_s)
        if not lock.take():
            yield lock.turn()
        order.append(number)
        yield simulation.pause(1.0)
        lock.release()

    for number, arrival_s in enumerate([0.3, 0.1, 0.2, 5.0]):
        simulation.start(holding(number, arrival_s))
    simulation.run_until(10.0)
    assert order == [1, 2, 0, 3]
    assert lock.busy_s == pytest.approx(4.0)
    assert lock.take()


def test_events_of_one_moment_happen_in_the_order_of_planning() -> None:
    simulation, order = Simulation(), list[int]()
    for number in range(5):
        simulation.at(1.0, lambda number=number: order.append(number))  # type: ignore[misc]
    simulation.run_until(1.0)
    assert order == [0, 1, 2, 3, 4]
