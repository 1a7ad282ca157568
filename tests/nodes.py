"""A Ray cluster of several nodes on this machine, whose parts can be lost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
HEAD = {
    **NODE,
    "num_cpus": 0,
    # a dead node is noticed within two seconds, not twenty
    "_system_config": {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3},
}


class Nodes:
    """A head without a core of its own, and nodes with one each.

    Args:
        count: nodes beside the head.
        folder: where Ray keeps its sockets and logs; a short path.

    Attributes:
        stopped: whether the whole cluster was ended.
    """

    def __init__(self, count: int, folder: str) -> None:
        Path("/tmp/ray").mkdir(exist_ok=True)  # wherever its folder is, it notes a cluster's address there
        self._cluster = Cluster(initialize_head=True, head_node_args={**HEAD, "temp_dir": folder})
        self._nodes: list[Any] = []
        self.stopped = False
        for _ in range(count):
            self.add()

    @property
    def address(self) -> str:
        """What `RAY_ADDRESS` says."""
        return str(self._cluster.address)

    def add(self) -> None:
        """Let a node join."""
        self._nodes.append(self._cluster.add_node(**NODE))

    def lose_one(self) -> None:
        """Kill all processes of a node."""
        self._cluster.remove_node(self._nodes.pop(), allow_graceful=False)

    def stop(self) -> None:
        """Kill the head and all nodes."""
        if not self.stopped:
            self.stopped = True
            self._cluster.shutdown()


@contextmanager
def started_nodes(count: int) -> Iterator[Nodes]:
    """A cluster while the context lasts.

    Args:
        count: nodes beside the head.

    Yields:
        The cluster.
    """
    folder = tempfile.mkdtemp(prefix="nodes-", dir="/tmp")
    made = Nodes(count, folder)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
