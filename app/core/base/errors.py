"""The one tree of errors for "the world failed" and "the caller asked for what cannot be".

    AthanorError
    ├── RequestError            the caller's fault; says which field
    │   ├── ContextExceeded     the prompt is longer than the context
    │   ├── TemplateFailed      the model's chat template raised, looped or exploded
    │   ├── InvalidGrammar      a schema, grammar or regular expression cannot be held to
    │   ├── TooLarge            more than one message of a pool may carry
    │   ├── ModelNotFound       no model of that name; carries the nearest names
    │   └── Unsupported         right request, wrong model (embeddings from a chat model)
    ├── Unauthorized            no key, or a wrong one
    ├── Forbidden               host, origin or scope not allowed
    ├── BodyLate                the request's body came too slowly to wait for its end
    ├── Busy                    try again later; carries retry_after_seconds
    │   ├── Paused              GPU memory was given to other programs; says why
    │   ├── Unserved            nobody in the pool can do it now; says what would work
    │   └── LimitReached        a limit of a key, project, account or address; says which
    ├── CreditsShort            the balance does not cover it; carries the numbers
    ├── UnknownHere             a pool's host has no account, key or machine of that name
    ├── RequestConflict         an idempotency key that stands for another request
    ├── EngineFailed            the engine child crashed, hung or refused to start
    ├── GpuGone                 the GPU that the model ran on is gone, and the CPU was not allowed
    ├── ModelDoesNotFit         memory is short; carries the numbers in its message
    ├── NotOurs                 a file of another program, which Athanor does not delete
    ├── ModelFileInvalid        a GGUF that is truncated, hostile or of another kind
    ├── HubUnreachable          the model hub, or the way to it, is down or switched off
    ├── RemoteNotFound          the hub has no such repository or file
    ├── AccessNeeded            gated or private: the hub lets us in with a token only
    ├── HubRefused              the hub answered what makes no sense, or refused
    ├── DiskFull                less is free than a download needs
    ├── KeyFileInvalid          a file with a secret key that is damaged, or that others can read
    ├── UpdateFailed            a new version cannot be believed, had or put in place
    ├── SealBroken              a sealed body that was changed, or was made for something else
    └── SettingsInvalid         a setting has a wrong value; names file, line and what is allowed

Each carries a `remedy`: what the owner can do about it, one sentence, "" when there is nothing.
HTTP answers are given to them once, in server/web/errors.py.
"""

from typing import ClassVar, Final, Literal

from app.core.base.units import CREDIT, Micros


class AthanorError(Exception):
    """Root of all expected failures. `kind` is its stable word on the wire and in logs."""

    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


Fault = Literal["missing_required_parameter", "invalid_type", "invalid_json"]
"""What is wrong with a body, in OpenAI's words where it has them, for a program that asks."""


class RequestError(AthanorError):
    """The request cannot be served as it is written. `field` is the path of the wrong field.

    `fault` is known of what cannot even be decoded; else it is a value.
    """

    kind: ClassVar[str] = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        remedy: str = "",
        fault: Fault | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field
        self.fault = fault


class ContextExceeded(RequestError):
    """The prompt needs more tokens than the context has. Nothing was computed, nothing cut."""

    kind: ClassVar[str] = "context_length_exceeded"

    def __init__(
        self,
        *,
        prompt_tokens: int,
        context: int,
        field: str | None = "messages",
        message: str = "",
        remedy: str = "",
    ) -> None:
        """Without a `remedy` it is one for whoever asks; `message` is for unknown numbers, 0."""
        super().__init__(
            message
            or f"request ({prompt_tokens} tokens) exceeds the available context size "
            f"({context} tokens), try increasing it",
            field=field,
            remedy=remedy
            or "Shorten the prompt, ask for fewer tokens, or for a model with a longer context.",
        )
        self.prompt_tokens = prompt_tokens
        self.context = context


LOAD_LARGER: Final = "Shorten the prompt, or load the model with a larger context."
"""What helps against ContextExceeded where the model is one's own: an engine says so."""


class TemplateFailed(RequestError):
    """The model's chat template raised, ran past its limits or gave no text."""

    kind: ClassVar[str] = "template_error"


class InvalidGrammar(RequestError):
    """A JSON schema, grammar or regular expression that output cannot be held to."""

    kind: ClassVar[str] = "invalid_grammar"


class Unsupported(RequestError):
    """The loaded model has no such ability."""

    kind: ClassVar[str] = "unsupported"


class TooLarge(RequestError):
    """The request, or the answer that it asks for, is more than a message of a pool may carry."""

    kind: ClassVar[str] = "request_too_large"


