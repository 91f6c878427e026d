"""The known placements of an organization: never fewer than seen, read again after a second, shared by concurrent calls."""

import asyncio

import pytest

from authz_service.holds.placement_floors import Floors


class Register:
    """A holds table that answers with the highest placement, and counts the queries."""

    def __init__(self) -> None:
        self.highest = 5
        self.questions = 0
        self.failure: Exception | None = None
        self.now_s = 100.0

    async def highest_placement(self, _organization: str) -> int:
        self.questions += 1
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return self.highest


@pytest.fixture
def register() -> Register:
    return Register()


@pytest.fixture
def floors(register: Register) -> Floors:
    return Floors(register.highest_placement, lambda: register.now_s, entries=2)


async def test_the_holds_table_is_read_first(floors: Floors) -> None:
    assert await floors.of("acme") == 5


async def test_a_placement_raises_the_floor_immediately(floors: Floors, register: Register) -> None:
    await floors.of("acme")
    floors.reached("acme", 9)
    assert await floors.of("acme") == 9
    assert register.questions == 1


async def test_a_placement_does_not_replace_reading_the_holds_table(floors: Floors, register: Register) -> None:
    floors.reached("acme", 3)
    assert await floors.of("acme") == 5
    assert register.questions == 1


async def test_the_holds_table_is_read_again_after_a_second(floors: Floors, register: Register) -> None:
    await floors.of("acme")
    register.highest = 70
    register.now_s += 0.9
    assert await floors.of("acme") == 5
    register.now_s += 0.1
    assert await floors.of("acme") == 70


async def test_the_floor_never_falls(floors: Floors, register: Register) -> None:
    await floors.of("acme")
    register.highest = 1
    register.now_s += 2
    assert await floors.of("acme") == 5


async def test_concurrent_calls_share_one_query(floors: Floors, register: Register) -> None:
    assert await asyncio.gather(*(floors.of("acme") for _ in range(50))) == [5] * 50
    assert register.questions == 1


async def test_the_floor_stays_valid_while_the_holds_table_is_unavailable(floors: Floors, register: Register) -> None:
    await floors.of("acme")
    register.failure = ConnectionRefusedError()
    register.now_s += 2
    assert await floors.of("acme") == 5


async def test_an_unknown_organization_has_no_floor_without_the_holds_table(floors: Floors, register: Register) -> None:
    register.failure = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        await floors.of("acme")


async def test_the_number_of_remembered_floors_is_bounded(floors: Floors, register: Register) -> None:
    for organization in ("a", "b", "c"):
        await floors.of(organization)
    await floors.of("c")
    assert register.questions == 3
    await floors.of("a")
    assert register.questions == 4
