"""A reference model of one organization's accounting that consists only of sums."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class ModelCall:
    """A call and its state. Amounts are in nano-credits."""

    amount: int
    counters: tuple[str, ...]
    state: str = "HELD"
    charge: int = 0
    is_corrected: bool = False
    expired_charge: int | None = None
    """The amount charged at expiry, which stands until a late report corrects it."""

    @property
    def beyond(self) -> int:
        """The amount by which the call cost more than its scopes had reserved while others were admitted."""
        return max(0, self.charge - (self.amount if self.expired_charge is None else self.expired_charge))


@dataclass
class LedgerModel:
    """One organization."""

    balance: int = 0
    sequence: int = 0
    calls: dict[str, ModelCall] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    """The highest limit so far, by counter."""
    limits: dict[str, int] = field(default_factory=dict)
    highest_limits: dict[str, int] = field(default_factory=dict)
    carried: dict[str, int] = field(default_factory=dict)
    """The amount that a counter started with."""
    present: str | None = None
    """The counter that the last change of the cycle started."""
    overtaken: dict[str, int] = field(default_factory=dict)
    """The amount charged to a counter for calls placed before it started, which it did not hold."""
    keys: set[str] = field(default_factory=set)

    @property
    def held(self) -> int:
        """The amount held on the pool."""
        return sum(call.amount for call in self.calls.values() if call.state == "HELD")

    @property
    def spent(self) -> int:
        """The amount charged so far for all calls."""
        return sum(call.charge for call in self.calls.values())

    def held_on(self, counter: str) -> int:
        """Returns the amount held on a counter."""
        return sum(call.amount for call in self.calls.values() if call.state == "HELD" and counter in call.counters)

    def admits(self, amount: int, counters: Iterable[str]) -> bool:
        """Returns whether the hold must be admitted."""
        return self.balance - self.held >= amount and all(
            self.settled.get(counter, 0) + self.held_on(counter) + amount <= self.limits.get(counter, 2**62)
            for counter in counters
        )

    def set_limit(self, counter: str, limit: int) -> None:
        """Sets the limit for subsequent calls."""
        self.limits[counter] = limit
        self.highest_limits[counter] = max(self.highest_limits.get(counter, 0), limit)

    def carry(self, counter: str) -> None:
        """Starts a new counter with the amount spent so far."""
        self.settled[counter] = self.carried[counter] = self.spent
        self.present = counter

    def bound(self, counter: str) -> int:
        """Returns the maximum that may be spent and held on a counter.

        It is the sum of the counter's highest limit, the cost of calls beyond their holds or their charge at expiry, and the cost
        of calls that were under way when the counter started.
        """
        beyond = self.overtaken.get(counter, 0)
        beyond += sum(call.beyond for call in self.calls.values() if counter in call.counters)
        return max(self.highest_limits.get(counter, 0), self.carried.get(counter, 0)) + beyond

    def resolve(self, hold_id: str, state: str, charge: int) -> None:
        """Resolves a hold. Only the first outcome counts, except that one report corrects an expired hold."""
        call = self.calls[hold_id]
        is_correction = call.state == "EXPIRED" and state != "EXPIRED" and not call.is_corrected
        if call.state != "HELD" and not is_correction:
            return
        call.is_corrected = is_correction
        delta = charge - call.charge
        call.state = "EXPIRED" if is_correction else state
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
        """Posts a transfer, once for each key."""
        if key not in self.keys:
            self.keys.add(key)
            self.balance += delta
            self.sequence += 1
