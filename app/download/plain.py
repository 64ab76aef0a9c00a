"""Plain: files at an address of any web server, which is not a hub and gives no metadata.

What they are is known before: the publisher's signed word says size and SHA-256, which fetch.py
compares. So nothing here is believed but the bytes, and a server that cannot go on where we
stopped only costs time.
"""

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx
from huggingface_hub import get_session
from huggingface_hub.errors import OfflineModeIsEnabled

from app import __version__
from app.download.failures import DISK_FULL, EXPECTED
from app.download.sink import Sink
from app.wire.download import Failed, RangeRead

_HEADERS: Final = {"User-Agent": f"athanor/{__version__}", "Accept-Encoding": "identity"}
"""No token: these servers are nobody whom the owner has an account with."""

_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_LATER: Final = "Check the connection and try again; what has arrived is kept."


def read(address: str, bytes_max: int) -> RangeRead | Failed:
    """The whole file, if it has at most `bytes_max`."""
    content = bytearray()
    try:
        with get_session().stream("GET", address, headers=_HEADERS) as response:
            response.raise_for_status()
            for piece in response.iter_bytes():
                content += piece
                if len(content) > bytes_max:
                    return Failed(
                        kind="content",
                        message=f"{_host(address)} sends more than {bytes_max} bytes",
                    )
    except EXPECTED as error:
        return failure_at(error, address)
    return RangeRead(content=bytes(content))


def read_on(address: str, sink: Sink, size: int) -> None:
    """Appends to `sink` what is missing up to `size` bytes. Raises: failures.EXPECTED."""
    begin = sink.tell()
    if begin == size:
        return
    headers = {**_HEADERS, "Range": f"bytes={begin}-"} if begin else _HEADERS
    with get_session().stream("GET", address, headers=headers) as response:
        response.raise_for_status()
        if begin and response.status_code != HTTPStatus.PARTIAL_CONTENT:
            # It cannot go on in the middle: from the beginning.
            sink.truncate(0)
            sink.seek(0)
        elif begin and _begin_of(response) != begin:
            raise httpx.RemoteProtocolError("the server sent another part than was asked for")
        for piece in response.iter_bytes():
            if sink.tell() + len(piece) > size:
                sink.truncate(0)
                raise _Longer
            sink.write(piece)
    if sink.tell() < size:
        raise httpx.RemoteProtocolError("the file ends too early")


class _Longer(ValueError):
    """The server has a longer file than was announced."""


def _begin_of(response: httpx.Response) -> int | None:
    found = _RANGE.match(response.headers.get("content-range", ""))
    return int(found[1]) if found else None


def failure_at(error: Exception, address: str) -> Failed:
    """What to tell of an error of `EXPECTED` at this address."""
    host = _host(address)
    match error:
        case OfflineModeIsEnabled():
            return Failed(
                kind="unreachable",
                message=f"HF_HUB_OFFLINE is set, so nothing is asked of {host}",
                remedy="Start Athanor without it.",
            )
        case httpx.HTTPStatusError():
            return _of_status(error.response.status_code, host)
        case httpx.ProxyError():
            return Failed(
                kind="unreachable",
                message="the proxy does not let us through",
                remedy="Check HTTPS_PROXY and NO_PROXY.",
            )
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return Failed(
                kind="refused",
                message=f"{host or 'the address'} is no address that can be asked",
                remedy="Correct it in the settings.",
            )
        case httpx.TimeoutException():
            return Failed(kind="unreachable", message=f"{host} does not answer", remedy=_LATER)
        case httpx.ConnectError():
            return Failed(kind="unreachable", message=f"{host} cannot be reached", remedy=_LATER)
        case httpx.HTTPError():
            return Failed(
                kind="unreachable",
                message=f"the connection to {host} broke off",
                remedy=_LATER,
            )
        case OSError() if error.errno in DISK_FULL:
            return Failed(kind="disk_full", message="the disk is full")
        case OSError():
            return Failed(
                kind="folder",
                message=f"a file could not be written: {error.strerror}",
                remedy="Give your user the right to write there.",
            )
        case _:
            return Failed(
                kind="content",
                message=f"{host} has another file than was announced",
                remedy="Try again later; if it stays so, the place is wrong.",
            )


def _of_status(status: int, host: str) -> Failed:
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Failed(kind="not_found", message=f"{host} has no such file")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Failed(kind="access", message=f"{host} does not let us at it (status {status})")
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return Failed(
            kind="busy",
            message=f"{host} asks for patience (status {status})",
            remedy="Try again in some minutes.",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failed(
            kind="unreachable", message=f"{host} is down (status {status})", remedy=_LATER
        )
    return Failed(kind="refused", message=f"{host} refused (status {status})")


def _host(address: str) -> str:
    """As messages name it; the rest of an address may carry what is nobody's business."""
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""
