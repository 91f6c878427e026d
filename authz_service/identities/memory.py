"""What is remembered of identities, and how long each may be believed. Asks nobody; the clock is its caller's.

All identities of an organization are of one state of it, which has a number: its revision. To learn that this number is still the
present one renews them all at once, however many they are.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway_core.model.calls.principals import Identity, Principal

READ_AGES: Final = 60
"""An identity that was only renewed is read whole after so many times the maximum age: should a change ever make no revision, it is
found then. One in so many of the look-ups that there would be without renewing."""


@dataclass(slots=True, eq=False)
class _Organization:
    """What is remembered of one organization: never empty."""

    name: str
    revision: int
    current_s: float
    """The revision was the present one then."""
    keys: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """Hashes by the key: one, and the other of a key with two secrets."""
    ahead: tuple[int, float] | None = None
    """A later revision that was the present one at a moment, while its changes had not been heard of."""


@dataclass(slots=True, eq=False)
class _Entry:
    principal: Principal
    organization: _Organization
    read_s: float


class IdentityMemory:
    """A bounded number of identities. The one that was read the longest ago makes room."""

    def __init__(self, entries: int, max_age_s: float) -> None:
        self._entries = entries
        self._max_age_s = max_age_s
        self._read_age_s = max_age_s * READ_AGES
        self._known: OrderedDict[bytes, _Entry] = OrderedDict()
        self._organizations: dict[str, _Organization] = {}

    @property
    def room(self) -> int:
        """How many more there may be."""
        return self._entries - len(self._known)

    def __contains__(self, secret_hash: bytes) -> bool:
        return secret_hash in self._known

    def find(self, secret_hash: bytes, now_s: float) -> Principal | None:
        """The principal of a key's hash, if it may be believed now."""
        entry = self._known.get(secret_hash)
        if (
            entry is not None
            and now_s - entry.organization.current_s < self._max_age_s
            and now_s - entry.read_s < self._read_age_s
        ):
            return entry.principal
        return None

    def add(self, secret_hash: bytes, identity: Identity, asked_s: float) -> None:
        """Remembers what was asked for at a moment, if it is of the state that the others of its organization are of."""
        self.forget(secret_hash)
        organization = self._organization_of(identity, asked_s)
        if organization is None:
            return
        self._put(secret_hash, _Entry(identity.principal, organization, asked_s))
        if len(self._known) > self._entries:
            self.forget(next(iter(self._known)))

    def add_ahead(self, secret_hash: bytes, identity: Identity, asked_s: float) -> None:
        """As `add`, of what nobody has called with yet: as far as there is room, and it makes room first.

        It counts as read anywhere within half of an age before: what was read together shall not be read again in one moment.
        """
        if secret_hash in self._known or self.room <= 0:
            return
        organization = self._organization_of(identity, asked_s)
        if organization is not None:
            read_s = asked_s - self._read_age_s / 2 * secret_hash[0] / 256
            self._put(secret_hash, _Entry(identity.principal, organization, read_s))
            self._known.move_to_end(secret_hash, last=False)

    def _organization_of(self, identity: Identity, asked_s: float) -> _Organization | None:
        """What is remembered of its organization, None if that is of another state."""
        name = identity.principal.organization
        organization = self._organizations.get(name)
        if organization is None:
            organization = self._organizations[name] = _Organization(name, identity.revision, asked_s)
        self.compare(name, identity.revision, asked_s)
        return organization if organization.revision == identity.revision else None

    def _put(self, secret_hash: bytes, entry: _Entry) -> None:
        self._known[secret_hash] = entry
        keys = entry.organization.keys
        keys[entry.principal.api_key] = (*keys.get(entry.principal.api_key, ()), secret_hash)

    def forget(self, secret_hash: bytes) -> None:
        """Whatever was remembered of a hash."""
        entry = self._known.pop(secret_hash, None)
        if entry is None:
            return
        organization, api_key = entry.organization, entry.principal.api_key
        left = tuple(other for other in organization.keys.pop(api_key) if other != secret_hash)
        if left:
            organization.keys[api_key] = left
        elif not organization.keys:
            del self._organizations[organization.name]

    def clear(self) -> None:
        """Forgets everything."""
        self._known.clear()
        self._organizations.clear()

    def change(self, name: str, kind: str, entity_id: str) -> None:
        """Forgets what a changed entity of an organization is part of. Groups may have moved: they touch all."""
        organization = self._organizations.get(name)
        if organization is None:
            return
        is_guardrail = kind == "guardrail"
        if is_guardrail:
            kind, _, entity_id = entity_id.partition(":")
        if kind == "api_key":
            touched: Sequence[bytes] = organization.keys.get(entity_id, ())
        elif kind == "member":
            touched = self._where(organization, lambda principal: principal.member == entity_id)
        elif kind == "group" and is_guardrail:
            touched = self._where(organization, lambda principal: entity_id in principal.group_path)
        else:
            self._forget_all(organization)
            return
        for secret_hash in touched:
            self.forget(secret_hash)

    def _where(self, organization: _Organization, is_touched: Callable[[Principal], bool]) -> Sequence[bytes]:
        """A microsecond for four keys."""
        known = self._known
        return [
            secret_hash
            for hashes in organization.keys.values()
            for secret_hash in hashes
            if is_touched(known[secret_hash].principal)
        ]

    def _forget_all(self, organization: _Organization) -> None:
        for hashes in organization.keys.values():
            for secret_hash in hashes:
                del self._known[secret_hash]
        del self._organizations[organization.name]

    def revise(self, name: str, revision: int) -> None:
        """All changes that made a revision have been heard of, and what they touch is forgotten: the rest is of it now.

        If those before it have not, nothing is: a notification was lost, and comparing will tell.
        """
        organization = self._organizations.get(name)
        if organization is None or organization.revision != revision - 1:
            return
        organization.revision = revision
        if organization.ahead is not None and organization.ahead[0] == revision:
            organization.current_s = max(organization.current_s, organization.ahead[1])

    def compare(self, name: str, revision: int, asked_s: float) -> None:
        """Renews the identities of an organization, if the revision that was the present one is theirs.

        An older one was read before changes that have been heard of since, and says nothing.
        """
        organization = self._organizations.get(name)
        if organization is None or revision < organization.revision:
            return
        if revision == organization.revision:
            organization.current_s = max(organization.current_s, asked_s)
        elif organization.ahead is None or organization.ahead[0] <= organization.revision:
            organization.ahead = (revision, asked_s)

    def lost(self, now_s: float, patience_s: float) -> list[str]:
        """Organizations of which a change was not heard of for so long after it was seen: they are forgotten."""
        names = [
            organization.name
            for organization in self._organizations.values()
            if organization.ahead is not None
            and organization.ahead[0] > organization.revision
            and now_s - organization.ahead[1] >= patience_s
        ]
        for name in names:
            self._forget_all(self._organizations[name])
        return names

    def due(self, now_s: float, age_s: float) -> list[str]:
        """Organizations whose identities are so old."""
        return [
            organization.name
            for organization in self._organizations.values()
            if now_s - organization.current_s >= age_s
        ]

    def expire(self, now_s: float, most: int) -> None:
        """Forgets what was read too long ago, so much of it at once."""
        for _ in range(most):
            secret_hash = next(iter(self._known), None)
            if secret_hash is None or now_s - self._known[secret_hash].read_s < self._read_age_s:
                return
            self.forget(secret_hash)
