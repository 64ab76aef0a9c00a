"""Hub: questions to Hugging Face, by huggingface_hub's own code.

What comes back is a stranger's: it is taken apart here, field by field, into Structs of the wire;
names of files are judged by the server, which knows the rules (core/downloads/safe_names.py).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import httpx
from huggingface_hub import HfApi, get_session, hf_hub_url
from huggingface_hub.hf_api import ModelInfo, RepoSibling
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
_PATH_MAX: Final = 1000
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")

FILES_MAX: Final = 10_000
"""Of a repository; the largest of models have some hundred."""


def search(question: SearchHub) -> Found:
    """Repositories that have GGUF files. Raises: failures.EXPECTED."""
    with _sense():
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
    with _sense():
        model = HfApi(library_name=NAME, library_version=__version__).model_info(
            repository, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS_MAX
        )
        if not model.sha or not _COMMIT.fullmatch(model.sha):
            raise ValueError("the hub told no commit")
        facts = _gguf(model)
        siblings = (model.siblings or [])[:FILES_MAX]
        return Described(
            repository=repository,
            commit=model.sha,
            files=tuple(_file(each) for each in siblings if _is_model(each)),
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


@contextmanager
def _sense() -> Iterator[None]:
    """An answer of another form than the hub's is one error, wherever it is noticed."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no answer of a hub: {type(error).__name__}") from None


def _is_model(file: RepoSibling) -> bool:
    return file.rfilename.casefold().endswith(".gguf") and _is_count(file.size)


def _file(file: RepoSibling) -> RemoteFile:
    digest = file.lfs.sha256 if file.lfs else ""
    assert file.size is not None, "only files with a size are taken"
    return RemoteFile(path=_plain(file.rfilename), size=file.size, sha256=_plain(digest))


def _plain(text: str) -> str:
    """Text that can be sent on: without halves of characters, and not endless."""
    return text[:_PATH_MAX].encode("utf-8", "replace").decode()


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**63  # no bool


def _found(model: ModelInfo) -> FoundRepository:
    facts = _gguf(model)
    updated = model.last_modified
    return FoundRepository(
        name=_plain(model.id)[:_TEXT_MAX],
        downloads=model.downloads if _is_count(model.downloads) and model.downloads else 0,
        likes=model.likes if _is_count(model.likes) and model.likes else 0,
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
    return value if isinstance(value, int) and _is_count(value) else 0


def _text(facts: Mapping[str, object], key: str) -> str:
    value = facts.get(key)
    return _plain(value)[:_TEXT_MAX] if isinstance(value, str) else ""


def _licence(model: ModelInfo) -> str:
    """As the repository's tags say it: `license:apache-2.0`."""
    tags = (str(tag) for tag in model.tags or ())
    found = (tag.partition(":")[2] for tag in tags if tag.startswith("license:"))
    return _plain(next(found, ""))[:_TEXT_MAX]
