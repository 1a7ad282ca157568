"""Ask the server what nobody would, and look at its page: `python tests/check_server.py [--examples N] [--pictures FOLDER]`.

Schemathesis sends what the server's own OpenAPI allows and what it forbids, without a token and with one, to tiny models of
texts, pairs and questions; every answer must be one that the schema tells of. Then, where there is a chromium, axe-core goes
over the page to try models by hand, light and dark, at three widths, before and after a question; the page must not be wider
than the screen and must ask for nothing but its own. Ends with 1 where something is wrong. Needs `pip install -e '.[schema]'`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from asking import every_kind, running
from check_report import GRAVE, RUN_AXE, SCHEMES, WIDTHS, axe_source
from chromium import CHROMIUM, MISSING, Chromium
from kept import make_run

TOKEN = "0123456789abcdef-token"
FILL = "document.getElementById('{}').value = {!r}"
STATES = ("empty", "labels", "answer")
"""Nothing asked yet; a text with its labels; a question with its answer."""


def schemathesis(port: int, examples: int, folder: Path, *more: str) -> bool:
    """Whether schemathesis finds nothing."""
    program = Path(sys.executable).parent / "st"
    if not program.exists():
        sys.exit("schemathesis is not installed: pip install -e '.[schema]' -c constraints.txt")
    command = [str(program), "run", f"http://127.0.0.1:{port}/openapi.json", "--no-color"]
    command += ["--generation-deterministic", "--max-examples", str(examples), *more]
    # what it reports stays in a folder of its own
    return subprocess.run(command, check=False, cwd=folder).returncode == 0


def ask(browser: Chromium, state: str) -> None:
    """Bring the page into a state."""
    if state == "empty":
        return
    model = "tiny-full" if state == "labels" else "questions-full"
    browser.evaluate(f"const m = part('model'); m.value = '{model}'; m.dispatchEvent(new Event('change')); true")
    browser.evaluate(FILL.format("text", "what a happy day, and who said it was not?"))
    browser.evaluate(FILL.format("second", "the happy day came after a sad night"))
    browser.evaluate(
        "new Promise(done => { new MutationObserver(() => part('result').hidden || done(true))"
        ".observe(part('result'), {attributes: true}); part('ask').requestSubmit(); })"
    )


def look(browser: Chromium, port: int, axe: str, pictures: Path | None) -> list[str]:
    """Everything that is wrong with the page, in words."""
    wrong, address = [], f"http://127.0.0.1:{port}/"
    for scheme in SCHEMES:
        for width in WIDTHS:
            browser.screen(width, scheme)
            for state in STATES:
                name = f"{scheme}-{width}-{state}"
                browser.open(address, unguarded=True)
                ask(browser, state)
                outside = [one for one in browser.requests if not one.startswith((address, "data:"))]
                wrong += [f"{name}: the page asks for {one}" for one in outside]
                wide, high = browser.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
                wrong += [f"{name}: the page is {wide} pixels wide"] if wide > width else []
                if pictures is not None:
                    (pictures / f"{name}.png").write_bytes(browser.picture(0, width, high))
                browser.ask("Runtime.evaluate", expression=axe)
                for fault in browser.evaluate(RUN_AXE)["faults"]:
                    print(f"{name}: {fault['impact']}: {fault['id']}: {fault['help']}: {fault['where']}")
                    wrong += [f"{name}: {fault['id']}"] if fault["impact"] in GRAVE else []
                print(f"{name}: looked at {high} pixels")
    return wrong


def main() -> int:
    """Check the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="examples of each operation")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the page")
    parser.add_argument("--page-only", action="store_true", help="leave schemathesis out")
    wanted = parser.parse_args()
    if wanted.pictures is not None:
        wanted.pictures.mkdir(parents=True, exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["BAKEOFF_HOME"] = str(folder / "home")
        order = every_kind(make_run(folder / "run"))
        if not wanted.page_only:
            guarded = order.model_copy(update={"needs_token": True})
            with running(order) as client:
                wrong += [] if schemathesis(client.port, wanted.examples, folder) else ["schemathesis found something"]
            with running(guarded, token=TOKEN) as client:
                shown = ("--header", f"Authorization: Bearer {TOKEN}")
                held = schemathesis(client.port, wanted.examples, folder, *shown)
                wrong += [] if held else ["schemathesis found something with a token"]
        if CHROMIUM is None:
            print(MISSING)
        else:
            with running(order) as client, Chromium(folder / "profile") as browser:
                wrong += look(browser, client.port, axe_source(), wanted.pictures)
    print("\n".join(wrong) or "nothing found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
