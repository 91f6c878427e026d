"""Measures the latency that the gateway adds to a call, on one connection. It needs a running `./dev up`.

`python -m benchmarks.added_latency` calls the mock provider alternately directly and through the gateway, so both run under the
same
conditions.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

import aiohttp

from deploy.local.stack.environment import parse_environment

BODY = {"model": "gpt-4o-mini", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello!"}]}
WARM_UP_CALLS = 50


async def measure(home: Path, calls: int) -> dict[str, list[float]]:
    """Returns the duration of each call in milliseconds, direct and through the gateway."""
    environment = parse_environment((home / "env").read_text(encoding="utf-8"))
    base_url = environment["MEGAROUTER_BASE_URL"]
    host, _, port = base_url.rpartition(":")
    targets = {
        "direct": (f"{host}:{int(port) + 5}/v1/chat/completions", {}),
        "gateway": (
            f"{base_url}/v1/chat/completions",
            {"authorization": f"Bearer {environment['MEGAROUTER_API_KEY']}"},
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in targets}
    async with aiohttp.ClientSession() as session:
        for index in range(WARM_UP_CALLS + calls):
            for name, (url, headers) in targets.items():
                started = time.perf_counter()
                async with session.post(url, json=BODY, headers=headers) as response:
                    await response.read()
                    response.raise_for_status()
                if index >= WARM_UP_CALLS:
                    times[name].append((time.perf_counter() - started) * 1_000)
    return times


def main() -> None:
    """Prints the median and 99th percentile of both, and the difference of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(".run"))
    parser.add_argument("--calls", type=int, default=500)
    arguments = parser.parse_args()
    times = asyncio.run(measure(arguments.home, arguments.calls))
    figures = {
        name: {
            "p50_ms": round(statistics.median(values), 2),
            "p99_ms": round(statistics.quantiles(values, n=100)[98], 2),
        }
        for name, values in times.items()
    }
    added = figures["gateway"]["p50_ms"] - figures["direct"]["p50_ms"]
    print(json.dumps({**figures, "added_p50_ms": round(added, 2)}))  # noqa: T201


if __name__ == "__main__":
    main()
