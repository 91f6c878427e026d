"""The known placements of an organization: never fewer than seen, read again after a second, shared by concurrent calls."""

import asyncio

import pytest

from authz_service.holds.placement_floors import PlacementFloors


class FakeHoldsTable:
    """A holds table that answers with the highest placement, and counts the queries."""

    def __init__(self) -> None:
        self.highest = 5
        self.queries = 0
        self.failure: Exception | None = None
        self.now_s = 100.0

    async def highest_placement(self, _organization: str) -> int:
        self.queries += 1
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return self.highest


@pytest.fixture
def holds_table() -> FakeHoldsTable:
    return FakeHoldsTable()


@pytest.fixture
def floors(holds_table: FakeHoldsTable) -> PlacementFloors:
    return PlacementFloors(holds_table.highest_placement, lambda: holds_table.now_s, entries=2)


async def test_the_holds_table_is_read_first(floors: PlacementFloors) -> None:
    assert await floors.of("acme") == 5


async def test_a_placement_raises_the_floor_immediately(floors: PlacementFloors, holds_table: FakeHoldsTable) -> None:
    await floors.of("acme")
    floors.reached("acme", 9)
    assert await floors.of("acme") == 9
    assert holds_table.queries == 1


async def test_a_placement_does_not_replace_reading_the_holds_table(
    floors: PlacementFloors, holds_table: FakeHoldsTable
) -> None:
    floors.reached("acme", 3)
    assert await floors.of("acme") == 5
    assert holds_table.queries == 1


async def test_the_holds_table_is_read_again_after_a_second(
    floors: PlacementFloors, holds_table: FakeHoldsTable
) -> None:
    await floors.of("acme")
    holds_table.highest = 70
    holds_table.now_s += 0.9
    assert await floors.of("acme") == 5
    holds_table.now_s += 0.1
    assert await floors.of("acme") == 70


async def test_the_floor_never_falls(floors: PlacementFloors, holds_table: FakeHoldsTable) -> None:
    await floors.of("acme")
    holds_table.highest = 1
    holds_table.now_s += 2
    assert await floors.of("acme") == 5


async def test_concurrent_calls_share_one_query(floors: PlacementFloors, holds_table: FakeHoldsTable) -> None:
    assert await asyncio.gather(*(floors.of("acme") for _ in range(50))) == [5] * 50
    assert holds_table.queries == 1


async def test_the_floor_stays_valid_while_the_holds_table_is_unavailable(
    floors: PlacementFloors, holds_table: FakeHoldsTable
) -> None:
    await floors.of("acme")
    holds_table.failure = ConnectionRefusedError()
    holds_table.now_s += 2
    assert await floors.of("acme") == 5


async def test_the_floor_of_an_unknown_organization_requires_the_holds_table(
    floors: PlacementFloors, holds_table: FakeHoldsTable
) -> None:
    holds_table.failure = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        await floors.of("acme")


async def test_the_number_of_remembered_floors_is_bounded(floors: PlacementFloors, holds_table: FakeHoldsTable) -> None:
    for organization in ("a", "b", "c"):
        await floors.of(organization)
    await floors.of("c")
    assert holds_table.queries == 3
    await floors.of("a")
    assert holds_table.queries == 4