class ModelNotFound(RequestError):
    """No model answers to that name."""

    kind: ClassVar[str] = "model_not_found"

    def __init__(
        self,
        name: str,
        nearest: tuple[str, ...] = (),
        *,
        reason: str = "",
        remedy: str = "GET /v1/models lists those that there are.",
    ) -> None:
        """`reason` stands in the place of the sentence that there is no such model.

        `remedy` says where to look, and is left out where a reason or near names say more.
        """
        hint = f" Did you mean {' or '.join(repr(n) for n in nearest)}?" if nearest else ""
        super().__init__(
            (reason or f"model {name!r} not found.") + hint,
            field="model",
            remedy="" if nearest or reason else remedy,
        )
        self.name = name
        self.nearest = nearest


class Unauthorized(AthanorError):
    """A key is needed and none, or a wrong one, was given."""

    kind: ClassVar[str] = "unauthorized"


class Forbidden(AthanorError):
    """The host, the origin or the key's scope does not allow this."""

    kind: ClassVar[str] = "forbidden"


class BodyLate(AthanorError):
    """The body of the request came more slowly than it is waited for. Nothing was computed."""

    kind: ClassVar[str] = "body_late"

    def __init__(self) -> None:
        super().__init__(
            "the request's body did not come in time",
            remedy="Send it again, whole and without long pauses.",
        )


class Busy(AthanorError):
    """No room now; the same request may be sent again after `retry_after_seconds`."""

    kind: ClassVar[str] = "busy"

    def __init__(self, message: str, *, retry_after_seconds: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_seconds = retry_after_seconds


class Paused(Busy):
    """GPU memory is given to others for now: no model is loaded by a request."""

    kind: ClassVar[str] = "paused"


class Unserved(Busy):
    """Nobody in the pool can do it now, or in time."""

    kind: ClassVar[str] = "unserved"


class LimitReached(Busy):
    """So many requests, tokens or credits were allowed for a time, and they are used."""

    kind: ClassVar[str] = "limit_reached"


class CreditsShort(AthanorError):
    """The balance does not cover the beginning of the request. Nothing was computed."""

    kind: ClassVar[str] = "credits_short"

    def __init__(self, *, needed: Micros, available: Micros, remedy: str = "") -> None:
        super().__init__(
            f"this needs {_credits(needed)} credits to begin, and {_credits(available)} are "
            "available",
            remedy=remedy
            or "Lend a model to the pool, ask its host for credits, or ask for fewer tokens or a "
            "cheaper model.",
        )
        self.needed = needed
        self.available = available


class RequestConflict(AthanorError):
    """The same idempotency key was sent with another request, or its answer is not kept."""

    kind: ClassVar[str] = "request_conflict"


class EngineFailed(AthanorError):
    """The engine process ended, hung or could not start."""

    kind: ClassVar[str] = "engine_failed"


class GpuGone(AthanorError):
    """The GPU that the model would run on is gone; it is not run on the CPU in silence."""

    kind: ClassVar[str] = "gpu_gone"


class ModelDoesNotFit(AthanorError):
    """The model needs more memory than there is, even in the smallest plan."""

    kind: ClassVar[str] = "model_does_not_fit"


class ModelFileInvalid(AthanorError):
    """The file is not a GGUF that is safe to give to llama.cpp."""

    kind: ClassVar[str] = "model_file_invalid"


class UnknownHere(AthanorError):
    """There is no account, project, key, invite, machine, request or receipt of that name."""

    kind: ClassVar[str] = "not_found"


class NotOurs(AthanorError):
    """The file belongs to another program; the remedy says whose it is and how to delete it."""

    kind: ClassVar[str] = "not_ours"


class SettingsInvalid(AthanorError):
    """A setting has a value outside what is allowed."""

    kind: ClassVar[str] = "settings_invalid"


class HubUnreachable(AthanorError):
    """The model hub does not answer, or nothing may be asked of it."""

    kind: ClassVar[str] = "hub_unreachable"


class RemoteNotFound(AthanorError):
    """The hub has no such repository, or nothing in it that can be used here."""

    kind: ClassVar[str] = "remote_not_found"


class AccessNeeded(AthanorError):
    """The hub lets in only who has agreed to terms, or has the right token."""

    kind: ClassVar[str] = "access_needed"


class HubRefused(AthanorError):
    """The hub, or what stands in its place, answered something that cannot be used."""

    kind: ClassVar[str] = "hub_refused"


class DiskFull(AthanorError):
    """Less is free on the disk than is needed."""

    kind: ClassVar[str] = "disk_full"


def _credits(amount: Micros) -> str:
    """An amount as people read it, exact."""
    sign, rest = "-" if amount < 0 else "", abs(amount)
    return f"{sign}{rest // CREDIT}.{rest % CREDIT:06}".rstrip("0").rstrip(".")


class KeyFileInvalid(AthanorError):
    """The file of a secret key is damaged, or others than its owner could read it."""

    kind: ClassVar[str] = "key_file_invalid"


class SealBroken(AthanorError):
    """A sealed body cannot be opened: changed on its way, or not made for this job and device."""

    kind: ClassVar[str] = "seal_broken"


class UpdateFailed(AthanorError):
    """A new version cannot be believed, fetched or put in the place of this one."""

    kind: ClassVar[str] = "update_failed"
