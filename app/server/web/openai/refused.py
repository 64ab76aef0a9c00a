"""Refused: what this build cannot do is named and answered 400, never silently left out."""

from typing import Final

from app.core.base.errors import RequestError
from app.server.web.invalid import invalid
from app.wire.openai.chat import ChatRequest
from app.wire.openai.completions import CompletionRequest

_NO_SUCH_ABILITY: Final = {
    "audio": "this server does not speak",
    "web_search_options": "this server does not search the web",
    "moderation": "this server does not moderate",
}

_PART_NAMES: Final = {
    "image_url": "images",
    "input_image": "images",
    "input_audio": "sound",
    "video_url": "video",
    "input_video": "video",
    "file": "files",
}


def refuse_unsupported(request: ChatRequest) -> None:
    """Raises: RequestError naming the first field that asks for what is not there."""
    for field, reason in _NO_SUCH_ABILITY.items():
        if getattr(request, field) is not None:
            raise invalid(field, reason)
    for index, modality in enumerate(request.modalities or []):
        if modality != "text":
            raise invalid(f"modalities[{index}]", "this server answers in text only")
    for index, tool in enumerate(request.tools or []):
        if tool.type != "function" or tool.function is None:
            raise invalid(
                f"tools[{index}]",
                "only tools of the type 'function' are supported, and they need `function`",
            )


def refuse_best_of(request: CompletionRequest) -> None:
    """Raises: RequestError: choosing the best of more answers than are wanted is not offered."""
    if request.best_of is not None and request.best_of != (request.n or 1):
        raise invalid("best_of", "must equal n, since answers are not ranked here")
    if request.echo and request.logprobs is not None:
        raise invalid(
            "logprobs", "those of the prompt are not computed: ask for echo or for logprobs"
        )


def unreadable_part(kind: str, field: str) -> RequestError:
    """The error for a content part that is not text."""
    name = _PART_NAMES.get(kind)
    if name is None:
        return invalid(f"{field}.type", f"unknown type {kind!r}")
    return invalid(f"{field}.type", f"this server cannot read {name} yet ({kind!r})")
