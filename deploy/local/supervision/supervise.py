"""`python -m deploy.local.supervision.supervise`: the supervisor process. Started by `./dev up` and by tests, not by hand."""

import argparse
import logging
import os
import sys
from pathlib import Path

from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.state import EXIT_ALREADY_RUNNING
from deploy.local.supervision.assembly import Request, assemble
from deploy.local.supervision.lifecycle import AlreadyRunningError, run


def main() -> None:
    """Parses the command line that `deploy.local.supervision.background` writes, and runs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervision.supervise")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port-base", type=int, required=True)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ports = Ports(arguments.port_base, arguments.workers)
    request = Request(Home(arguments.home.resolve()), ports, arguments.catalog.resolve())
    try:
        sys.exit(run(request.home, request.ports, lambda: assemble(request, os.environ)))
    except AlreadyRunningError:
        sys.exit(EXIT_ALREADY_RUNNING)


if __name__ == "__main__":
    main()
