"""Secrets are never written: values of telling environment variables and passwords in addresses become `[hidden]`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"
TELLING = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|(^|_)(KEY|PWD|AUTH)$", re.IGNORECASE
)
SHORTEST = 8
"""Shorter values stand in too many texts by chance."""
USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@", re.IGNORECASE)
QUERY = re.compile(r"(?P<name>[?&;](?:[\w-]*token|api_?key|key|secret|password|signature|sig)=)[^\s&;#\"']+", re.IGNORECASE)
LONGEST_LINE = 1 << 16
PATHLIKE = re.compile(r"^(/|~|\./|\d+$)")


class Redactor:
    """Hides the secrets of one environment.

    Args:
        environment: variables by name; None means this process's.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = set()
        for name, value in (os.environ if environment is None else environment).items():
            if name != "PWD" and TELLING.search(name) and len(value) >= SHORTEST and not PATHLIKE.match(value):
                found.add(value)
            for match in re.finditer(r"://[^\s/@:]*:([^\s/@]+)@", value):
                if len(match.group(1)) >= SHORTEST:
                    found.add(match.group(1))
        self._values = sorted(found, key=lambda value: (-len(value), value))

    def text(self, text: str) -> str:
        """Hide secrets in a text.

        Args:
            text: any text.

        Returns:
            The text with `[hidden]` in the place of each.
        """
        for value in self._values:
            text = text.replace(value, HIDDEN)
        # a child may print a gigabyte, and looking for one sign is many times as fast as a pattern
        if "://" in text:
            text = USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
        return QUERY.sub(rf"\g<name>{HIDDEN}", text) if "=" in text else text

    def values(self, value: Any) -> Any:
        """Hide secrets in every text of plain data.

        Args:
            value: text, numbers, lists and dictionaries, nested.

        Returns:
            The same with secrets hidden; keys stay.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.values(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.values(item) for item in value]
        return value


class RedactedStream:
    """Hides secrets in bytes that come in pieces: a line is passed on when it is whole, or longer than 64 KiB.

    Args:
        redactor: what hides them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._rest = b""

    def feed(self, block: bytes) -> bytes:
        """Take a piece.

        Args:
            block: any bytes.

        Returns:
            What can be passed on.
        """
        whole = self._rest + block
        end = max(whole.rfind(b"\n"), whole.rfind(b"\r")) + 1
        if not end and len(whole) > LONGEST_LINE:
            end = len(whole)
        ready, self._rest = whole[:end], whole[end:]
        return self._hide(ready)

    def close(self) -> bytes:
        """Take what is left.

        Returns:
            The last line without its end.
        """
        ready, self._rest = self._rest, b""
        return self._hide(ready)

    def _hide(self, ready: bytes) -> bytes:
        # bytes that are no UTF-8 stay what they are
        return (
            self._redactor.text(ready.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape") if ready else ready
        )
