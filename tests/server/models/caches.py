"""Caches: real tiny models, laid out as other programs lay theirs out."""

import hashlib
import json
import os
from pathlib import Path

from app.server.models.found import Place
from tests.server.models.assemble import STRING, Gguf, Tensor, scalar

REVISION = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"


def content(name: str = "Small", *, extra: int = 0) -> bytes:
    """A valid model; another name, another content."""
    file = Gguf()
    file.keys[1] = scalar("general.name", STRING, name)
    if extra:
        file.tensors.append(Tensor("extra.weight", (8, extra)))
    return file.content()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put_hub(
    cache: Path,
    repository: str,
    name: str,
    data: bytes,
    *,
    revision: str = REVISION,
    is_main: bool = True,
    digest: str = "",
) -> Path:
    """A file in Hugging Face's cache: a link in a snapshot, to a blob named by its digest."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    blob = folder / "blobs" / (digest or sha256(data))
    link = folder / "snapshots" / revision / name
    for made in (blob.parent, link.parent, folder / "refs"):
        made.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    link.symlink_to(os.path.relpath(blob, link.parent))
    if is_main:
        (folder / "refs" / "main").write_text(revision)
    return link


def hub(cache: Path) -> Place:
    return Place(cache, "hugging-face", "hub")


def put_ollama(
    store: Path,
    name: str,
    data: bytes,
    *,
    host: str = "registry.ollama.ai",
    layers: tuple[dict[str, object], ...] = (),
    digest: str = "",
) -> Path:
    """A model in Ollama's store, as `namespace/name:tag`."""
    path, _, tag = name.partition(":")
    digest = digest or sha256(data)
    blob = store / "blobs" / f"sha256-{digest}"
    manifest = store / "manifests" / host / path / tag
    for made in (blob.parent, manifest.parent):
        made.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    kind = "application/vnd.ollama.image"
    model = {"mediaType": f"{kind}.model", "digest": f"sha256:{digest}", "size": len(data)}
    others = [
        {"mediaType": f"{kind}.template", "digest": "sha256:" + "a" * 64, "size": 3},
        {"mediaType": f"{kind}.params", "digest": "sha256:" + "b" * 64, "size": 3},
    ]
    content = {"schemaVersion": 2, "config": {}, "layers": [others[0], model, others[1], *layers]}
    manifest.write_text(json.dumps(content))
    return blob


def ollama(store: Path) -> Place:
    return Place(store, "ollama", "ollama")


def put_llama(
    cache: Path, repository: str, name: str, data: bytes, *, has_manifest: bool = True
) -> Path:
    """A file in llama.cpp's older, flat cache."""
    cache.mkdir(parents=True, exist_ok=True)
    organisation, _, rest = repository.partition("/")
    path = cache / f"{organisation}_{rest}_{name}"
    path.write_bytes(data)
    Path(f"{path}.etag").write_text('"x"')
    if has_manifest:
        file = {"rfilename": name, "size": len(data), "lfs": {"sha256": sha256(data)}}
        manifest = cache / f"manifest={organisation}={rest}=latest.json"
        manifest.write_text(json.dumps({"ggufFile": file, "siblings": []}))
    return path


def llama_cpp(cache: Path) -> Place:
    return Place(cache, "llama.cpp", "llama.cpp")
