"""A cache of three identities over a directory that tests can change."""

import pytest

from authz_service.identities.cache import IdentityCache
from tests.unit.authz_service.identities.identity_directory import MAX_AGE_MS, Clock, Directory


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(directory: Directory, clock: Clock) -> IdentityCache:
    cache = IdentityCache(directory, entries=3, max_age_ms=MAX_AGE_MS, monotonic=clock)
    cache.trust()
    return cache
