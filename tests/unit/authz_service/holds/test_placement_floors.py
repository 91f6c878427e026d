"""What is known of an organization's placements: never less than was seen, read anew after a second, shared by calls at once."""

import asyncio

import pytest

from authz_service.holds.placement_floors import PlacementFloors


class Register:
    """Answers with the highest placement, and counts the questions."""

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
def floors(register: Register) -> PlacementFloors:
    return PlacementFloors(register.highest_placement, lambda: register.now_s, entries=2)


async def test_the_register_is_asked_first(floors: PlacementFloors) -> None:
    assert await floors.of("acme") == 5


async def test_an_own_placement_raises_it_at_once(floors: PlacementFloors, register: Register) -> None:
    await floors.of("acme")
    floors.reached("acme", 9)
    assert await floors.of("acme") == 9
    assert register.questions == 1


async def test_an_own_placement_alone_is_not_all_that_is_known(floors: PlacementFloors, register: Register) -> None:
    floors.reached("acme", 3)
    assert await floors.of("acme") == 5
    assert register.questions == 1


async def test_after_a_second_the_register_is_asked_anew(floors: PlacementFloors, register: Register) -> None:
    await floors.of("acme")
    register.highest = 70
    register.now_s += 0.9
    assert await floors.of("acme") == 5
    register.now_s += 0.1
    assert await floors.of("acme") == 70


async def test_it_never_falls(floors: PlacementFloors, register: Register) -> None:
    await floors.of("acme")
    register.highest = 1
    register.now_s += 2
    assert await floors.of("acme") == 5


async def test_calls_at_once_share_one_question(floors: PlacementFloors, register: Register) -> None:
    assert await asyncio.gather(*(floors.of("acme") for _ in range(50))) == [5] * 50
    assert register.questions == 1


async def test_what_is_known_stays_good_while_the_register_is_away(floors: PlacementFloors, register: Register) -> None:
    await floors.of("acme")
    register.failure = ConnectionRefusedError()
    register.now_s += 2
    assert await floors.of("acme") == 5


async def test_nothing_is_assumed_of_an_unknown_organization(floors: PlacementFloors, register: Register) -> None:
    register.failure = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        await floors.of("acme")


async def test_what_is_remembered_is_bounded(floors: PlacementFloors, register: Register) -> None:
    for organization in ("a", "b", "c"):
        await floors.of(organization)
    await floors.of("c")
    assert register.questions == 3
    await floors.of("a")
    assert register.questions == 4
