"""Failures: what went wrong on the way to the hub, in words for the owner.

Messages are ours: an exception of the network may quote a signed address or a header.
"""

import errno
from typing import Final
from urllib.parse import urlsplit

import httpx
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from app.wire.download import Failed

EXPECTED: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, EntryNotFoundError, ValueError)
"""What the network, the hub and the disk may raise; HTTP errors of the hub are among them."""

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_ONLINE: Final = "Check the connection; what has arrived of a download is kept."
_HOW_TO_GET_IN: Final = (
    "Make a token at {endpoint}/settings/tokens and set HF_TOKEN where the server is started."
)


def hub_name() -> str:
    """The hub's host, as messages name it."""
    return urlsplit(constants.ENDPOINT).netloc or constants.ENDPOINT


def failure_of(error: Exception, repository: str) -> Failed:
    """What to tell of an error of `EXPECTED` in a call about this repository."""
    match error:
        case OfflineModeIsEnabled():
            return Failed(
                kind="unreachable",
                message="HF_HUB_OFFLINE is set, so nothing is asked of the hub",
                remedy="Start Athanor without it.",
            )
        case HfHubHTTPError():
            return _of_hub(error, repository)
        case EntryNotFoundError():
            return _missing(repository)
        case FileMetadataError():
            return Failed(
                kind="refused",
                message=f"{hub_name()} does not answer as a Hugging Face hub does",
                remedy="Check HF_ENDPOINT and the proxy settings.",
            )
        case HFValidationError():
            return Failed(kind="not_found", message=f"{repository} is no name of a repository")
        case httpx.HTTPError() | httpx.InvalidURL():
            return _of_network(error)
        case OSError():
            return _of_disk(error)
        case _:
            pass
    return Failed(
        kind="refused",
        message=f"{hub_name()} answered something that makes no sense ({type(error).__name__})",
        remedy="Try again later; check HF_ENDPOINT.",
    )


def _of_hub(error: HfHubHTTPError, repository: str) -> Failed:
    token = _HOW_TO_GET_IN.format(endpoint=constants.ENDPOINT)
    match error:
        case GatedRepoError():
            return Failed(
                kind="access",
                message=f"{repository} is gated: its owner lets in only who agreed to the terms",
                remedy=f"Agree to them at {constants.ENDPOINT}/{repository}. {token}",
            )
        case DisabledRepoError():
            return Failed(kind="access", message=f"the hub has disabled {repository}")
        case RepositoryNotFoundError():
            return Failed(
                kind="not_found",
                message=f"{hub_name()} has no repository {repository}, or it is private",
                remedy=f"`athanor search` finds names. For a private one: {token}",
            )
        case RevisionNotFoundError() | EntryNotFoundError():
            return _missing(repository)
        case _:
            pass
    status = error.response.status_code
    if status in {401, 403}:
        return Failed(
            kind="access", message=f"{hub_name()} does not let us at {repository}", remedy=token
        )
    if status in {408, 429, 503}:
        return Failed(
            kind="busy",
            message=f"{hub_name()} asks for patience (status {status})",
            remedy="Try again in some minutes; with a token in HF_TOKEN the limits are higher.",
        )
    if status >= 500:
        return Failed(
            kind="unreachable", message=f"{hub_name()} is down (status {status})", remedy=_ONLINE
        )
    return Failed(kind="refused", message=f"{hub_name()} refused (status {status})")


def _missing(repository: str) -> Failed:
    return Failed(
        kind="not_found",
        message=f"{repository} no longer has this file at this revision",
        remedy="Ask for the model again: the repository was changed.",
    )


def _of_network(error: httpx.HTTPError | httpx.InvalidURL) -> Failed:
    if isinstance(error, httpx.ProxyError):
        return Failed(
            kind="unreachable",
            message="the proxy does not let us through",
            remedy="Check HTTPS_PROXY and NO_PROXY.",
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Failed(
            kind="refused", message="HF_ENDPOINT is no address", remedy="Correct or unset it."
        )
    if isinstance(error, httpx.TimeoutException):
        return Failed(kind="unreachable", message=f"{hub_name()} does not answer", remedy=_ONLINE)
    if isinstance(error, httpx.ConnectError):
        return Failed(kind="unreachable", message=f"{hub_name()} cannot be reached", remedy=_ONLINE)
    return Failed(
        kind="unreachable",
        message=f"the connection broke off ({type(error).__name__})",
        remedy=_ONLINE,
    )


def _of_disk(error: OSError) -> Failed:
    if error.errno in DISK_FULL:
        return Failed(kind="disk_full", message="the disk is full")
    if error.errno is None:
        return Failed(
            kind="content",
            message="the hub sent more or less than it announced",
            remedy="Resume the download.",
        )
    return Failed(
        kind="folder",
        message=f"the models folder cannot be written: {error.strerror}",
        remedy="Give your user the right to write there.",
    )
