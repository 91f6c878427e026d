"""Identities of the current state of an organization are renewed together, and those of older states are not (INV-13)."""

import pytest

from authz_service.identities.memory import READ_AGES, IdentityMemory
from gateway_core.model.calls.principals import RevisedPrincipal
from tests.support.data.examples import principal

AGE_S = 30.0
HASHES = [number.to_bytes(32) for number in range(1, 5)]


def identity(number: int, revision: int = 0, organization: str = "acme") -> RevisedPrincipal:
    return RevisedPrincipal(principal(api_key=f"key-{number}", organization=organization), revision)


@pytest.fixture
def memory() -> IdentityMemory:
    return IdentityMemory(entries=1_000, max_age_s=AGE_S)


def found(memory: IdentityMemory, now_s: float) -> list[int]:
    return [number for number, secret_hash in enumerate(HASHES) if memory.find(secret_hash, now_s)]


def test_one_comparison_renews_every_identity_of_an_organization(memory: IdentityMemory) -> None:
    for number in range(3):
        memory.add(HASHES[number], identity(number), asked_s=0)
    memory.add(HASHES[3], identity(3, organization="other"), asked_s=0)
    memory.compare("acme", 0, asked_s=20)
    assert found(memory, 30) == [0, 1, 2]
    assert found(memory, 50) == []


def test_a_lookup_renews_the_identities_of_its_organization(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0, revision=7), asked_s=0)
    memory.add(HASHES[1], identity(1, revision=7), asked_s=20)
    assert found(memory, 40) == [0, 1]


def test_a_renewed_identity_is_read_again_at_the_longest_age(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    for now_s in range(0, int(AGE_S * READ_AGES), 10):
        assert found(memory, now_s) == [0]
        memory.compare("acme", 0, now_s)
    memory.compare("acme", 0, AGE_S * READ_AGES)
    assert found(memory, AGE_S * READ_AGES) == []


def test_identities_that_a_change_does_not_affect_get_its_revision(memory: IdentityMemory) -> None:
    """Seen to fail without notifications of revisions: one change caused all identities of the organization to be read again."""
    for number in range(2):
        memory.add(HASHES[number], identity(number), asked_s=0)
    memory.change("acme", "api_key", "key-0")
    memory.revise("acme", 1)
    memory.compare("acme", 1, asked_s=20)
    assert found(memory, 40) == [1]


def test_a_revision_after_a_missed_notification_renews_nothing(memory: IdentityMemory) -> None:
    """Seen to fail when every notified revision is accepted."""
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.revise("acme", 2)
    memory.compare("acme", 2, asked_s=20)
    assert found(memory, 30) == []


def test_a_comparison_ahead_of_the_notifications_counts_once_they_arrive(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.compare("acme", 2, asked_s=20)
    memory.revise("acme", 1)
    assert found(memory, 30) == []
    memory.revise("acme", 2)
    assert found(memory, 49.9) == [0]
    assert found(memory, 50) == []
    assert memory.lost(100, patience_s=5) == []


def test_a_comparison_from_before_a_change_renews_nothing(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0, revision=1), asked_s=0)
    memory.compare("acme", 0, asked_s=20)
    assert found(memory, 30) == []
    assert memory.lost(100, patience_s=5) == []


@pytest.mark.parametrize("revision", [0, 2])
def test_an_identity_of_an_older_revision_is_not_cached_with_current_ones(
    memory: IdentityMemory, revision: int
) -> None:
    """Seen to fail without the comparison of revisions: the next renewal renewed data read before a change."""
    memory.add(HASHES[0], identity(0, revision=1), asked_s=0)
    memory.add(HASHES[1], identity(1, revision), asked_s=1)
    memory.add_ahead(HASHES[2], identity(2, revision), asked_s=1)
    assert found(memory, 2) == [0]


def test_a_change_not_notified_in_time_drops_its_organization(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.add(HASHES[1], identity(1, organization="other"), asked_s=0)
    memory.compare("acme", 1, asked_s=10)
    memory.compare("acme", 2, asked_s=14)
    assert memory.lost(14.9, patience_s=5) == []
    assert memory.lost(15, patience_s=5) == ["acme"]
    assert found(memory, 15) == [1]
    memory.add(HASHES[0], identity(0, revision=2), asked_s=15)
    assert found(memory, 15) == [0, 1]


def test_only_organizations_not_renewed_recently_are_due(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.add(HASHES[1], identity(1, organization="other"), asked_s=5)
    assert memory.due(10, age_s=10) == ["acme"]
    memory.compare("acme", 0, asked_s=10)
    assert memory.due(15, age_s=10) == ["other"]


def test_an_organization_without_identities_is_not_due(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.change("acme", "group", "g1")
    assert memory.due(100, age_s=10) == []


def test_outdated_identities_are_dropped_in_bounded_steps(memory: IdentityMemory) -> None:
    """Seen to fail without the bound, and without dropping them."""
    for number in range(3):
        memory.add(HASHES[number], identity(number), asked_s=0)
    memory.add(HASHES[3], identity(3), asked_s=1)
    memory.expire(AGE_S * READ_AGES, most=2)
    assert memory.room == 998
    memory.expire(AGE_S * READ_AGES, most=2)
    assert memory.room == 999


def test_both_secrets_of_a_key_are_dropped_with_it(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.add(HASHES[1], identity(0), asked_s=0)
    memory.add(HASHES[2], identity(2), asked_s=0)
    memory.change("acme", "api_key", "key-0")
    assert found(memory, 1) == [2]


def test_one_secret_of_a_key_can_be_dropped_alone(memory: IdentityMemory) -> None:
    memory.add(HASHES[0], identity(0), asked_s=0)
    memory.add(HASHES[1], identity(0), asked_s=0)
    memory.forget(HASHES[0])
    assert found(memory, 1) == [1]
    memory.change("acme", "guardrail", "api_key:key-0")
    assert found(memory, 1) == []
