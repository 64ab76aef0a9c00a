"""The chat answer: whole (`chat.completion`) and in pieces (`chat.completion.chunk`).

An UNSET field is absent from the JSON, a None is null: clients tell the two apart (a first chunk
has `content: ""`, a tool-call chunk has no content at all).
"""

from typing import Literal

from msgspec import UNSET, UnsetType

from app.wire.openai.answer import Answer, FinishReason, PromptProgress, Timings, Usage


class TopLogprob(Answer, frozen=True, kw_only=True):
    """A token that could have stood here. `bytes` tells what `token` cannot when UTF-8 is split."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenLogprob(Answer, frozen=True, kw_only=True):
    """A token of the answer with the likeliest ones at its place."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: tuple[TopLogprob, ...] = ()


class ChatLogprobs(Answer, frozen=True, kw_only=True):
    """Log probabilities of the answer's tokens, in order."""

    content: list[TokenLogprob] | None = None
    refusal: list[TokenLogprob] | None = None


# --- whole -----------------------------------------------------------------------------------


class FunctionCall(Answer, frozen=True, kw_only=True):
    """A call that the model asks for; `arguments` is JSON text."""

    name: str
    arguments: str


class MessageToolCall(Answer, frozen=True, kw_only=True):
    """One tool call of the answer."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class AnswerMessage(Answer, frozen=True, kw_only=True):
    """The model's turn."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[MessageToolCall] | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET


class ChatChoice(Answer, frozen=True, kw_only=True):
    """One of the `n` answers."""

    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None = None
    finish_reason: FinishReason


class ChatCompletion(Answer, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage
    timings: Timings | UnsetType = UNSET


# --- in pieces -------------------------------------------------------------------------------


class DeltaFunction(Answer, frozen=True, kw_only=True):
    """A call's name, or a piece of its arguments."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class DeltaToolCall(Answer, frozen=True, kw_only=True):
    """A piece of a tool call; the first has id, type and name, all have the index."""

    index: int
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET
    function: DeltaFunction | UnsetType = UNSET


class ChatDelta(Answer, frozen=True, kw_only=True):
    """What a chunk adds to its choice."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[DeltaToolCall] | UnsetType = UNSET
    function_call: DeltaFunction | UnsetType = UNSET


class ChunkChoice(Answer, frozen=True, kw_only=True):
    """A chunk's part of one choice."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None = None
    finish_reason: FinishReason | None = None


class ChatChunk(Answer, frozen=True, kw_only=True):
    """One event of the stream. The usage trailer has no choices."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    timings: Timings | UnsetType = UNSET
    prompt_progress: PromptProgress | UnsetType = UNSET
