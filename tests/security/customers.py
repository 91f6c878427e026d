"""Calls of a real customer, one after another, in a process of its own. Writes its figures as one line of JSON.

MEGAROUTER_API_KEY=... python -m tests.security.customers http://127.0.0.1:10000 100
"""

import http.client
import json
import os
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

TIMEOUT_S = 10.0
PATIENCE_S = 60.0
"""After this time the customer gives up. The calls that were not made have this outcome."""
NOT_MADE = "not made"
PAUSE_S = 0.02
CALLS_PER_CONNECTION = 5
"""Each fifth call opens a connection, so the figures contain the time that this takes."""


def main(url: str, count: int) -> None:
    """Makes the calls and measures each one with its connection."""
    host = urlsplit(url).netloc
    headers = {"authorization": f"Bearer {os.environ['MEGAROUTER_API_KEY']}", "content-type": "application/json"}
    body = json.dumps({"model": "gpt-4o-mini", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]})
    times_ms: list[float] = []
    outcomes: Counter[str] = Counter()
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    begun_s = time.monotonic()
    for number in range(count):
        if time.monotonic() - begun_s > PATIENCE_S:
            outcomes[NOT_MADE] = count - number
            break
        if number % CALLS_PER_CONNECTION == 0:
            connection.close()
        start_s = time.monotonic()
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            response.read()
            outcomes[str(response.status)] += 1
        except OSError as error:
            outcomes[type(error).__name__] += 1
            connection.close()
        except http.client.HTTPException as error:
            outcomes[type(error).__name__] += 1
            connection.close()
        times_ms.append((time.monotonic() - start_s) * 1_000)
        time.sleep(PAUSE_S)
    sys.stdout.write(json.dumps({"times_ms": times_ms, "outcomes": outcomes}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
