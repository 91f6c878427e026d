"""Has `megarouter_envoy` make resources of what the database says, in a process of its own that stays.

A service does not load the messages of which it makes them, which takes seconds and 26 MB: see docs/adr/0006.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from admin_service.discovery.configuration import Resource, resources_of
from gateway_core.model.catalog.providers.clusters import provider_cluster

_TIMEOUT_S: Final = 30.0
_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


class RenderingFailedError(Exception):
    """The process has ended, does not answer, or could not do its work. Another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of it."""

    resources: tuple[Resource, ...]
    refusal: str
    """Which providers have no resources, and why; empty if all have some."""


class Rendering:
    """One process, started when it is needed for the first time, and again after it has ended."""

    def __init__(self, folder: Path) -> None:
        """Prepares the work.

        Args:
            folder: the one that Envoy and this service share.
        """
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = asyncio.Lock()

    async def render(self, wanted: Mapping[str, Any]) -> Rendered:
        """Returns the resources. The credentials that they name are then in their files.

        Raises:
            RenderingFailedError: see there.
        """
        async with self._turn:
            try:
                line = await asyncio.wait_for(asyncio.to_thread(self._ask, json.dumps(wanted)), _TIMEOUT_S)
                answer = json.loads(line)
            except (TimeoutError, OSError, ValueError) as error:
                self.close()
                raise RenderingFailedError(type(error).__name__) from None
        if "failed" in answer:
            raise RenderingFailedError(answer["failed"])
        refusals = (f"{provider_cluster(target)}: {reason}" for target, reason in sorted(answer["refusals"].items()))
        return Rendered(resources_of(answer["resources"]), "; ".join(refusals))

    async def warm(self) -> None:
        """Starts the process, which takes seconds, before it is needed."""
        async with self._turn:
            if self._process is None:
                self._process = self._start()

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _ask(self, question: str) -> bytes:
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        process.stdin.write(question.encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "megarouter_envoy.live", str(self._folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            # Nothing of the service's environment, which has secrets, but where Python finds its modules.
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )  # fmt: skip
