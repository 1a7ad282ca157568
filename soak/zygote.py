"""A worker whose imports are shared by all runs of the table: what is tried is what comes after them.

Importing torch and transformers takes seconds, and rows that kill runners start hundreds. So one process imports what the
product's warm parent imports, and for each runner forks a process that goes on as that warm parent (`bakeoff.worker.warm`),
with the runner's pipes in place of its own. Between the two stands a small client that the runner starts as its worker.

    python -m soak.zygote serve SOCKET FAMILY …     the process with the imports; it ends when its standard input closes
    python -m soak.zygote serve SOCKET --light      the same for the worker without torch (`light_worker`)
    python -m soak.zygote client SOCKET warm …      the worker; it lives as long as the warm parent
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STREAMS = 3
MESSAGE_BYTES = 1 << 18


def client(path: str, words: list[str]) -> int:
    """Hand over this process's pipes, and wait for the end of the process that got them.

    Args:
        path: the socket.
        words: what the worker is asked to do.

    Returns:
        Its exit status.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    message = json.dumps({"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}).encode()  # noqa: PTH109 - pathlib takes long to import
    streams = array.array("i", range(STREAMS))
    connection.sendmsg([struct.pack("!I", len(message))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(message)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(STREAMS):
        os.dup2(nothing, stream)
    answer = connection.recv(16)
    return int(answer) if answer else 1


def _receive(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    head, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(STREAMS * 4))
    streams = array.array("i")
    for _, _, data in ancillary:
        streams.frombytes(data[: len(data) - len(data) % 4])
    wanted, body = struct.unpack("!I", head)[0], b""
    while len(body) < wanted:
        body += connection.recv(min(MESSAGE_BYTES, wanted - len(body)))
    return dict(json.loads(body)), list(streams)


def _become(connection: socket.socket, work: Callable[[list[str]], int]) -> int:
    """Go on as the process that a client was started to be."""
    message, streams = _receive(connection)
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.setsid()
    # a killed client ends this one: the kernel sends SIGIO when its end closes, and that ends a process that does not ask
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    os.chdir(str(message["folder"]))
    os.environ.clear()
    os.environ.update({str(key): str(value) for key, value in dict(message["environment"]).items()})  # type: ignore[call-overload]
    status = work([str(word) for word in list(message["words"])])  # type: ignore[call-overload]
    connection.sendall(str(status).encode())
    return status


def be_worker(words: list[str]) -> int:
    """Be the product's worker.

    Args:
        words: what it is asked to do.

    Returns:
        Its exit status.
    """
    from bakeoff.worker import run
    from bakeoff.worker.__main__ import main

    run_job = run.run_job
    run.run_job = lambda root: (limit_memory(), run_job(root))[1]  # type: ignore[func-returns-value]
    # the process that a job was started by is no parent of this one; a closed connection ends it instead
    return main(words[:2] if words[0] == "job" else words)


def be_light_worker(words: list[str]) -> int:
    """Be the worker without torch.

    Args:
        words: what it is asked to do.

    Returns:
        Its exit status.
    """
    from soak.light_worker import main

    return main(words)


def limit_memory() -> None:
    """In a trial's process: take on the limits of memory that the environment names; both count from here."""
    if group := os.environ.get("SOAK_CGROUP"):
        with open(f"{group}/cgroup.procs", "w") as stream:  # noqa: PTH123 - the client has no time for pathlib
            stream.write(str(os.getpid()))
    if more := os.environ.get("SOAK_DATA_BYTES"):
        import resource

        with open("/proc/self/status") as stream:  # noqa: PTH123
            used = next(int(line.split()[1]) * 1024 for line in stream if line.startswith("VmData:"))
        resource.setrlimit(resource.RLIMIT_DATA, (used + int(more), used + int(more)))


def serve(path: str, families: list[str]) -> int:
    """Import once, then fork for each client.

    Args:
        path: where the socket shall be.
        families: architectures to import; `--light` in their place for a worker without torch.

    Returns:
        0 when standard input closed.
    """
    light = families == ["--light"]
    if light:
        from soak import light_worker

        light_worker.preload([])
    else:
        from bakeoff.worker import warm

        warm.preload(families)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        readable, _, _ = select.select([0, listener], [], [])
        if 0 in readable and not os.read(0, 1):
            return 0
        if listener not in readable:
            continue
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = 1
            try:
                status = _become(connection, be_light_worker if light else be_worker)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        connection.close()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[2], sys.argv[3:]) if sys.argv[1] == "serve" else client(sys.argv[2], sys.argv[3:]))
