"""A queue in which no organization waits for all of another one's calls."""

from collections import deque

from usage_service.settlement.entries import Entry, Origin


class FairQueue:
    """Keeps the entries of each organization in the order of their arrival, and hands them out in turns.

    A batch has an equal share of every organization that waits, as far as it has that many. So a call of a quiet one is in the
    next batch, however many calls of a busy one wait. Entries of one hold stay in order, because a hold has one organization.
    """

    def __init__(self, stream_share: int) -> None:
        """Creates an empty queue.

        Args:
            stream_share: how many entries of one organization may wait before the queue takes no more of it from the stream.
        """
        self._stream_share = stream_share
        self._lines: dict[str, deque[Entry]] = {}
        """The entries of each organization that has some. The first one is next."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def has_place_for(self, entry: Entry) -> bool:
        """Whether the organization of an entry may have one more. What the stream brings in vain, the journal brings again."""
        if entry.origin is not Origin.STREAM:
            return True
        line = self._lines.get(_organization_of(entry))
        return line is None or len(line) < self._stream_share

    def put(self, entry: Entry) -> None:
        """Adds an entry at the end of its organization's line."""
        organization = _organization_of(entry)
        line = self._lines.get(organization)
        if line is None:
            line = self._lines[organization] = deque()
        line.append(entry)
        self._length += 1

    def take(self, at_most: int) -> list[Entry]:
        """Removes and returns the next entries: an equal share of each organization, and what is left of the batch in turns."""
        taken: list[Entry] = []
        while self._length and len(taken) < at_most:
            share = max((at_most - len(taken)) // len(self._lines), 1)
            for organization in tuple(self._lines):
                count = min(share, at_most - len(taken))
                if count == 0:
                    break
                self._move(organization, taken, count)
        return taken

    def _move(self, organization: str, taken: list[Entry], count: int) -> None:
        """Takes from the first line, and puts it behind the others."""
        line = self._lines.pop(organization)
        if count < len(line):
            taken.extend(line.popleft() for _ in range(count))
            self._lines[organization] = line
            self._length -= count
        else:
            taken.extend(line)
            self._length -= len(line)


def _organization_of(entry: Entry) -> str:
    """Returns whose call it is: what the decision proved, or what the report says, or nothing for what is not known yet."""
    if entry.settlement is not None:
        return entry.settlement.hold.claims.organization
    return entry.report.organization or ""
