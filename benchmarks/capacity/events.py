"""A discrete-event simulation: a clock that jumps from event to event, servers, and locks. It knows no real time and no chance.

A process is a generator. It yields what it waits for, and goes on when that has happened.
"""

from collections import deque
from collections.abc import Callable, Generator
from heapq import heapify, heappop, heappush, heapreplace

Resume = Callable[[], None]
Wait = Callable[[Resume], None]
"""Takes what to call when the waiting is over."""
Process = Generator[Wait, None, None]


class Simulation:
    """The clock and the events to come. Events of one moment happen in the order in which they were planned."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._events: list[tuple[float, int, Resume]] = []
        self._planned = 0

    def at(self, time_s: float, action: Resume) -> None:
        """Plans an event. One that is due already happens now."""
        heappush(self._events, (max(time_s, self.now_s), self._planned, action))
        self._planned += 1

    def pause(self, seconds: float) -> Wait:
        """Returns the wait for a time."""
        return lambda resume: self.at(self.now_s + seconds, resume)

    def start(self, process: Process) -> None:
        """Runs a process until it waits."""

        def resume() -> None:
            wait = next(process, None)
            if wait is not None:
                wait(resume)

        resume()

    def run_until(self, end_s: float) -> None:
        """Lets everything happen that is due by then."""
        while self._events and self._events[0][0] <= end_s:
            self.now_s, _, action = heappop(self._events)
            action()
        self.now_s = end_s


class Server:
    """Equal units that serve in the order of arrival: cores, or a disk."""

    def __init__(self, simulation: Simulation, units: int = 1) -> None:
        self._simulation = simulation
        self._free_s = [0.0] * units
        """When each unit has done what it has taken."""
        heapify(self._free_s)
        self._taken_s = 0.0

    def reserve(self, service_s: float) -> float:
        """Takes work, and returns when it will be done."""
        end_s = max(self._simulation.now_s, self._free_s[0]) + service_s
        heapreplace(self._free_s, end_s)
        self._taken_s += service_s
        return end_s

    def work(self, service_s: float) -> Wait:
        """Returns the wait for work to be done. The work is taken when this is yielded."""
        return lambda resume: self._simulation.at(self.reserve(service_s), resume)

    @property
    def busy_s(self) -> float:
        """How long its units have been busy until now, together."""
        now_s = self._simulation.now_s
        return self._taken_s - sum(free_s - now_s for free_s in self._free_s if free_s > now_s)

    @property
    def units(self) -> int:
        """How many there are."""
        return len(self._free_s)


class Lock:
    """A lock that goes to whoever has waited longest."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._waiting: deque[Resume] = deque()
        self._is_held = False
        self._since_s = 0.0
        self._held_s = 0.0

    def take(self) -> bool:
        """Takes it if it is free. Otherwise yield `turn`."""
        if self._is_held:
            return False
        self._is_held, self._since_s = True, self._simulation.now_s
        return True

    def turn(self) -> Wait:
        """Returns the wait for a lock that another process holds."""
        return self._waiting.append

    def release(self) -> None:
        """Passes it on."""
        if self._waiting:
            self._simulation.at(self._simulation.now_s, self._waiting.popleft())
            return
        self._held_s += self._simulation.now_s - self._since_s
        self._is_held = False

    @property
    def busy_s(self) -> float:
        """How long it has been held until now."""
        return self._held_s + (self._simulation.now_s - self._since_s if self._is_held else 0.0)
