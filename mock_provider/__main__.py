"""`python -m mock_provider`: runs the mock provider."""

import argparse
import sys
from pathlib import Path

import uvloop

from mock_provider.arriving.access_tokens import read_accounts
from mock_provider.arriving.aws_signatures import read_access_keys
from mock_provider.controls import HEADERS
from mock_provider.server import run_server

_DESCRIPTION = """\
A model provider that costs nothing. Speaks OpenAI (chat completions, completions, responses,
embeddings), Anthropic (messages) and Gemini (generateContent, streamGenerateContent) under any
path prefix, and keeps a tally: GET / for people, GET /tally and GET /tally/calls?after=N&limit=M
as JSON, GET /tally/calls/N/body for the last bodies, DELETE /tally to reset it.
"""


def main() -> None:
    """Parses the command line and serves until stopped."""
    arguments = _parser().parse_args()
    keys = read_access_keys(arguments.aws_credentials) if arguments.aws_credentials else None
    accounts = read_accounts(arguments.token_accounts.read_text("utf-8")) if arguments.token_accounts else None
    uvloop.run(run_server(arguments.host, arguments.port, arguments.calls_kept, _announce, keys, accounts))


def _announce(url: str) -> None:
    sys.stdout.write(f"mock provider listening on {url}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    width = max(len(header.name) for header in HEADERS)
    table = "\n".join(f"  {header.name:<{width}}  {header.meaning}" for header in HEADERS)
    parser = argparse.ArgumentParser(
        prog="python -m mock_provider",
        description=_DESCRIPTION,
        epilog=f"request headers that control one call (whole numbers):\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=10005, help="port to listen on; 0 chooses a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--calls-kept",
        type=int,
        default=100_000,
        help="number of recent calls to keep, about 2 kB each (default: %(default)s)",
    )
    parser.add_argument(
        "--aws-credentials",
        type=Path,
        help="file of AWS access keys (shared credentials); every call must then be signed with one of them",
    )
    parser.add_argument(
        "--token-accounts",
        type=Path,
        help="JSON file of service accounts and applications; every call must then have a token that one of them got",
    )
    return parser


if __name__ == "__main__":
    main()
