"""Row 29: canary secrets in the environment, in a study, in addresses and in exceptions."""

from __future__ import annotations

from pathlib import Path

from bakeoff.analysis.analyse import analyse
from soak.context import Context, RowResult
from soak.reference import materials
from soak.stubs import StubStudy

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "WANDB_API_KEY", "DATABASE_URL")


def canary(name: str) -> str:
    """A secret that nobody else would write.

    Args:
        name: where it is put.

    Returns:
        The text.
    """
    return f"canary-{name.lower().replace('_', '-')}-8f3c1d"


def hide_secrets(context: Context) -> RowResult:
    """Put canaries where secrets are, run trials that complete and trials that fail, write analysis and report.

    Args:
        context: what the row is given.

    Returns:
        What came of it: no canary is in any file of run folder and home.
    """
    result = RowResult()
    secrets = {name: canary(name) for name in VARIABLES}
    place = context.place("stub")
    jobs = {"ok": {}, "fail": {"do": "fail"}, "segfault": {"do": "segfault"}, "shout": {"do": "exit-code", "code": 7}}
    study = StubStudy(place / "run", jobs, 1)
    study.go(secrets)
    analyse(study.folder)
    _search(result, place, secrets)
    exceptions = StubStudy(
        context.place("exception") / "run", {"raise": {"do": "raise", "text": "cannot reach {DATABASE_URL}"}}, 1
    )
    exceptions.go({"DATABASE_URL": f"postgres://user:{canary('DATABASE_URL')}@db.example/x", "HF_TOKEN": canary("HF_TOKEN")})
    _search(result, exceptions.run.parent, secrets)
    if context.full:
        _real(context, result, secrets)
    return result


def _search(result: RowResult, place: Path, secrets: dict[str, str]) -> None:
    files = [path for path in place.rglob("*") if path.is_file()]
    result.expect(bool(files), "there are no files to look into", place)
    result.tried += len(secrets)
    for path in files:
        data = path.read_bytes()
        for name, secret in secrets.items():
            if secret.encode() in data:
                result.faults.append(f"the canary of {name} is in {path}")


def _real(context: Context, result: RowResult, secrets: dict[str, str]) -> None:
    """Through the command line, with a report; then addresses with passwords in study and command."""
    study = materials().study(context.place("real"), True)
    home = context.folder / "real" / "home"
    from dataclasses import replace

    study = replace(study, home=home, reported=True)
    study.go(extra=secrets)
    _search(result, study.run, secrets)
    _search(result, home, secrets)
    address = f"https://user:{canary('ADDRESS')}@hub.example/model?token={canary('QUERY')}"
    refused = replace(study, run=context.folder / "real" / "refused")
    ended = refused.go("--set", f"defaults.model={address}", extra={"HF_ENDPOINT": address, "HTTPS_PROXY": address})
    result.expect(
        ended.exit == 2 and not ended.traceback, f"an address as a model: it ended with {ended.exit}: {ended.err[-300:]}"
    )
    for folder in (refused.run, home):
        if folder.exists():
            found = {"ADDRESS": canary("ADDRESS"), "QUERY": canary("QUERY")}
            if any(folder.rglob("*")):
                _search(result, folder, found)
