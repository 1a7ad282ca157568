"""Look at a report in chromium: `python tests/check_report.py [REPORT] [--pictures FOLDER]`.

axe-core goes over the whole page, light and dark, at three widths; the page must not be wider than the screen and must ask for
nothing; and a page with planted faults must be found faulty, or the check itself is broken. Ends with 1 where something is
wrong.
Without a report, a fabricated one is made. axe-core comes from the npm registry, at one version and with one hash.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from bakeoff.analysis.analyse import analyse
from bakeoff.report.html import write_report
from chromium import CHROMIUM, MISSING, Chromium
from fabricate import fabricate

AXE = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
AXE_SHA512 = (
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73"
    "4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
)
WIDTHS = (1280, 800, 400)
SCHEMES = ("light", "dark")
GRAVE = ("serious", "critical")
PIECE = 2500
"""Pixels of a page in one picture."""
FAULTY = (
    "<!doctype html><html><head><title>t</title></head><body style='background:#fff'>"
    "<p style='color:#ccc'>hardly to be read</p><img src='data:,'><button></button></body></html>"
)
PLANTED = {"html-has-lang", "color-contrast", "image-alt", "button-name"}
RUN_AXE = """axe.run().then(found => ({passes: found.passes.length, faults: found.violations.map(fault => ({
  id: fault.id, impact: fault.impact, help: fault.help,
  where: fault.nodes.map(node => node.target.join(' ')).slice(0, 5)}))}))"""


def axe_source() -> str:
    """The one file of axe-core, checked against its hash."""
    with urllib.request.urlopen(AXE, timeout=60) as answer:
        data = answer.read()
    found = hashlib.sha512(data).hexdigest()
    if found != AXE_SHA512:
        raise SystemExit(f"{AXE} has the hash {found}, not {AXE_SHA512}: it is not used")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def faults(browser: Chromium, page: Path, axe: str) -> list[dict[str, Any]]:
    """What axe-core finds in a page as it is now shown."""
    browser.open(page, unguarded=True)  # the page's policy would keep axe-core out
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    browser.ask("Runtime.evaluate", expression=axe)
    found = browser.evaluate(RUN_AXE)
    assert found["passes"] > 0, "axe-core checked nothing"
    reported: list[dict[str, Any]] = found["faults"]
    return reported


def look(browser: Chromium, page: Path, axe: str, pictures: Path | None) -> list[str]:
    """Everything that is wrong with a report, in words."""
    wrong = []
    for scheme in SCHEMES:
        for width in WIDTHS:
            browser.screen(width, scheme)
            name = f"{scheme}-{width}"
            for fault in faults(browser, page, axe):
                print(f"{name}: {fault['impact']}: {fault['id']}: {fault['help']}: {fault['where']}")
                wrong += [f"{name}: {fault['id']}"] if fault["impact"] in GRAVE else []
            browser.open(page)
            wide, high = browser.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
            wrong += [f"{name}: the page is {wide} pixels wide"] if wide > width else []
            outside = set(browser.requests) - {page.as_uri()}
            wrong += [f"{name}: the page asks for {address}" for address in sorted(outside)]
            print(f"{name}: looked at {high} pixels")
            for top in range(0, high if pictures is not None else 0, PIECE):
                assert pictures is not None
                piece = browser.picture(top, width, min(PIECE, high - top))
                (pictures / f"{name}-{top // PIECE:02d}.png").write_bytes(piece)
    if pictures is not None:
        (pictures / "paper.pdf").write_bytes(browser.paper())
    return wrong


def main() -> int:
    """Check a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, nargs="?", help="a report.html; one is fabricated without it")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the page, in pieces, and its print as PDF")
    wanted = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit(MISSING)
    if wanted.pictures is not None:
        wanted.pictures.mkdir(parents=True, exist_ok=True)
    axe = axe_source()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Chromium(Path(folder) / "profile") as browser:
        page = wanted.report or made(Path(folder) / "run")
        faulty = Path(folder) / "faulty.html"
        faulty.write_text(FAULTY)
        browser.screen(WIDTHS[0], SCHEMES[0])
        missed = PLANTED - {fault["id"] for fault in faults(browser, faulty, axe) if fault["impact"] in GRAVE}
        if missed:
            raise SystemExit(f"planted faults were not found: {sorted(missed)}: the check is broken")
        wrong = look(browser, page.resolve(), axe, wanted.pictures)
    print("\n".join(wrong) or "nothing serious, no request, nothing wider than the screen")
    return 1 if wrong else 0


def made(folder: Path) -> Path:
    """A fabricated report."""
    run = fabricate(folder)
    return write_report(run, analyse(run))


if __name__ == "__main__":
    sys.exit(main())
