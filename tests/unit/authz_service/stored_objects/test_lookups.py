"""Finding what a call names, and waiting for what an answer has only just handed out."""

import asyncio
from collections.abc import Sequence

import pytest

from authz_service.stored_objects import lookups
from authz_service.stored_objects.lookups import PAUSES_S, StoredObjects, TooManyLookupsError
from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName, StoredObject

MIA, MAX = Owner("acme", "mia"), Owner("acme", "max")
FIRST, SECOND = ObjectName(ObjectKind.RESPONSE, "resp_1"), ObjectName(ObjectKind.ITEM, "msg_1")
PROMPT = ObjectName(ObjectKind.PROMPT, "pmpt_1")


class MemoryStore:
    """Objects by owner, which a test may add later."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Owner, ObjectName], StoredObject] = {}
        self.lookups: list[tuple[Owner, str | None, tuple[ObjectName, ...]]] = []

    def add(self, owner: Owner, name: ObjectName) -> None:
        self.objects[owner, name] = StoredObject(name, "openai", None, None, None)

    async def objects_of(self, owner: Owner, provider: str | None, names: Sequence[ObjectName]) -> list[StoredObject]:
        self.lookups.append((owner, provider, tuple(names)))
        await asyncio.sleep(0)
        return [found for name in names if (found := self.objects.get((owner, name)))]

    async def end(self, owner: Owner, stored: StoredObject) -> bool:
        return self.objects.pop((owner, stored.name), None) is not None


class Clock:
    """A time that passes only in sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def objects(store: MemoryStore, clock: Clock) -> StoredObjects:
    return StoredObjects(store, clock.monotonic_s, clock.sleep)


async def test_a_known_object_is_found_without_waiting(
    store: MemoryStore, objects: StoredObjects, clock: Clock
) -> None:
    store.add(MIA, FIRST)
    assert set(await objects.find(MIA, "openai", [FIRST, FIRST])) == {FIRST}
    assert (clock.now_s, len(store.lookups)) == (0, 1)


async def test_a_found_object_is_remembered_for_a_minute(
    store: MemoryStore, objects: StoredObjects, clock: Clock
) -> None:
    store.add(MIA, FIRST)
    await objects.find(MIA, "openai", [FIRST])
    await objects.find(MIA, "openai", [FIRST])
    assert len(store.lookups) == 1
    clock.now_s += 61
    await objects.find(MIA, "openai", [FIRST])
    assert len(store.lookups) == 2


@pytest.mark.parametrize(("owner", "provider"), [(MAX, "openai"), (MIA, "azure"), (MIA, None)])
async def test_what_is_remembered_counts_for_its_owner_and_provider_alone(
    store: MemoryStore, objects: StoredObjects, owner: Owner, provider: str | None
) -> None:
    store.add(MIA, FIRST)
    await objects.find(MIA, "openai", [FIRST])
    del store.objects[MIA, FIRST]
    assert await objects.find(owner, provider, [FIRST]) == {}


async def test_an_id_that_appears_within_a_second_is_found(store: MemoryStore, clock: Clock) -> None:
    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.now_s > 0.25:
            store.add(MIA, SECOND)

    store.add(MIA, FIRST)
    objects = StoredObjects(store, clock.monotonic_s, sleep)
    assert set(await objects.find(MIA, "openai", [FIRST, SECOND])) == {FIRST, SECOND}
    assert 0.25 < clock.now_s < 0.5
    assert all(names == (SECOND,) for *_, names in store.lookups[1:])


async def test_an_unknown_id_is_looked_up_for_a_second(
    store: MemoryStore, objects: StoredObjects, clock: Clock
) -> None:
    assert await objects.find(MIA, "openai", [FIRST]) == {}
    assert clock.now_s == pytest.approx(1.0)
    assert len(store.lookups) == len(PAUSES_S) + 1


async def test_what_no_answer_hands_out_is_not_waited_for(objects: StoredObjects, clock: Clock) -> None:
    assert await objects.find(MIA, "openai", [PROMPT, FIRST]) == {}
    assert clock.now_s == 0


async def test_few_calls_of_one_member_wait(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_MAX_WAITING_OF_OWNER", 2)
    release = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await release.wait()

    objects = StoredObjects(store, sleep=sleep)
    waiting = [asyncio.create_task(objects.find(MIA, "openai", [FIRST])) for _ in range(2)]
    await asyncio.sleep(0.01)
    with pytest.raises(TooManyLookupsError):
        await objects.find(MIA, "openai", [FIRST])
    other = asyncio.create_task(objects.find(MAX, "openai", [FIRST]))
    await asyncio.sleep(0.01)
    assert not other.done()
    release.set()
    await asyncio.gather(*waiting, other)
    assert await objects.find(MIA, "openai", [FIRST]) == {}, "the places are free again"


async def test_few_calls_of_all_members_wait(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_MAX_WAITING", 0)
    with pytest.raises(TooManyLookupsError):
        await StoredObjects(store).find(MIA, "openai", [FIRST])
