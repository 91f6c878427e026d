"""`python -m deploy.local.supervision.supervise`: the supervisor process. `./dev up` and tests start it."""

import logging
import os
import sys

from deploy.local.stack.specification import parse_specification
from deploy.local.stack.state import EXIT_ALREADY_RUNNING
from deploy.local.supervision.assembly import assemble
from deploy.local.supervision.errors import AlreadyRunningError
from deploy.local.supervision.lifecycle import run


def main() -> None:
    """Parses the command line from `deploy.local.supervision.background` and runs the stack."""
    specification = parse_specification(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        sys.exit(run(specification, lambda: assemble(specification, os.environ)))
    except AlreadyRunningError:
        sys.exit(EXIT_ALREADY_RUNNING)


if __name__ == "__main__":
    main()
