"""A Redis Cluster of real servers on this machine, whose nodes a test may kill, freeze, replace and reshard."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from deploy.local.children import start_child, stop_child, wait_until_ready
from deploy.local.layout import HOST
from deploy.local.private_files import write_private
from deploy.local.redis import STOP_TIMEOUT_S, configuration, is_redis_ready, server_child

SLOTS = 16_384
MASTERS = 3
NODE_TIMEOUT_MS = 1_000
"""After this a silent node counts as lost."""
_START_TIMEOUT_S = 15.0
_FORM_TIMEOUT_S = 20.0


@dataclass
class ClusterNode:
    """A server of the cluster."""

    directory: Path
    port: int
    bus_port: int
    password: str
    process: "subprocess.Popen[bytes] | None" = None

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = (
            "cluster-enabled yes",
            f"cluster-port {self.bus_port}",
            f"cluster-node-timeout {NODE_TIMEOUT_MS}",
            # A replica is asked to take over whatever it has missed: what it lacks is found out.
            "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
            f"masterauth {self.password}",
        )
        write_private(self.directory / "redis.conf", configuration(self.port, self.password) + "\n".join(lines) + "\n")
        self.process = start_child(server_child(self.directory, self.log_file))

    def wait(self) -> None:
        """Waits until the server answers."""
        assert self.process is not None
        wait_until_ready(
            self.process,
            "Redis",
            self.log_file,
            lambda _pid: is_redis_ready(self.port, self.password),
            _START_TIMEOUT_S,
        )

    @property
    def log_file(self) -> Path:
        return self.directory / "redis.log"

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @contextmanager
    def asked(self) -> Iterator[Redis]:
        """A client of this node alone."""
        with Redis(host=HOST, port=self.port, password=self.password, decode_responses=True) as client:
            yield client

    def tell(self, *command: Any) -> Any:
        """The answer to one command."""
        with self.asked() as client:
            return client.execute_command(*command)

    def knows(self) -> int:
        """How many nodes it has met, itself among them."""
        return sum("handshake" not in line for line in self.tell("CLUSTER", "NODES").splitlines())

    def serves(self, slot: int) -> bool:
        """Whether it believes that it serves a slot."""
        me = self.tell("CLUSTER", "MYID")
        ranges = self.tell("CLUSTER", "SLOTS")
        return any(first <= slot <= last and master[2] == me for first, last, master, *_ in ranges)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(STOP_TIMEOUT_S)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            stop_child(self.process, signal.SIGTERM, STOP_TIMEOUT_S)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


@dataclass
class RedisCluster:
    """A running cluster; `url` names its masters of the start."""

    directory: Path
    free_port: Callable[[], int]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nodes: list[ClusterNode] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis+cluster://:{self.password}@{','.join(node.address for node in self.nodes[:MASTERS])}/0"

    def start(self, replicas: int = 0) -> None:
        """Three masters that share the slots evenly, each with so many replicas."""
        masters = self.add_nodes(MASTERS)
        for number, master in enumerate(masters):
            first, last = SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS - 1
            master.tell("CLUSTER", "ADDSLOTSRANGE", first, last)
            master.tell("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        followers = self.add_nodes(MASTERS * replicas)
        self.meet(self.nodes)
        for number, follower in enumerate(followers):
            self.replicate(follower, masters[number % MASTERS])
        self.until_whole()

    def add_nodes(self, count: int) -> list[ClusterNode]:
        """Servers that know nobody yet."""
        added = [
            ClusterNode(self.directory / f"node-{number}", self.free_port(), self.free_port(), self.password)
            for number in range(len(self.nodes), len(self.nodes) + count)
        ]
        self.nodes += added
        for node in added:
            node.launch()
        for node in added:
            node.wait()
        return added

    def meet(self, nodes: Sequence[ClusterNode]) -> None:
        """Introduces nodes to the first living one, and waits until all of them know each other."""
        living = [node for node in nodes if node.process is not None and node.process.poll() is None]
        for node in living[1:]:
            living[0].tell("CLUSTER", "MEET", HOST, node.port, node.bus_port)
        for node in living:
            until(lambda node=node: node.knows() >= len(living), "the nodes know each other")  # type: ignore[misc]

    def replicate(self, follower: ClusterNode, master: ClusterNode) -> None:
        """Makes a node the replica of another, and waits until it has what that one has."""
        follower.tell("CLUSTER", "REPLICATE", master.tell("CLUSTER", "MYID"))
        until(lambda: follower.tell("INFO", "replication")["master_link_status"] == "up", "the replica follows")

    def master_of(self, key: str) -> ClusterNode:
        """Who serves a key now."""
        slot = self.living()[0].tell("CLUSTER", "KEYSLOT", key)
        return next(node for node in self.masters() if node.serves(slot))

    def living(self) -> list[ClusterNode]:
        return [node for node in self.nodes if node.process is not None and node.process.poll() is None]

    def masters(self) -> list[ClusterNode]:
        return [node for node in self.living() if node.tell("ROLE")[0] == "master"]

    def until_whole(self) -> None:
        """Waits until every living node says that all slots are served."""
        for node in self.living():
            until(lambda node=node: "cluster_state:ok" in node.tell("CLUSTER", "INFO"), "the cluster is whole")  # type: ignore[misc]

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def until(is_so: Callable[[], bool], what: str, timeout_s: float = _FORM_TIMEOUT_S) -> None:
    """Waits for something.

    Raises:
        TimeoutError: it did not come to pass.
    """
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline_s:
            raise TimeoutError(what)
        time.sleep(0.02)


@contextmanager
def running_cluster(directory: Path, free_port: Callable[[], int], replicas: int = 0) -> Iterator[RedisCluster]:
    """A cluster for as long as the context is open."""
    cluster = RedisCluster(directory, free_port)
    try:
        cluster.start(replicas)
        yield cluster
    finally:
        cluster.stop()
