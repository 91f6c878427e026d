"""Measures other gateways under the same loads, if they are installed: LiteLLM's proxy and Portkey's gateway.

They run one at a time on the gateway's core, with the same provider and without a database. A peer checks at most one key, and
neither counts, limits nor bills. Its figures are therefore an upper bound for the same gateway with all of that.
"""

import asyncio
import http.client
import itertools
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from benchmarks.gateway.load import LoadError, Outcome, saturate
from benchmarks.gateway.machine import GATEWAY_CORE, memory_mb, starting_on
from deploy.local.process.children import ChildCommand, StartError, start_child, stop_child, wait_until_ready
from deploy.local.programs import probes
from deploy.local.stack.environment import inherited

LITELLM: Final = "LiteLLM"
PORTKEY: Final = "Portkey"
HOW_TO_INSTALL: Final = {
    LITELLM: "pip install 'litellm[proxy]' into its own environment, and put its litellm on PATH or name it with --litellm FILE",
    PORTKEY: "npm install @portkey-ai/gateway into a folder, and name its node_modules/.bin/gateway with --portkey FILE",
}
_PORTKEY_PACKAGE: Final = "@portkey-ai"
_CONNECTIONS: Final = 64
_WARM_UP_S: Final = 3.0
_START_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S: Final = 10.0
_CALL_TIMEOUT_S: Final = 60.0
_PATH: Final = "/v1/chat/completions"


@dataclass(frozen=True)
class Place:
    """Where peers run, and which provider and model they call."""

    directory: Path
    port: int
    """The port of each peer, one after the other."""
    upstream_port: int
    model: str


@dataclass(frozen=True, repr=False)
class Peer:
    """How to start and call another gateway."""

    name: str
    command: Sequence[str]
    port: int
    health_path: str
    headers: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class PeerFigures:
    """The figures of a peer."""

    calls_per_s: dict[str, float] = field(default_factory=dict)
    """By load. Loads that the peer failed are missing."""
    memory_mb: float = 0.0
    failures: list[str] = field(default_factory=list)


class PeerError(Exception):
    """A peer gave an unexpected answer."""


def find_executable(name: str, given: Path | None) -> str | None:
    """Returns the executable of a peer, as given or from PATH, or None.

    The name of Portkey's executable is generic, so on PATH it counts only if it is in Portkey's package.
    """
    if given is not None:
        return str(given.expanduser().absolute())
    if name == LITELLM:
        return shutil.which("litellm")
    found = shutil.which("portkey-gateway") or shutil.which("gateway")
    return found if found is not None and _PORTKEY_PACKAGE in Path(found).resolve().parts else None


async def measure_all(
    place: Place,
    given: Mapping[str, Path | None],
    loads: Mapping[str, bytes],
    seconds: float,
    tell: Callable[[str], None],
) -> dict[str, PeerFigures]:
    """Measures the peers that are installed.

    Args:
        place: where peers run.
        given: executables by the peer's name; None to search PATH.
        loads: request bodies by name.
        seconds: duration of each load.
        tell: prints a line for people.
    """
    found = {}
    for name, file in given.items():
        executable = find_executable(name, file)
        if executable is None:
            tell(f"{name} is not installed: {HOW_TO_INSTALL[name]}")
            continue
        peer = _litellm(executable, place) if name == LITELLM else _portkey(executable, place)
        figures = found[name] = await _measure(peer, loads, seconds, place.directory)
        for failure in figures.failures:
            tell(f"{name} failed: {failure}")
        if figures.memory_mb:
            tell(f"Memory of {name}: {figures.memory_mb:.0f} MB")
    return found


def _litellm(executable: str, place: Place) -> Peer:
    """Returns LiteLLM's proxy with one model. It requires a key to start, and checks it on every call."""
    key = f"sk-{secrets.token_hex(24)}"
    upstream = {
        "model": "openai/bench-upstream",
        "api_base": f"http://127.0.0.1:{place.upstream_port}/v1",
        "api_key": "bench",
    }
    config = {
        "model_list": [{"model_name": place.model, "litellm_params": upstream}],
        "litellm_settings": {"telemetry": False},
    }
    file = place.directory / "litellm.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return Peer(
        LITELLM,
        [executable, "--config", str(file), "--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1"],
        place.port,
        "/health/liveliness",
        {"authorization": f"Bearer {key}"},
        # Uses the prices in the package instead of downloading them.
        {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DISABLE_ADMIN_UI": "True"},
    )


def _portkey(executable: str, place: Place) -> Peer:
    """Returns Portkey's gateway. Every call carries its configuration in headers."""
    headers = {
        "authorization": "Bearer bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{place.upstream_port}/v1",
    }
    return Peer(PORTKEY, [executable, f"--port={place.port}", "--headless"], place.port, "/", headers)


async def _measure(peer: Peer, loads: Mapping[str, bytes], seconds: float, directory: Path) -> PeerFigures:
    """Starts a peer, measures each load (a body by its name) at saturation, and stops it. Failures are part of the figures."""
    figures = PeerFigures()
    try:
        with _running(peer, directory) as process_id:
            for name, body in loads.items():
                try:
                    figures.calls_per_s[name] = await _saturated(peer, body, seconds)
                except (PeerError, LoadError, OSError, TimeoutError) as error:
                    figures.failures.append(f"{name}: {error or type(error).__name__}")
            figures.memory_mb = memory_mb(process_id)
    except StartError as error:
        figures.failures.append(str(error))
    return figures


@contextmanager
def _running(peer: Peer, directory: Path) -> Iterator[int]:
    log_file = directory / f"{peer.name.lower()}.log"
    child = ChildCommand(peer.command, {**inherited(os.environ), **peer.environment}, directory, log_file)
    with starting_on({GATEWAY_CORE}):
        process = start_child(child)
    try:
        wait_until_ready(
            process, peer.name, log_file, lambda _: probes.answers_ok(peer.port, peer.health_path), _START_TIMEOUT_S
        )
        yield process.pid
    finally:
        stop_child(process, signal.SIGTERM, _STOP_TIMEOUT_S)


async def _saturated(peer: Peer, body: bytes, seconds: float) -> float:
    await asyncio.to_thread(_try_one, peer, body)
    head = [f"POST {_PATH} HTTP/1.1", "host: peer", "content-type: application/json", f"content-length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in peer.headers.items()]
    made = itertools.repeat("\r\n".join([*head, "", ""]).encode() + body)
    _check(await saturate(peer.port, made, connections=_CONNECTIONS, duration_s=_WARM_UP_S))
    outcome = await saturate(peer.port, made, connections=_CONNECTIONS, duration_s=seconds)
    _check(outcome)
    return outcome.calls_per_s


def _try_one(peer: Peer, body: bytes) -> None:
    """Makes one call, and checks that the answer is the provider's, up to its end.

    Raises:
        PeerError: the answer is a different one.
    """
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=_CALL_TIMEOUT_S)
    try:
        connection.request("POST", _PATH, body, {"content-type": "application/json", **peer.headers})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    is_stream = b"text/event-stream" in answer.getheader("content-type", "").encode()
    if answer.status != http.client.OK or b"lorem" not in text.lower() or is_stream is not (b"[DONE]" in text):
        raise PeerError(f"answered {answer.status}: {text[:200].decode('utf-8', 'replace')}")


def _check(outcome: Outcome) -> None:
    if set(outcome.statuses) != {http.client.OK}:
        raise PeerError(f"answered {dict(outcome.statuses)}")
