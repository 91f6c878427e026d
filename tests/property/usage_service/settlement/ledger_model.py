"""What the books of one organization must say: a reference model with nothing in it but sums."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class ModelCall:
    """A call and what has become of it; amounts in nano-credits."""

    amount: int
    counters: tuple[str, ...]
    state: str = "HELD"
    charge: int = 0
    is_corrected: bool = False
    expired_charge: int | None = None
    """What others may rely on that the call costs, from its expiry until the truth arrives."""

    @property
    def beyond(self) -> int:
        """What the call cost more than was taken from its scopes while others were admitted."""
        return max(0, self.charge - (self.amount if self.expired_charge is None else self.expired_charge))


@dataclass
class LedgerModel:
    """One organization."""

    balance: int = 0
    sequence: int = 0
    calls: dict[str, ModelCall] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    """By counter."""
    limits: dict[str, int] = field(default_factory=dict)
    highest_limits: dict[str, int] = field(default_factory=dict)
    carried: dict[str, int] = field(default_factory=dict)
    """What a counter began with."""
    present: str | None = None
    """The counter that the last change of the cycle began."""
    overtaken: dict[str, int] = field(default_factory=dict)
    """What a counter was charged for calls that were placed before it began, and so were not held on it."""
    keys: set[str] = field(default_factory=set)

    @property
    def held(self) -> int:
        """On the pool."""
        return sum(call.amount for call in self.calls.values() if call.state == "HELD")

    @property
    def spent(self) -> int:
        """By all calls, as charged until now."""
        return sum(call.charge for call in self.calls.values())

    def held_on(self, counter: str) -> int:
        """On a counter."""
        return sum(call.amount for call in self.calls.values() if call.state == "HELD" and counter in call.counters)

    def admits(self, amount: int, counters: Iterable[str]) -> bool:
        """Whether a hold must be placed."""
        return self.balance - self.held >= amount and all(
            self.settled.get(counter, 0) + self.held_on(counter) + amount <= self.limits.get(counter, 2**62)
            for counter in counters
        )

    def set_limit(self, counter: str, limit: int) -> None:
        """From now on."""
        self.limits[counter] = limit
        self.highest_limits[counter] = max(self.highest_limits.get(counter, 0), limit)

    def carry(self, counter: str) -> None:
        """A new counter, which begins with what was spent."""
        self.settled[counter] = self.carried[counter] = self.spent
        self.present = counter

    def bound(self, counter: str) -> int:
        """What may be spent and held on a counter at most: the highest limit it had, and what calls cost beyond
        their holds or beyond what they were expired for, and all that calls cost that were under way when it began.
        """
        beyond = self.overtaken.get(counter, 0)
        beyond += sum(call.beyond for call in self.calls.values() if counter in call.counters)
        return max(self.highest_limits.get(counter, 0), self.carried.get(counter, 0)) + beyond

    def resolve(self, hold_id: str, state: str, charge: int) -> None:
        """The first outcome of a hold stands; a report on one that expired corrects it, once."""
        call = self.calls[hold_id]
        late_truth = call.state == "EXPIRED" and state != "EXPIRED" and not call.is_corrected
        if call.state != "HELD" and not late_truth:
            return
        call.is_corrected = late_truth
        delta = charge - call.charge
        call.state = "EXPIRED" if late_truth else state
        call.charge = charge
        if state == "EXPIRED":
            call.expired_charge = charge
        self.balance -= delta
        self.sequence += 1
        for counter in call.counters:
            self.settled[counter] = self.settled.get(counter, 0) + delta
        if self.present is not None and self.present not in call.counters:
            self.settled[self.present] += delta
            self.overtaken[self.present] = self.overtaken.get(self.present, 0) + max(0, delta)

    def post(self, key: str, delta: int) -> None:
        """A transfer, once for each key."""
        if key not in self.keys:
            self.keys.add(key)
            self.balance += delta
            self.sequence += 1
