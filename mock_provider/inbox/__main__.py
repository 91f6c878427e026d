"""`python -m mock_provider.inbox`: runs the inbox."""

import argparse
import os
import sys

import uvloop

from mock_provider.inbox.messages import Inbox
from mock_provider.inbox.server import run_server

SECRET_VARIABLE = "MEGAROUTER_INBOX_SECRET"  # noqa: S105 - the name of the variable
_MOST_MESSAGES = 1_000


def main() -> None:
    """Parses the command line and serves until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m mock_provider.inbox",
        description="Receives webhooks, verifies their signatures, and shows them: GET / for people, GET /messages as JSON.",
        epilog=f"{SECRET_VARIABLE} has the secret of the channel.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=10011, help="port to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    inbox = Inbox(os.environ.get(SECRET_VARIABLE, ""), _MOST_MESSAGES)
    uvloop.run(run_server(arguments.host, arguments.port, inbox, _announce))


def _announce(url: str) -> None:
    sys.stdout.write(f"inbox listening on {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
