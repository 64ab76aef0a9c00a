"""What the server and an engine child say to each other.

Two tagged unions: `ToEngine` goes down stdin, `FromEngine` comes up stdout. The engine's life is
`Start` -> `Loading`* -> `Ready` | `Failed`; a request's life is told in `Generate`'s docstring.

Rule: fields that carry a user's words live in Structs derived from `Private`, whose repr shows
only a name, so that no log line can quote them.
"""

from typing import Literal

from app.core.base.ids import Domain, RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.wire.message import Json, Message, Private
from app.wire.model import ModelFacts, ModelSource

# --- requests: server to engine --------------------------------------------------------------


class Start(Message, frozen=True, kw_only=True, omit_defaults=True, tag="start"):
    """First message: load this."""

    source: ModelSource
    plan: LoadPlan


class PromptText(Private, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """A raw completion prompt; special tokens in it are parsed, BOS is added as the model asks."""

    text: str


class PromptTokens(Private, frozen=True, kw_only=True, omit_defaults=True, tag="tokens"):
    """A prompt that the client tokenised; taken as it is."""

    tokens: list[int]


class PromptInfill(Private, frozen=True, kw_only=True, omit_defaults=True, tag="infill"):
    """Fill in the middle between prefix and suffix."""

    prefix: str
    suffix: str


class PromptChat(Private, frozen=True, kw_only=True, omit_defaults=True, tag="chat"):
    """A conversation, rendered in the engine by the model's own template.

    Messages are in OpenAI's shape, with content already flattened to text or None; assistant
    messages may carry `tool_calls` and `reasoning_content`. Tools are OpenAI's function tools.
    """

    messages: list[Json]
    tools: list[Json] = []
    tool_choice: str = "auto"
    """auto, none, required, or a function's name after "function:"."""
    parallel_tool_calls: bool = True
    reasoning_effort: str | None = None
    template_arguments: Json = {}
    continue_last: bool = False
    """The last assistant message is a beginning to continue, not a finished turn."""


Prompt = PromptText | PromptTokens | PromptInfill | PromptChat


class OutputJson(Message, frozen=True, kw_only=True, omit_defaults=True, tag="json"):
    """Any JSON object."""


class OutputSchema(Private, frozen=True, kw_only=True, omit_defaults=True, tag="schema"):
    """JSON held to a schema."""

    schema: Json | bool


class OutputGrammar(Private, frozen=True, kw_only=True, omit_defaults=True, tag="grammar"):
    """Text held to a grammar, GBNF or Lark (told apart by its first rule)."""

    text: str


class OutputRegex(Private, frozen=True, kw_only=True, omit_defaults=True, tag="regex"):
    """Text held to a regular expression."""

    pattern: str


OutputForm = OutputJson | OutputSchema | OutputGrammar | OutputRegex


class Sampling(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Sampler parameters with llama.cpp's meanings and defaults.

    Order of the chain: logit bias, penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC,
    temperature (dynamic when its range > 0), then the draw; mirostat replaces all after penalties.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    min_keep: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int | None = None
    """None draws one; equal seeds give equal answers whatever else runs."""
    ignore_eos: bool = False


class Generate(Private, frozen=True, kw_only=True, omit_defaults=True, tag="generate"):
    """Text from a prompt, `choices` times.

    Answered by `Refused`, or by `Begun`, any number of `Progress` and `Delta`, one `Ended` for each
    choice and one `Completed`; `Refused` may also cut a begun answer short. After `Cancel` nothing
    more is sent but a possible last event that was already under way.
    """

    request: RequestId
    prompt: Prompt
    domain: Domain = Domain("owner")
    priority: Priority = Priority.OWNER
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    choices: int = 1
    output: OutputForm | None = None
    top_logprobs: int | None = None
    """None: no logprobs. 0: of the chosen token alone. n: with the n likeliest."""
    echo: bool = False
    """The prompt's text is sent before the answer's."""
    cache_prompt: bool = True
    progress: bool = False


class Embed(Private, frozen=True, kw_only=True, omit_defaults=True, tag="embed"):
    """One vector for each input, answered by `Embedded` or `Refused`."""

    request: RequestId
    inputs: list[str | list[int]]
    dimensions: int | None = None
    normalize: bool = True


class Tokenize(Private, frozen=True, kw_only=True, omit_defaults=True, tag="tokenize"):
    """Answered by `Tokens`."""

    request: RequestId
    text: str
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class Detokenize(Private, frozen=True, kw_only=True, omit_defaults=True, tag="detokenize"):
    """Answered by `Text`."""

    request: RequestId
    tokens: list[int]


class ApplyTemplate(Private, frozen=True, kw_only=True, omit_defaults=True, tag="template"):
    """Answered by `Text`: the prompt as the model would see it."""

    request: RequestId
    chat: PromptChat


class Cancel(Message, frozen=True, kw_only=True, omit_defaults=True, tag="cancel"):
    """The client left: free the request's cells at the next step. Unknown ids are ignored."""

    request: RequestId


class Drain(Message, frozen=True, kw_only=True, omit_defaults=True, tag="drain"):
    """Take no more, finish what runs, then exit 0."""


ToEngine = Start | Generate | Embed | Tokenize | Detokenize | ApplyTemplate | Cancel | Drain


# --- answers: engine to server ---------------------------------------------------------------


class Loading(Message, frozen=True, kw_only=True, omit_defaults=True, tag="loading"):
    """Progress of the load; `fraction` of the stage that is named, 0 to 1."""

    stage: Literal["library", "weights", "context", "template", "warmup"]
    fraction: float = 0.0


class Ready(Message, frozen=True, kw_only=True, omit_defaults=True, tag="ready"):
    """The model serves. `version` is the engine program's, for the log."""

    facts: ModelFacts
    version: str


class Failed(Message, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The load cannot succeed; the child exits after it."""

    kind: str
    message: str
    remedy: str = ""


class Begun(Message, frozen=True, kw_only=True, omit_defaults=True, tag="begun"):
    """The request is valid, tokenised and queued."""

    request: RequestId
    prompt_tokens: int


class Progress(Message, frozen=True, kw_only=True, omit_defaults=True, tag="progress"):
    """Prefill so far; only when asked for. `cached` of `total` needed no work."""

    request: RequestId
    total: int
    cached: int
    processed: int
    ms: float


class TokenLogprob(Private, frozen=True, kw_only=True, omit_defaults=True):
    """One token with its log probability (natural log, before sampling)."""

    token: int
    piece: bytes
    logprob: float
    top: tuple[tuple[int, bytes, float], ...] = ()


class Said(Private, frozen=True, kw_only=True, omit_defaults=True, tag="said"):
    """Text of the answer."""

    text: str


class Reasoned(Private, frozen=True, kw_only=True, omit_defaults=True, tag="reasoned"):
    """Text of the model's reasoning, without its markers."""

    text: str


class CallBegun(Private, frozen=True, kw_only=True, omit_defaults=True, tag="call"):
    """A tool call starts; its name is whole. `index` counts calls of the choice from 0."""

    index: int
    id: str
    name: str


class CallArguments(Private, frozen=True, kw_only=True, omit_defaults=True, tag="arguments"):
    """A piece of the call's arguments: JSON text, whole when all pieces are joined."""

    index: int
    text: str


Part = Said | Reasoned | CallBegun | CallArguments


class Delta(Private, frozen=True, kw_only=True, omit_defaults=True, tag="delta"):
    """What one step added to one choice. `parts` may be empty while text is held back."""

    request: RequestId
    choice: int
    parts: list[Part]
    logprobs: list[TokenLogprob] = []
    tokens: int = 1
    """Tokens of the choice since its last Delta, those of text held back too."""


class Ended(Message, frozen=True, kw_only=True, omit_defaults=True, tag="ended"):
    """One choice is complete."""

    request: RequestId
    choice: int
    reason: Literal["stop", "length", "tool_calls"]
    stop: str | None = None
    """The stop string that ended it, where one did."""


class Usage(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens, all choices together; the prompt counts once."""

    prompt: int
    cached: int
    completion: int
    reasoning: int = 0
    drafted: int = 0
    """Tokens proposed by speculation, and how many of them were right."""
    accepted: int = 0


class Timings(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Milliseconds: in the queue, in prefill (admitted to first token), in decode."""

    queue_ms: float
    prompt_ms: float
    decode_ms: float


class Completed(Message, frozen=True, kw_only=True, omit_defaults=True, tag="completed"):
    """All choices ended; the last event of the request."""

    request: RequestId
    usage: Usage
    timings: Timings


class Refused(Message, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """The request ends here. `kind` is a word of core/base/errors.py."""

    request: RequestId
    kind: str
    message: str
    field: str | None = None
    remedy: str = ""
    prompt_tokens: int = 0
    context: int = 0
    retry_after_seconds: int = 0


class Embedded(Private, frozen=True, kw_only=True, omit_defaults=True, tag="embedded"):
    """Vectors in order of the inputs, each little-endian float32."""

    request: RequestId
    vectors: list[bytes]
    prompt_tokens: int


class Tokens(Private, frozen=True, kw_only=True, omit_defaults=True, tag="tokens"):
    """Token ids, and each one's bytes when pieces were asked for."""

    request: RequestId
    tokens: list[int]
    pieces: list[bytes] = []


class Text(Private, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """A text that was asked for."""

    request: RequestId
    text: str


class Gauges(Message, frozen=True, kw_only=True, omit_defaults=True, tag="gauges"):
    """How busy the engine is: sent when it changed, at most a few times a second."""

    running: int
    waiting: int
    parked: int
    kept: int
    cells_used: int
    cells: int
    prompt_tokens: int
    """Computed since the start, cached ones not counted."""
    cached_tokens: int
    completion_tokens: int
    decode_calls: int
    busy_seconds: float


FromEngine = (
    Loading
    | Ready
    | Failed
    | Begun
    | Progress
    | Delta
    | Ended
    | Completed
    | Refused
    | Embedded
    | Tokens
    | Text
    | Gauges
)
