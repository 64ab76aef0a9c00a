"""Names: what a model is called, and every way in which people and programs spell that.

The canonical name comes from the file's place alone, so that it is known before the file is read
and does not change when it is: `Qwen3-8B-Q4_K_M.gguf` is `qwen3-8b:q4_k_m`. All else are spellings:
Ollama's `name:tag`, llama.cpp's `user/repo:QUANT`, LM Studio's `publisher/model@quant`, file names,
and any of these behind `hf.co/` or a LiteLLM prefix. They are compared by `key`, which case and
punctuation do not change.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from app.core.base.ids import ModelName
from app.core.models.card import ModelCard

NAME_LENGTH_MAX: Final = 512
"""Characters of a name that are looked at; longer ones are cut, since they come from requests."""

DEFAULT_TAG: Final = "latest"

OLLAMA_HOST: Final = "registry.ollama.ai"
OLLAMA_NAMESPACE: Final = "library"
"""Where Ollama's own models are, which it leaves out of a name."""

HUB_HOSTS: Final = frozenset({"hf.co", "huggingface.co"})
"""Hosts whose names are a publisher and a repository of Hugging Face."""

_QUANT: Final = re.compile(
    r"""(?:^|[-._ ])
    (?P<quant>
        (?:(?:ud|i1)-)?
        (?: i?q\d (?:_\d | _k)? (?:_(?:xxs|xs|s|m|l|xl|nl|\d_\d))?
          | tq[12]_0
          | (?:bf|fp|f)16 | (?:fp|f)32
          | (?:mxfp4|nvfp4)(?:_moe)?
        )
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
"""A quantisation word at the end of a file's name."""

_REPOSITORY_END: Final = re.compile(r"[-._](?:i1[-._])?gguf$", re.IGNORECASE)
_GENERIC: Final = frozenset({"", "model", "ggml-model", "gguf", "ggml", "weights", "main"})
_UNSAFE: Final = re.compile(r"[^\w.+-]+")

PROVIDERS: Final = (
    "https://",
    "http://",
    "hf.co/",
    "huggingface.co/",
    "huggingface/",
    "registry.ollama.ai/",
    "library/",
    "openai/",
    "lm_studio/",
    "lmstudio/",
    "ollama/",
    "ollama_chat/",
    "litellm_proxy/",
    "llamafile/",
    "hosted_vllm/",
    "text-completion-openai/",
    "athanor/",
    "user.",
)
"""What programs put before a model's name to say where it is served."""


@final
@dataclass(frozen=True, slots=True)
class Origin:
    """What the place of a model's file says of it; "" for what it does not say."""

    stem: str
    """The file's name without `.gguf` and shard number."""
    base: str
    quant: str
    repository: str = ""
    """The folder it lies in."""
    publisher: str = ""
    """The folder above that."""
    tag: str = ""
    """What stands behind the colon where the program that owns it says so (Ollama)."""
    names: tuple[str, ...] = ()
    """What that program calls it, each name whole."""

    @property
    def canonical(self) -> ModelName:
        """The name it is listed by, unless another file has it already."""
        base, tag = slug(self.base), self.tag or self.quant
        return ModelName(f"{base}:{slug(tag)}" if tag else base)


def origin_of(folders: Sequence[str], stem: str) -> Origin:
    """The origin of a file `stem`, in `folders` below the library's own, outermost first."""
    # Repositories of large models keep each quantisation in a folder: `org/repo/Q4_K_M/...`.
    named = list(folders)
    while len(named) > 1 and quant_of(named[-1]) == named[-1]:
        named.pop()
    repository = named[-1] if named else ""
    publisher = named[-2] if len(named) > 1 else ""
    return origin_in(publisher, repository, stem)


def origin_in(publisher: str, repository: str, stem: str) -> Origin:
    """The origin of a file `stem` of a repository, as Hugging Face names it."""
    quant = quant_of(stem)
    base = stem[: -len(quant)] if quant else stem
    if base.casefold().strip("-._ ") in _GENERIC and repository:
        base = without_gguf(repository)
    names = (f"{publisher}/{repository}",) if publisher else ()
    return Origin(stem, base.strip("-._ ") or stem, quant, repository, publisher, names=names)


def origin_in_ollama(host: str, namespace: str, name: str, tag: str) -> Origin:
    """The origin of a model that Ollama has a manifest of: `host/namespace/name:tag`."""
    is_default = tag == DEFAULT_TAG
    if host in HUB_HOSTS:
        whole = f"{host}/{namespace}/{name}:{tag}"
        bare, is_quant = without_gguf(name), bool(quant_of(tag))
        hub = origin_in(namespace, name, f"{bare}-{tag}" if is_quant else bare)
        return replace(hub, tag="" if hub.quant or is_default else tag, names=(whole,))
    is_usual = host == OLLAMA_HOST
    publisher = "" if is_usual and namespace == OLLAMA_NAMESPACE else namespace
    whole = "/".join(part for part in ("" if is_usual else host, publisher, name) if part)
    return Origin(
        stem=name if is_default else f"{name}-{tag}",
        base=name,
        quant=quant_of(tag),
        repository=name,
        publisher=publisher,
        tag="" if is_default else tag,
        names=(f"{whole}:{tag}",),
    )


def quant_of(text: str) -> str:
    """The quantisation word that `text` ends in, as it stands there; "" for none."""
    match = _QUANT.search(text)
    return match["quant"] if match else ""


def without_gguf(repository: str) -> str:
    """A repository's name without the `-GGUF` that says only what is in it."""
    return _REPOSITORY_END.sub("", repository)


def slug(text: str) -> str:
    """`text` as part of a canonical name: lower case, no spaces, slashes or colons."""
    return _UNSAFE.sub("-", text.casefold()).strip("-.") or "model"


def spellings(origin: Origin, card: ModelCard | None = None) -> Iterator[str]:
    """Names that may mean this model, the canonical one first. They may mean others too."""
    yield origin.canonical
    yield origin.stem
    yield from origin.names
    yield from _tagged(origin.base, origin.quant)
    if origin.tag:
        yield f"{origin.base}:{origin.tag}"
        if origin.publisher:
            yield f"{origin.publisher}/{origin.base}:{origin.tag}"
    repository = without_gguf(origin.repository)
    if repository:
        yield from _tagged(repository, origin.quant)
        yield from _tagged(origin.repository, origin.quant)
        yield f"{origin.repository}/{origin.stem}"
    if origin.publisher:
        for name in {origin.base, origin.repository, repository}:
            yield from _tagged(f"{origin.publisher}/{name}", origin.quant)
        yield f"{origin.publisher}/{origin.repository}/{origin.stem}"
    if card is not None:
        quant = origin.quant or card.quantisation
        yield from _tagged(origin.base, quant)
        for name in {card.name, _described(card)} - {""}:
            yield from _tagged(name, quant)


def usual_names(origin: Origin) -> tuple[str, ...]:
    """What other programs call this model, for people to read: `org/repo:QUANT`, `name:tag`."""
    names = list(origin.names)
    if origin.publisher and origin.repository and not origin.tag:
        names = list(_tagged(f"{origin.publisher}/{origin.repository}", origin.quant))[-1:]
    names.append(origin.stem)
    return tuple(dict.fromkeys(names))


def _tagged(name: str, quant: str) -> Iterator[str]:
    yield name
    if quant:
        yield f"{name}:{quant}"


def _described(card: ModelCard) -> str:
    """`basename-size-finetune` of the file's own words, as repositories are named."""
    parts = (card.basename, card.size_label, card.finetune)
    return "-".join(part for part in parts if part) if card.basename else ""


def reading_order(name: str) -> tuple[list[str | int], str]:
    """By which a list of names is sorted for people: numbers by value, so that 9b precedes 10b."""
    parts = re.split("([0-9]+)", name.casefold())
    # Every second part is a number; the name as it is parts those that differ in case alone.
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def key(name: str) -> str:
    """What spellings of one name have in common: letters and digits, folded.

    Separators go, except between two digits, lest 3-8b and 38b be the same.
    """
    folded = name[:NAME_LENGTH_MAX].casefold().strip()
    folded = folded.removesuffix(f":{DEFAULT_TAG}").removesuffix(".gguf")
    folded = re.sub(r"[-_.:@ +]+", "-", folded)
    folded = re.sub(r"(?<!\d)-|-(?!\d)", "", folded)
    return folded.strip("/")


def readings(name: str) -> Iterator[str]:
    """What a request's name may mean, likeliest first: as it is, then without what is put before.

    A provider's word may also be a publisher's (`openai/gpt-oss-20b`), so nothing is taken away
    from the first.
    """
    name = name[:NAME_LENGTH_MAX].strip()
    yield name
    rest = name
    while True:
        folded = rest.casefold()
        prefix = next((one for one in PROVIDERS if folded.startswith(one)), None)
        if prefix is None:
            break
        rest = rest[len(prefix) :]
        yield rest
    if "/" in rest:
        yield rest.rsplit("/", 1)[1]
    # LM Studio numbers the loaded copies of a model: `name:2`.
    if instance := re.fullmatch(r"(.+):\d{1,2}", rest):
        yield instance[1]
