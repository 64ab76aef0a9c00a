"""llama-server's own endpoints: tokens, health, properties of the loaded model, load and unload."""

from typing import Annotated, Literal

from msgspec import Meta

from app.wire.openai.answer import Answer
from app.wire.openai.completions import TokenId
from app.wire.openai.request import ModelRequest, Request


class TokenizeRequest(ModelRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Text to tokens."""

    content: str
    add_special: bool | None = None
    parse_special: bool | None = None
    with_pieces: bool | None = None


class TokenPiece(Answer, frozen=True, kw_only=True):
    """A token and its text, or its bytes where they are not whole UTF-8."""

    id: int
    piece: str | list[int]


class TokenizeAnswer(Answer, frozen=True, kw_only=True):
    """Ids, or ids with pieces where they were asked for."""

    tokens: list[int | TokenPiece]


class DetokenizeRequest(ModelRequest, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens to text."""

    tokens: list[TokenId]


class DetokenizeAnswer(Answer, frozen=True, kw_only=True):
    """The text of the tokens."""

    content: str


class HealthAnswer(Answer, frozen=True, kw_only=True):
    """The server answers; `models` tells the state of those in memory."""

    status: Literal["ok"] = "ok"
    models: dict[str, str]


class DefaultParameters(Answer, frozen=True, kw_only=True):
    """What a request gets that names no parameter."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    repeat_penalty: float
    repeat_last_n: int
    presence_penalty: float
    frequency_penalty: float
    seed: int = -1
    n_predict: int = -1


class DefaultSettings(Answer, frozen=True, kw_only=True):
    """Context and parameters of a request that says nothing of them."""

    n_ctx: int
    params: DefaultParameters


class Modalities(Answer, frozen=True, kw_only=True):
    """What the model reads besides text."""

    vision: bool = False
    audio: bool = False


class PropertiesAnswer(Answer, frozen=True, kw_only=True):
    """llama-server's /props, for the loaded model; `is_sleeping` when none is loaded."""

    default_generation_settings: DefaultSettings
    total_slots: int
    model_path: str
    model_alias: str
    chat_template: str
    modalities: Modalities = Modalities()
    build_info: str
    is_sleeping: bool


class ModelCommand(Request, frozen=True, kw_only=True, omit_defaults=True):
    """`POST /models/load` and `/models/unload`."""

    model: Annotated[str, Meta(min_length=1, max_length=1024)]


class CommandAnswer(Answer, frozen=True, kw_only=True):
    """Done."""

    success: bool = True
