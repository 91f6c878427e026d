from collections.abc import Mapping

from authz_service.deployments.standings import KnownStandings
from gateway_core.model.deployments.health import Health
from gateway_core.stores.redis.deployments import Standings

OPEN, OPENED_AGAIN, CLOSED = Health(2_000, 1), Health(9_000, 2), Health()


class Store:
    """What all replicas know, as the test says."""

    def __init__(self) -> None:
        self.health: Mapping[str, Health] = {}

    async def read(self, now_ms: int) -> Standings:
        assert now_ms == 1_000
        return Standings(dict(self.health), {})

    async def claim_trial(self, place: str) -> bool:
        raise AssertionError(place)


async def read_one_after_another(*readings: Mapping[str, Health]) -> KnownStandings:
    store = Store()
    standings = KnownStandings(store, lambda: True, lambda: 1_000)  # type: ignore[arg-type]
    for health in readings:
        store.health = health
        await standings.reread()
    return standings


async def test_deployments_of_the_catalog_are_left_or_not() -> None:
    standings = await read_one_after_another({"a/x": OPEN, "b/x": CLOSED, "gone/x": OPEN, "sole/x": OPEN})
    left = standings.left(("a/x", "b/x", "c/x"), {"sole/x", "never-called/x"})
    assert [(value, *labels.values()) for value, labels in left] == [(1, "a/x"), (0, "b/x"), (0, "c/x"), (1, "sole/x")]


async def test_each_opening_counts_once_and_none_from_before_the_process() -> None:
    standings = await read_one_after_another(
        {"a/x": OPEN}, {"a/x": OPEN, "b/x": OPEN}, {"a/x": OPENED_AGAIN, "b/x": OPEN}, {"b/x": CLOSED}, {"b/x": OPEN}
    )
    assert {labels["megarouter.deployment.name"]: count for count, labels in standings.openings()} == {
        "a/x": 1,
        "b/x": 2,
    }
