"""Runs scim2-tester against a SCIM endpoint, and prints the status and the reason of each check as JSON."""

import json
import os
import sys

import httpx2  # type: ignore[import-not-found] # installed with the client
from scim2_client.engines.httpx2 import SyncSCIMClient  # type: ignore[import-not-found] # the client
from scim2_tester import check_server  # type: ignore[import-not-found] # the client


def main() -> None:
    """Runs all checks."""
    headers = {"Authorization": f"Bearer {os.environ['SCIM_SECRET']}"}
    client = SyncSCIMClient(httpx2.Client(base_url=os.environ["SCIM_URL"], headers=headers))
    results = [[one.status.name, one.title, one.resource_type, one.reason] for one in check_server(client)]
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
