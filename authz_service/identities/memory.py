"""The memory of the identity cache, and how long each entry may be used. It does no I/O; the caller passes the time.

All cached identities of an organization belong to one revision of it. So one check that this revision is still current
renews all of them, however many they are.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway_core.model.calls.principals import Principal, RevisedPrincipal

READ_AGES: Final = 60
"""An identity that was only renewed is read again after this many maximum ages, in case a change ever fails to produce
a revision.

This costs one in READ_AGES of the lookups that would be needed without renewal.
"""


@dataclass(slots=True, eq=False)
class _Organization:
    """The cached identities of one organization; never empty."""

    name: str
    revision: int
    current_s: float
    """When the revision was last known to be current."""
    keys: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """Key hashes by key id: one, or two while a rotated key has two secrets."""
    ahead: tuple[int, float] | None = None
    """A later revision and when it was seen as current, if its changes have not been pushed yet."""


@dataclass(slots=True, eq=False)
class _Entry:
    principal: Principal
    organization: _Organization
    read_s: float


class IdentityMemory:
    """A bounded number of identities. The one that was read longest ago is evicted first."""

    def __init__(self, entries: int, max_age_s: float) -> None:
        self._entries = entries
        self._max_age_s = max_age_s
        self._read_age_s = max_age_s * READ_AGES
        self._known: OrderedDict[bytes, _Entry] = OrderedDict()
        self._organizations: dict[str, _Organization] = {}

    @property
    def room(self) -> int:
        """How many more identities fit."""
        return self._entries - len(self._known)

    def __contains__(self, secret_hash: bytes) -> bool:
        return secret_hash in self._known

    def find(self, secret_hash: bytes, now_s: float) -> Principal | None:
        """Returns the principal of a key's hash if it may be used now, else None."""
        entry = self._known.get(secret_hash)
        if (
            entry is not None
            and now_s - entry.organization.current_s < self._max_age_s
            and now_s - entry.read_s < self._read_age_s
        ):
            return entry.principal
        return None

    def add(self, secret_hash: bytes, identity: RevisedPrincipal, asked_s: float) -> None:
        """Caches an identity that was read at `asked_s`, if it has the same revision as the rest of its organization."""
        self.forget(secret_hash)
        organization = self._organization_of(identity, asked_s)
        if organization is None:
            return
        self._put(secret_hash, _Entry(identity.principal, organization, asked_s))
        if len(self._known) > self._entries:
            self.forget(next(iter(self._known)))

    def add_ahead(self, secret_hash: bytes, identity: RevisedPrincipal, asked_s: float) -> None:
        """Like `add`, for an identity that no call has used yet. It is added only if there is room, and is evicted
        first.

        Its read time is set back by up to half the maximum age, so that identities read together are not read again
        together.
        """
        if secret_hash in self._known or self.room <= 0:
            return
        organization = self._organization_of(identity, asked_s)
        if organization is not None:
            read_s = asked_s - self._read_age_s / 2 * secret_hash[0] / 256
            self._put(secret_hash, _Entry(identity.principal, organization, read_s))
            self._known.move_to_end(secret_hash, last=False)

    def _organization_of(self, identity: RevisedPrincipal, asked_s: float) -> _Organization | None:
        """Returns the entry of the identity's organization, or None if that entry has another revision."""
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
        """Drops the entry of a hash, if there is one."""
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
        """Drops everything."""
        self._known.clear()
        self._organizations.clear()

    def change(self, name: str, kind: str, entity_id: str) -> None:
        """Drops the identities that a changed entity is part of. A changed group may have moved, so it drops all of them."""
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
        """Returns the hashes of the touched principals. Takes about a microsecond for four keys."""
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
        """Notes that all changes up to a revision have been pushed, and that the identities they touch are dropped.

        The remaining identities then have this revision. If the revision before is missing, a notification was lost;
        `compare` will detect it.
        """
        organization = self._organizations.get(name)
        if organization is None or organization.revision != revision - 1:
            return
        organization.revision = revision
        if organization.ahead is not None and organization.ahead[0] == revision:
            organization.current_s = max(organization.current_s, organization.ahead[1])

    def compare(self, name: str, revision: int, asked_s: float) -> None:
        """Renews the identities of an organization if `revision`, read at `asked_s`, is theirs.

        An older revision was read before changes that have since been pushed, so it is ignored.
        """
        organization = self._organizations.get(name)
        if organization is None or revision < organization.revision:
            return
        if revision == organization.revision:
            organization.current_s = max(organization.current_s, asked_s)
        elif organization.ahead is None or organization.ahead[0] <= organization.revision:
            organization.ahead = (revision, asked_s)

    def lost(self, now_s: float, patience_s: float) -> list[str]:
        """Drops organizations whose change was seen but not pushed for `patience_s` seconds, and returns their ids."""
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
        """Returns the organizations whose identities were last known to be current at least `age_s` seconds ago."""
        return [
            organization.name
            for organization in self._organizations.values()
            if now_s - organization.current_s >= age_s
        ]

    def expire(self, now_s: float, most: int) -> None:
        """Drops up to `most` identities that were read too long ago."""
        for _ in range(most):
            secret_hash = next(iter(self._known), None)
            if secret_hash is None or now_s - self._known[secret_hash].read_s < self._read_age_s:
                return
            self.forget(secret_hash)
