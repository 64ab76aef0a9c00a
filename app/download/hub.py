"""Hub: questions to Hugging Face, by huggingface_hub's own code.

What comes back is a stranger's: it is taken apart here, field by field, into Structs of the wire;
names of files are judged by the server, which knows the rules (core/downloads/safe_names.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import httpx
from huggingface_hub import HfApi, get_session, hf_hub_url
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import hf_raise_for_status

from app import __version__
from app.wire.download import (
    Described,
    Found,
    FoundRepository,
    RangeRead,
    RemoteFile,
    SearchHub,
)

ANSWER_SECONDS_MAX: Final = 30.0
NAME: Final = "athanor"
_TEXT_MAX: Final = 200


def search(question: SearchHub) -> Found:
    """Repositories that have GGUF files. Raises: failures.EXPECTED."""
    models = HfApi(library_name=NAME, library_version=__version__).list_models(
        search=question.query,
        filter="gguf",
        sort="downloads",
        limit=question.limit,
        expand=["downloads", "likes", "gated", "lastModified", "gguf"],
    )
    return Found(repositories=tuple(_found(model) for model in models))


def describe(repository: str, revision: str) -> Described:
    """The repository's files and facts at one commit. Raises: failures.EXPECTED."""
    model = HfApi(library_name=NAME, library_version=__version__).model_info(
        repository, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS_MAX
    )
    if not model.sha:
        raise ValueError("the hub told no commit")
    facts = _gguf(model)
    files = []
    for file in model.siblings or ():
        if file.rfilename.casefold().endswith(".gguf") and file.size is not None:
            digest = file.lfs.sha256 if file.lfs else ""
            files.append(RemoteFile(path=file.rfilename, size=file.size, sha256=digest))
    return Described(
        repository=repository,
        commit=model.sha,
        files=tuple(files),
        licence=_licence(model),
        is_gated=bool(model.gated),
        parameters=_number(facts, "total"),
        architecture=_text(facts, "architecture"),
        context=_number(facts, "context_length"),
    )


def read_range(repository: str, revision: str, path: str, begin: int, length: int) -> RangeRead:
    """Bytes of a file from `begin`, `length` at most. Raises: failures.EXPECTED."""
    headers = headers_of_calls()
    headers["Range"] = f"bytes={begin}-{begin + length - 1}"
    url = hf_hub_url(repository, path, revision=revision)
    with get_session().stream("GET", url, headers=headers) as response:
        hf_raise_for_status(response)
        if response.status_code != httpx.codes.PARTIAL_CONTENT and begin:
            raise ValueError("the hub does not serve parts of files")
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) >= length:
                break  # A server that ignores the range would send the whole model.
        return RangeRead(content=bytes(content[:length]))


def headers_of_calls() -> dict[str, str]:
    """Who we are, and the owner's token where there is one; nothing that compresses."""
    headers = build_hf_headers(library_name=NAME, library_version=__version__)
    return {**headers, "Accept-Encoding": "identity"}


def _found(model: ModelInfo) -> FoundRepository:
    facts = _gguf(model)
    updated = model.last_modified
    return FoundRepository(
        name=model.id[:_TEXT_MAX],
        downloads=model.downloads or 0,
        likes=model.likes or 0,
        is_gated=bool(model.gated),
        updated_at=updated.isoformat() if isinstance(updated, datetime) else "",
        parameters=_number(facts, "total"),
        architecture=_text(facts, "architecture"),
        context=_number(facts, "context_length"),
    )


def _gguf(model: ModelInfo) -> Mapping[str, object]:
    """What the hub read of the GGUF headers of a repository."""
    facts: object = getattr(model, "gguf", None)
    return facts if isinstance(facts, dict) else {}


def _number(facts: Mapping[str, object], key: str) -> int:
    value = facts.get(key)
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0


def _text(facts: Mapping[str, object], key: str) -> str:
    value = facts.get(key)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _licence(model: ModelInfo) -> str:
    """As the repository's tags say it: `license:apache-2.0`."""
    tags = (str(tag) for tag in model.tags or ())
    found = (tag.partition(":")[2] for tag in tags if tag.startswith("license:"))
    return next(found, "")[:_TEXT_MAX]
