"""What the server and an engine child say to each other: here what the server asks.

Two tagged unions: `ToEngine` goes down stdin, `FromEngine` (wire/engine_events.py) comes up stdout.
The engine's life is `Start` -> `Loading`* -> `Ready` | `Failed`; a request's life is told in
`Generate`'s docstring.

Rule: fields that carry a user's words live in Structs derived from `Private`, whose repr shows
only a name, so that no log line can quote them.
"""

from app.core.base.ids import Domain, RequestId
from app.core.models.plan import LoadPlan
from app.core.scheduling.sequence import Priority
from app.wire.engine_events import (
    Begun,
    CallArguments,
    CallBegun,
    Completed,
    Delta,
    Embedded,
    Ended,
    Failed,
    FromEngine,
    Gauges,
    Loading,
    Measured,
    Part,
    Progress,
    Ready,
    Reasoned,
    Refused,
    Said,
    Text,
    Timings,
    TokenLogprob,
    Tokens,
    Usage,
)
from app.wire.message import Json, Message, Private
from app.wire.model import ModelSource

__all__ = [
    "ApplyTemplate",
    "Begun",
    "CallArguments",
    "CallBegun",
    "Cancel",
    "Completed",
    "Delta",
    "Detokenize",
    "Drain",
    "Embed",
    "Embedded",
    "Ended",
    "Failed",
    "FromEngine",
    "Gauges",
    "Generate",
    "Loading",
    "Measure",
    "Measured",
    "OutputForm",
    "OutputGrammar",
    "OutputJson",
    "OutputRegex",
    "OutputSchema",
    "Part",
    "Progress",
    "Prompt",
    "PromptChat",
    "PromptInfill",
    "PromptText",
    "PromptTokens",
    "Ready",
    "Reasoned",
    "Refused",
    "Said",
    "Sampling",
    "Start",
    "Text",
    "Timings",
    "ToEngine",
    "TokenLogprob",
    "Tokenize",
    "Tokens",
    "Usage",
]


class Start(Message, frozen=True, kw_only=True, omit_defaults=True, tag="start"):
    """First message: load this."""

    source: ModelSource
    plan: LoadPlan
    is_vocabulary_only: bool = False
    """No weights, no memory, no answers: only `Tokenize`, `Detokenize`, `ApplyTemplate` and
    `Measure` are served then, from a model's file or its head (server/models/heads.py)."""
    memory_bytes_max: int = 0
    """Memory of its own that the child may take, where the system can hold it to that; 0: any."""


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
    with_tokens: bool = False
    """A `Delta` for every step, also where all text is held back, with the ids of its tokens."""
    answered: list[int] = []
    """Tokens of the answer that earlier attempts delivered, of one choice. They are read in silence
    by all that reads an answer, count in `max_tokens`, and the answer goes on after them: only what
    follows is sent, and no echo. On equal arithmetic it is the answer that was interrupted, also
    where it is drawn, if `Sampling.seed` was given; but for XTC and mirostat, whose state is not in
    the tokens."""


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


class Measure(Private, frozen=True, kw_only=True, omit_defaults=True, tag="measure"):
    """What an attempt should cost, and whether it is what was asked; answered by `Measured`.

    `work.answered` holds the tokens before the attempt, `tokens` those of the attempt and `parts`
    what it delivered, whole or cut off anywhere between two Deltas.
    """

    request: RequestId
    work: Generate | Embed
    tokens: list[int] = []
    parts: list[Part] = []


class Cancel(Message, frozen=True, kw_only=True, omit_defaults=True, tag="cancel"):
    """The client left: free the request's cells at the next step. Unknown ids are ignored."""

    request: RequestId


class Drain(Message, frozen=True, kw_only=True, omit_defaults=True, tag="drain"):
    """Take no more, finish what runs, then exit 0."""


ToEngine = (
    Start | Generate | Embed | Tokenize | Detokenize | ApplyTemplate | Measure | Cancel | Drain
)
