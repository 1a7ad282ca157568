"""A headless chromium spoken to over a pipe: what a page does in it, and what it looks like."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "NOT CHECKED IN A BROWSER: there is no chromium on this machine (apt-get install chromium)"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
"""Whatever is asked for, no name is resolved; and the browser's own calls are no event of a page."""
PATIENCE = 180
"""Seconds without a word from the browser after which it counts as hanging: rarely, a picture of a long page is never taken."""
SETTLED = 0.4
"""Seconds for which nothing may happen before a page counts as loaded."""


class Chromium:
    """One browser with one page.

    Attributes:
        requests: addresses that the page asked for since it was last opened, whether or not they were allowed.
        events: names of everything that the page reported since then.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None, MISSING
        asked, self._asks = os.pipe()
        self._answers, answered = os.pipe()
        # chromium reads descriptor 3 and writes 4; bash puts ours there
        wrap = f'exec "$@" 3<&{asked} 4>&{answered}'
        self._process = subprocess.Popen(
            ["bash", "-c", wrap, "chromium", CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(asked, answered),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(asked)
        os.close(answered)
        self._number, self._rest, self._session = 0, b"", ""
        self.requests: list[str] = []
        self.events: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._asks)
        os.close(self._answers)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._asks, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            heard, _, _ = select.select([self._answers], [], [], PATIENCE)
            assert heard, f"chromium has not answered for {PATIENCE} s: it hangs"
            piece = os.read(self._answers, 1 << 20)
            assert piece, "chromium ended"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message and message.get("sessionId") == self._session:
            self.events.append(message["method"])
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return message

    def open(self, page: Path | str, unguarded: bool = False) -> None:
        """Open a page and wait until it is loaded.

        Args:
            page: a file, or an address on this machine.
            unguarded: whether the page's content policy is left out.
        """
        self.ask("Page.setBypassCSP", enabled=unguarded)
        self.ask("Page.navigate", url="about:blank")
        self.requests.clear()
        self.events.clear()
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while "Page.loadEventFired" not in self.events:
            self._next()
        self.settle()

    def settle(self) -> None:
        """Let the page do what it still wants to do."""
        time.sleep(SETTLED)
        self.evaluate("1")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def screen(self, width: int, scheme: str) -> None:
        """Set how wide the page is, in pixels, and whether it is `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media="screen", features=features)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)

    def picture(self, top: int, width: int, height: int) -> bytes:
        """A piece of the page as PNG."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(found["data"])

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        self.ask("Emulation.setEmulatedMedia", media="", features=[])
        self.ask("Emulation.clearDeviceMetricsOverride")
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=False)["data"])
