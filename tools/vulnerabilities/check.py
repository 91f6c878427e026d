"""`./dev vulnerabilities`: says which pinned dependencies have known vulnerabilities, or that no index could be asked."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from tools.vulnerabilities.osv import Finding, Index, UnreachableError
from tools.vulnerabilities.pins import PinsError, pins_of

EXIT_CLEAN: Final = 0
EXIT_FOUND: Final = 1
EXIT_UNKNOWN: Final = 2


def check(repository: Path, index_url: str, accepted: Collection[str], write: Callable[[str], object]) -> int:
    """Checks all pins and writes what was found, a line each.

    Args:
        repository: the checkout.
        index_url: of an index that speaks OSV's API.
        accepted: the ids of vulnerabilities that do not count.
        write: takes a line.

    Returns:
        The exit status. `EXIT_UNKNOWN` if the index could not be asked about every pin; nothing is then known.
    """
    try:
        pins = pins_of(repository)
        findings = Index(index_url).findings(pins)
    except PinsError as error:
        write(str(error))
        return EXIT_UNKNOWN
    except UnreachableError as error:
        write(f"NOT CHECKED: {error}.")
        write("Whether the dependencies have known vulnerabilities is unknown. Run this where the index is reachable, or name a"
              " mirror with --index.")  # fmt: skip
        return EXIT_UNKNOWN
    counted = [finding for finding in findings if finding.identifier not in accepted]
    for finding in counted:
        write(_line(finding))
    ignored = len(findings) - len(counted)
    write(f"{len(pins)} pinned dependencies checked with {index_url}: {len(counted)} known vulnerabilities"
          + (f", {ignored} accepted" if ignored else ""))  # fmt: skip
    for identifier in sorted(set(accepted) - {finding.identifier for finding in findings}):
        write(f"{identifier} is accepted but was not found: drop --accept {identifier}")
    return EXIT_FOUND if counted else EXIT_CLEAN


def _line(finding: Finding) -> str:
    remedy = f"fixed in {', '.join(finding.fixed)}" if finding.fixed else "no fixed version known"
    line = f"{finding.pin}: {finding.identifier}: {finding.summary} ({remedy})"
    return "".join(sign if sign.isprintable() else " " for sign in line)
