"""One way to talk to a hub: the endpoint, token, proxies and offline switch of the environment; bounded retries; clear errors.

Requests go through huggingface_hub's session, which honours proxies and certificates. The token is sent to the endpoint in
a header and goes nowhere else; addresses are shown without user names and queries, for those can be secrets.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from bakeoff import __version__
from bakeoff.errors import DownloadError

T = TypeVar("T")

DEFAULT_ENDPOINT = "https://huggingface.co"
RETRIED = (408, 429, 500, 502, 503, 504)
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further attempt; then it is an error."""
LONGEST_WAIT = 60.0
"""The longest wait that a server's Retry-After is granted, in seconds."""
TIMEOUT_SECONDS = 20.0


class CutError(Exception):
    """The server sent fewer bytes than it announced; worth another attempt."""


def endpoint() -> str:
    """The hub's address.

    Returns:
        `$HF_ENDPOINT`, or the public hub.

    Raises:
        DownloadError: if it is no web address.
    """
    address = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise DownloadError("HF_ENDPOINT is no web address", shown(address), "write it as https://host, or unset it")
    return address


def shown(address: str) -> str:
    """An address as messages may show it.

    Args:
        address: any address.

    Returns:
        It without user name, password, query and fragment.
    """
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def headers() -> dict[str, str]:
    """Headers of every request. They tell the server nothing about the machine.

    Returns:
        A user agent, and the token if there is one (`$HF_TOKEN`, or that of `hf auth login`).
    """
    from huggingface_hub import constants, get_token

    found = {"user-agent": f"bakeoff/{__version__}", "accept-encoding": "identity"}
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    if token:
        found["authorization"] = f"Bearer {token}"
    return found


def request(method: str, address: str, *, follow: bool = True, params: dict[str, Any] | None = None) -> Any:
    """One request whose answer is small.

    Args:
        method: `GET` or `HEAD`.
        address: where to.
        follow: whether to follow redirects; the token is never sent to another host.
        params: the query.

    Returns:
        The response of huggingface_hub's client.

    Raises:
        Exception: of huggingface_hub or its client; `with_retries` makes errors of ours of them.
    """
    from huggingface_hub.utils import get_session, hf_raise_for_status

    response = get_session().request(
        method, address, headers=headers(), params=params, follow_redirects=follow, timeout=TIMEOUT_SECONDS
    )
    hf_raise_for_status(response)
    return response


@contextmanager
def stream(address: str, start: int) -> Iterator[Any]:
    """A file's bytes.

    Args:
        address: where from.
        start: first byte that is wanted.

    Yields:
        The response, its body not yet read.
    """
    from huggingface_hub.utils import get_session, hf_raise_for_status

    wanted = headers() | ({"range": f"bytes={start}-"} if start else {})
    with get_session().stream("GET", address, headers=wanted, follow_redirects=True, timeout=TIMEOUT_SECONDS) as response:
        hf_raise_for_status(response)
        yield response


def with_retries(action: Callable[[], T], where: str, progressed: Callable[[], bool] = lambda: False) -> T:
    """Do what may fail for reasons that pass.

    Args:
        action: what to do.
        where: what is fetched, for messages.
        progressed: whether the last attempt brought something; then the count of attempts starts anew.

    Returns:
        What the action returns.

    Raises:
        DownloadError: if it still fails after the last attempt, or for a reason that does not pass.
    """
    attempt = 0
    while True:
        try:
            return action()
        except _passing() as error:
            if progressed():
                attempt = 0
            if attempt == len(WAITS) or not _is_retried(error):
                raise _explain(error, where) from error
            time.sleep(min(max(WAITS[attempt], _asked_wait(error)), LONGEST_WAIT))
            attempt += 1


def _transport_error() -> type[Exception]:
    """The base of the HTTP client's errors. Which client it is (httpx, httpx2) depends on huggingface_hub's version."""
    from huggingface_hub.utils import get_session

    client = sys.modules[type(get_session()).__module__.partition(".")[0]]
    found: type[Exception] = client.TransportError
    return found


def _passing() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    return (CutError, HfHubHTTPError, OfflineModeIsEnabled, _transport_error())


def _is_retried(error: Exception) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    status = _status(error)
    return status in RETRIED if status else not isinstance(error, OfflineModeIsEnabled)


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _asked_wait(error: Exception) -> float:
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    return float(asked) if re.fullmatch(r"\d{1,6}", asked) else 0.0


def _explain(error: Exception, where: str) -> DownloadError:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return DownloadError("the hub may not be asked: offline mode is on", where, "unset HF_HUB_OFFLINE, then try again")
    if isinstance(error, CutError):
        return DownloadError(
            f"the file arrives cut: {error}", where, "try again: what has arrived is kept; check any proxy between"
        )
    status = _status(error)
    if status:
        what, remedy = _of_status(status, error)
        return DownloadError(what, where, remedy)
    # the client's own text may hold a proxy's address with its password
    reason = re.sub(r"//[^/@\s]*@", "//", str(error)) or type(error).__name__
    return DownloadError(
        f"the hub cannot be reached: {reason}",
        where,
        "check the network, HF_ENDPOINT and proxies (HTTPS_PROXY, NO_PROXY), then try again: what has arrived is kept",
    )


def _of_status(status: int, error: Exception) -> tuple[str, str]:
    from huggingface_hub import errors

    by_kind: tuple[tuple[type[Exception], str, str], ...] = (
        (
            errors.GatedRepoError,
            "the repository is gated",
            "accept its terms on its page, and set HF_TOKEN to that account's token",
        ),
        (errors.RevisionNotFoundError, "the repository has no such revision", "check the revision: a commit, branch or tag"),
        (
            errors.RemoteEntryNotFoundError,
            "the repository has no such file at this revision",
            "check the name and the revision",
        ),
    )
    for kind, what, remedy in by_kind:
        if isinstance(error, kind):
            return what, remedy
    if status >= 500:
        return f"the hub has a fault of its own ({status}), after several attempts", "try again later: what has arrived is kept"
    refused = (
        f"the hub refuses it ({status}): the repository is private or gated, does not exist, or the token is not valid",
        "check the name, and set HF_TOKEN to a token that may read it",
    )
    by_status = {
        401: refused,
        403: refused,
        404: ("the hub has no such repository or file", "check the spelling: a hub id is written owner/name"),
        429: (
            "the hub asks for fewer requests (429), after several attempts",
            "wait some minutes, or set HF_TOKEN, then try again",
        ),
    }
    return by_status.get(status, (f"the hub answers {status}", "check the name, the revision and HF_ENDPOINT"))
