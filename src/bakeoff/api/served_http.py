"""Serving over HTTP: which models, where, within which limits."""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.api.served import Choice, find_served
from bakeoff.errors import RunError

if TYPE_CHECKING:
    from bakeoff.records.serving import Served

TOKEN_VARIABLE = "BAKEOFF_SERVE_TOKEN"  # noqa: S105  (its name, not its value)
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class ServeOptions:
    """Where and how is served.

    Attributes:
        host: address to listen on; beyond this machine a token is needed.
        port: port there; 0 takes a free one.
        hosts: names that requests may call the server by, beside its address and localhost.
        token_file: file with the token, readable by its owner alone; None takes that of `$BAKEOFF_SERVE_TOKEN`, if any.
        threads: CPU threads; None means all that this process may use.
        precision: `fp32`, `bf16` or `fp16`; None means each recipe's.
        limits: any of `body_bytes`, `body_seconds`, `rows`, `queue_seconds`, `batch_rows`, `connections`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    token_file: Path | None = None
    threads: int | None = None
    precision: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


def serve(
    targets: Sequence[str],
    choice: Choice | None = None,
    options: ServeOptions | None = None,
    told: Callable[[str], None] | None = None,
) -> None:
    """Serve models until interrupted.

    Args:
        targets: as for `find_served`, each with `NAME=` before it if requests shall call it so; the first is the default.
        choice: what the targets do not say.
        options: where and how.
        told: told the address once it is open.

    Raises:
        RunError: if a token is needed and there is none, two models have one name, or the address is taken.
        KeyboardInterrupt: when it was told to stop.
    """
    from bakeoff.records.environment import available_cores
    from bakeoff.records.paths import AttemptFolder, Home
    from bakeoff.records.serving import ServeOrder
    from bakeoff.records.specs import JobSpec
    from bakeoff.running import warm
    from bakeoff.running.oneoff import run_job

    how = options or ServeOptions()
    models = _models(targets, choice or Choice())
    token = _token(how)
    asked: dict[str, Any] = {
        "models": models,
        "threads": how.threads or available_cores(),
        "precision": how.precision,
        "host": how.host,
        "port": how.port,
        "hosts": list(how.hosts),
        "needs_token": bool(token),
        **how.limits,
    }
    order = ServeOrder.model_validate(asked)
    folder = AttemptFolder(Home.default().jobs / f"serve-{secrets.token_hex(4)}")
    order.write(folder.order)

    def pass_on(record: dict[str, Any], _: float) -> None:
        if told is not None and record.get("event") == "serving":
            host = f"[{record['host']}]" if ":" in str(record["host"]) else record["host"]
            told(f"http://{host}:{record['port']}/")

    try:
        environment = {TOKEN_VARIABLE: token} if token else {}
        run_job(folder, JobSpec(kind="serve", id=folder.root.name), warm.WORKER_COMMAND, pass_on, environment)
    finally:
        shutil.rmtree(folder.root, ignore_errors=True)


def _models(targets: Sequence[str], choice: Choice) -> list[Served]:
    if not targets:
        raise RunError("no model is named", "", "bakeoff serve RUN:RECIPE, or the folder of an export")
    models: list[Served] = []
    for target in targets:
        name, equals, rest = target.partition("=")
        named = bool(equals) and not Path(target).exists()
        served = find_served(rest if named else target, choice)
        models.append(served.model_copy(update={"name": name}) if named else served)
    names = [served.name for served in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RunError(f"two models would be called {twice!r}", "", "give them names: bakeoff serve a=RUN:RECIPE b=RUN:RECIPE")
    return models


def _token(options: ServeOptions) -> str:
    """The token; beyond this machine there has to be one."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if options.token_file is not None:
        try:
            if options.token_file.stat().st_mode & 0o077:
                raise RunError("others may read this file", str(options.token_file), f"chmod 600 {options.token_file}")
            token = options.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise RunError(f"the token cannot be read: {error.strerror}", str(options.token_file), "a file with it") from error
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise RunError(f"the token has to be {SHORTEST_TOKEN} plain characters or more", TOKEN_VARIABLE, "openssl rand -hex 24")
    if not token and not _is_loopback(options.host):
        problem = f"{options.host} can be reached from other machines, and there is no token"
        raise RunError(problem, "--host", f"--token-file FILE, or set {TOKEN_VARIABLE}; `openssl rand -hex 24` makes one")
    return token


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
