"""`python -m gateway_core.runtime.unix_sockets.health_probe`: the probe of a container, which asks the service beside it.

It reads `MEGAROUTER_LISTEN` like the service, and starts in a fraction of the time of one that loads a gRPC library.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway_core.runtime.unix_sockets.health_call import answers, says_serving

LISTEN: Final = "MEGAROUTER_LISTEN"
_UNIX: Final = "unix:"
_TIMEOUT_S: Final = 2.0
_HEALTHY, _UNHEALTHY, _MISUSED = 0, 1, 2


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Returns 0 if the service is ready, 1 if it is not, and 2 if it does not listen at a Unix socket."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway_core.runtime.unix_sockets.health_probe",
        description=f"Asks the service at {LISTEN}, a Unix socket, whether it is ready.",
    )
    parser.add_argument("--alive", action="store_true", help="ask only whether it answers, even if it is not ready")
    parser.add_argument("--workers", type=int, default=1, help="its processes, of which one suffices (default 1)")
    given = parser.parse_args(arguments)
    address = environment.get(LISTEN, "")
    if not address.startswith(_UNIX):
        sys.stderr.write(f"{LISTEN}: {address!r} is not unix:/path\n")
        return _MISUSED
    first = Path(address.removeprefix(_UNIX))
    others = (first.with_name(f"{first.stem}-{number}{first.suffix}") for number in range(1, given.workers))
    ask = answers if given.alive else says_serving
    return _HEALTHY if any(ask(path, _TIMEOUT_S) for path in (first, *others)) else _UNHEALTHY


if __name__ == "__main__":
    sys.exit(main())
