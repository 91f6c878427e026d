"""A Redis Cluster of real local servers, whose nodes a test may kill, freeze, replace and reshard."""

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

from megarouter_envoy.settings.variables import HOST
from redis import Redis

from deploy.local.process.children import start_child, stop_child, wait_until_ready
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.programs.redis import STOP_TIMEOUT_S, configuration, is_redis_ready, server_child

SLOTS = 16_384
MASTERS = 3
NODE_TIMEOUT_MS = 1_000
"""A node that is silent for longer counts as lost."""
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
            # The loss of a node must affect only its own slots.
            "cluster-require-full-coverage no",
            # A replica must take over even if it missed writes, because the services detect missing writes.
            "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
            f"masterauth {self.password}",
        )
        write_private(self.directory / "redis.conf", configuration(self.port, self.password) + "\n".join(lines) + "\n")
        give_away(self.directory)
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
        """Yields a client that talks to this node only."""
        with Redis(host=HOST, port=self.port, password=self.password, decode_responses=True) as client:
            yield client

    def tell(self, *command: Any) -> Any:
        """Sends one command and returns the reply."""
        with self.asked() as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    def knows(self) -> set[str]:
        """Returns the ids of the nodes that it has met, including its own."""
        return {line.split()[0] for line in self.tell("CLUSTER", "NODES").splitlines() if "handshake" not in line}

    def owner_of(self, slot: int) -> str | None:
        """Returns the id of the node that it believes serves a slot."""
        ranges = self.tell("CLUSTER", "SLOTS")
        return next((str(master[2]) for first, last, master, *_ in ranges if first <= slot <= last), None)

    def serves(self, slot: int) -> bool:
        """Returns whether it believes that it serves a slot."""
        return self.owner_of(slot) == str(self.tell("CLUSTER", "MYID"))

    def sees_all_served(self) -> bool:
        """Returns whether it believes that all slots are served."""
        info = self.tell("CLUSTER", "INFO")
        return f"cluster_slots_ok:{SLOTS}" in info and "cluster_state:ok" in info

    def follows(self) -> bool:
        """Returns whether it is a replica that is in sync with its master."""
        return bool(self.tell("INFO", "replication").get("master_link_status") == "up")

    def kill(self) -> None:
        """Sends SIGKILL."""
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
    """A running cluster. `url` lists the nodes that existed at its start."""

    directory: Path
    free_port: Callable[[], int]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nodes: list[ClusterNode] = field(default_factory=list)
    url: str = ""

    def start(self, replicas: int = 0) -> None:
        """Starts three masters that share the slots evenly, each with `replicas` replicas."""
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
        self.url = f"redis+cluster://:{self.password}@{','.join(node.address for node in self.nodes)}/0"

    def add_nodes(self, count: int) -> list[ClusterNode]:
        """Starts servers that have not met other nodes."""
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
        """Introduces nodes to the first node, and waits until all nodes know each other."""
        for node in nodes[1:]:
            nodes[0].tell("CLUSTER", "MEET", HOST, node.port, node.bus_port)
        ids = {str(node.tell("CLUSTER", "MYID")) for node in nodes}
        until(lambda: all(ids <= node.knows() for node in nodes), "the nodes know each other")

    def replicate(self, follower: ClusterNode, master: ClusterNode) -> None:
        """Makes a node the replica of another, and waits until it is in sync."""
        follower.tell("CLUSTER", "REPLICATE", master.tell("CLUSTER", "MYID"))
        until(follower.follows, "the replica follows")

    def master_of(self, key: str) -> ClusterNode:
        """Returns the node that serves a key now."""
        slot = self.members()[0].tell("CLUSTER", "KEYSLOT", key)
        return next(node for node in self.masters() if node.serves(slot))

    def cut_off(self, replica: ClusterNode, master: ClusterNode) -> None:
        """Stops replication to a replica, so that it misses further writes."""
        replica.tell("CONFIG", "SET", "masterauth", "not-the-password")
        master.tell("CLIENT", "KILL", "TYPE", "replica")
        until(lambda: not replica.follows(), "the replica is cut off")
        replica.tell("CONFIG", "SET", "masterauth", self.password)

    def shard_of(self, master: ClusterNode) -> list[ClusterNode]:
        """Returns a master and its living replicas."""
        me = master.tell("CLUSTER", "MYID")
        replicas = [node for node in self.members() if f" {me} " in _own_line(node) and node is not master]
        return [master, *replicas]

    def replace(self, lost: Sequence[ClusterNode], fresh: ClusterNode) -> None:
        """Gives the slots of lost nodes to an empty new node, as an operator would."""
        others = self.members()
        witness = others[0]
        lines = [line.split() for line in witness.tell("CLUSTER", "NODES").splitlines()]
        ports = {str(node.port) for node in lost}
        gone = [line for line in lines if line[1].partition("@")[0].rpartition(":")[2] in ports]
        ranges = [text for line in gone for text in line[8:]]
        for node in others:
            for line in gone:
                node.tell("CLUSTER", "FORGET", line[0])
        self.meet([*others, fresh])
        for text in ranges:
            first, _, last = text.partition("-")
            fresh.tell("CLUSTER", "ADDSLOTSRANGE", int(first), int(last or first))
        fresh.tell("CLUSTER", "BUMPEPOCH")

    def owner_and_another(self, key: str) -> tuple[ClusterNode, ClusterNode]:
        """Returns the node that serves a key, and a node that does not."""
        owner = self.master_of(key)
        return owner, next(node for node in self.masters() if node is not owner)

    def begin_move(self, key: str, old: ClusterNode, new: ClusterNode) -> None:
        """Starts the migration of a key's slot."""
        slot = old.tell("CLUSTER", "KEYSLOT", key)
        new.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", old.tell("CLUSTER", "MYID"))
        old.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", new.tell("CLUSTER", "MYID"))

    def migrate(self, key: str, old: ClusterNode, new: ClusterNode) -> None:
        """Moves one key of a slot under migration."""
        old.tell("MIGRATE", HOST, new.port, key, 0, 5_000, "AUTH", self.password)

    def move(self, key: str, old: ClusterNode, new: ClusterNode) -> None:
        """Assigns the slot of a key to another node, which already has its keys, and waits until all agree."""
        slot, owner = old.tell("CLUSTER", "KEYSLOT", key), new.tell("CLUSTER", "MYID")
        # The epoch goes first: the heartbeat of an owner with a later epoch would take the slot back.
        new.tell("CLUSTER", "BUMPEPOCH")
        for node in (new, old, *(node for node in self.masters() if node not in (old, new))):
            node.tell("CLUSTER", "SETSLOT", slot, "NODE", owner)
        until(lambda: all(node.owner_of(slot) == owner for node in self.masters()), "all agree on the slot's node")

    def mend(self) -> None:
        """Waits until all slots are served, and gives each master without a replica a new replica."""
        self.until_whole()
        for node in self.members():
            node.tell("CONFIG", "SET", "masterauth", self.password)
        for master in self.masters():
            if len(self.shard_of(master)) == 1:
                (follower,) = self.add_nodes(1)
                self.meet([master, follower])
                self.replicate(follower, master)
        self.until_whole()

    def masters(self) -> list[ClusterNode]:
        """Returns the nodes that serve slots."""
        members = self.members()
        own = {master[2] for _, _, master, *_ in members[0].tell("CLUSTER", "SLOTS")}
        return [node for node in members if node.tell("CLUSTER", "MYID") in own]

    def members(self) -> list[ClusterNode]:
        """Returns the living nodes that have met others."""
        return [node for node in self.living() if len(node.knows()) > 1]

    def living(self) -> list[ClusterNode]:
        return [node for node in self.nodes if node.process is not None and node.process.poll() is None]

    def until_whole(self) -> None:
        """Waits until every node of the cluster reports that all slots are served."""
        for node in self.members():
            until(node.sees_all_served, "the cluster is whole")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def _own_line(node: ClusterNode) -> str:
    """Returns a node's line about itself in CLUSTER NODES."""
    return next(str(line) for line in node.tell("CLUSTER", "NODES").splitlines() if "myself" in line)


def until(is_so: Callable[[], bool], what: str, timeout_s: float = _FORM_TIMEOUT_S) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: the condition did not become true in time.
    """
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline_s:
            raise TimeoutError(what)
        time.sleep(0.02)


@contextmanager
def running_cluster(directory: Path, free_port: Callable[[], int], replicas: int = 0) -> Iterator[RedisCluster]:
    """Runs a cluster while the context is open."""
    cluster = RedisCluster(directory, free_port)
    try:
        cluster.start(replicas)
        yield cluster
    finally:
        cluster.stop()
