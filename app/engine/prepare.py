"""Prepare: everything about a request that needs no model run.

Rendering, tokenising and compiling grammars happen on a few threads beside the engine loop, so a
long conversation or a hard schema never makes a running stream wait. What is wrong with a request
is found here and told by an error of core/base/errors.py.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from app.core.base.errors import LOAD_LARGER, ContextExceeded, RequestError, Unsupported
from app.engine.backend import Vocabulary
from app.engine.chat.dialect import Dialect
from app.engine.chat.fuel import Limits
from app.engine.constrain import Constrainer, Constraint, grammar_of
from app.engine.ranges import check
from app.engine.transcript import Parser, PlainParser, Transcript
from app.wire.engine import (
    ApplyTemplate,
    Detokenize,
    Embed,
    Generate,
    PromptChat,
    PromptInfill,
    PromptText,
    PromptTokens,
    Text,
    Tokenize,
    Tokens,
)
from app.wire.model import ModelFacts

GRAMMARS_KEPT: Final = 32
"""Compiled grammars kept: an agent sends the same tools with every turn."""


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """A request as the model reads it: the prompt's text and tokens; and how to read the answer."""

    text: str
    tokens: list[int]
    markers: frozenset[int] = frozenset()
    """Control tokens whose text is part of how the answer is written."""
    new_parser: Callable[[], Parser] = PlainParser
    constraint: Constraint | None = None


@final
@dataclass(frozen=True, slots=True)
class PreparedGenerate:
    """A valid request with its tokens; `echo` is the prompt's text, where it is to be sent.

    There is a transcript for each choice; one has read what was answered before.
    """

    message: Generate
    arrival: int
    received: float
    tokens: list[int]
    echo: str
    transcripts: list[Transcript]


@final
@dataclass(frozen=True, slots=True)
class PreparedEmbed:
    """Inputs as tokens, each short enough."""

    message: Embed
    inputs: list[list[int]]


@final
class Preparer:
    """Turns messages into work for the loop. Thread-safe."""

    def __init__(self, facts: ModelFacts, vocabulary: Vocabulary, dialect: Dialect) -> None:
        self._facts = facts
        self._vocabulary = vocabulary
        self._dialect = dialect
        self._constrainer: Constrainer | None = None
        self._grammars: OrderedDict[str, Constraint] = OrderedDict()
        self._lock = threading.Lock()

    def generate(self, message: Generate, *, arrival: int, received: float) -> PreparedGenerate:
        """Raises: RequestError and its kin when the request cannot be served as written."""
        if self._facts.plan.is_embedding:
            raise Unsupported("this model makes embeddings, it cannot answer", field="model")
        if message.answered and message.choices != 1:
            raise RequestError("only an answer of one choice can go on", field="answered")
        self._check_characters(message)
        reading = self.read(message)
        prompt = len(reading.tokens)
        self._check_length(prompt, message)
        self._check_tokens([token for token, _ in message.sampling.logit_bias], "logit_bias")
        room = self._facts.plan.context - prompt
        room = room if message.max_tokens is None else min(room, message.max_tokens)
        transcripts = [self.transcript(message, reading, room) for _ in range(message.choices)]
        return PreparedGenerate(
            message=message,
            arrival=arrival,
            received=received,
            tokens=reading.tokens,
            echo=reading.text if message.echo and not message.answered else "",
            transcripts=transcripts,
        )

    def read(self, message: Generate) -> Reading:
        """The request as the model reads it. Raises: RequestError and its kin."""
        check(message)
        if isinstance(message.prompt, PromptChat):
            turn = self._dialect.prepare(message.prompt, message.output)
            return Reading(
                turn.text,
                self._tokenize_prompt(turn.text),
                self._marker_tokens(turn.markers),
                turn.new_parser,
                None if turn.grammar is None else self._compile(turn.grammar),
            )
        text, tokens = self._raw(message.prompt)
        grammar = None if message.output is None else grammar_of(message.output)
        return Reading(text, tokens, constraint=None if grammar is None else self._compile(grammar))

    def transcript(self, message: Generate, reading: Reading, tokens_max: int) -> Transcript:
        """What reads one answer of at most so many tokens, from after what was answered on.

        Raises: RequestError when no answer begins with what is said to be answered.
        """
        transcript = Transcript(
            constraint=None if reading.constraint is None else reading.constraint.fork(),
            parser=reading.new_parser(),
            stops=message.stop,
            markers=reading.markers,
            ignores_end=message.sampling.ignore_eos,
            tokens_max=tokens_max,
            vocabulary=self._vocabulary,
        )
        self._check_tokens(message.answered, "answered")
        transcript.replay(message.answered)
        return transcript

    def embed(self, message: Embed) -> PreparedEmbed:
        """Raises: RequestError and its kin."""
        facts = self._facts
        if not facts.plan.is_embedding:
            raise Unsupported("this model answers, it makes no embeddings", field="model")
        length = facts.embedding_length
        if message.dimensions is not None and not 0 < message.dimensions <= length:
            raise RequestError(f"dimensions must be between 1 and {length}", field="dimensions")
        limit = min(facts.plan.context, facts.plan.micro_batch)
        inputs = self.inputs(message)
        for tokens in inputs:
            if len(tokens) > limit:
                raise ContextExceeded(
                    prompt_tokens=len(tokens), context=limit, field="input", remedy=LOAD_LARGER
                )
        return PreparedEmbed(message, inputs)

    def inputs(self, message: Embed) -> list[list[int]]:
        """Texts to embed as tokens. Raises: RequestError when one is empty or is no text.

        None at all is refused too: a request is over with its last vector, and would have none.
        """
        if not message.inputs:
            raise RequestError("there is nothing to embed", field="input")
        inputs = []
        for text in message.inputs:
            if isinstance(text, str):
                tokens = self._vocabulary.tokenize(text, add_special=True, parse_special=False)
            else:
                tokens = list(text)
                self._check_tokens(tokens, "input")
            if not tokens:
                raise RequestError("an input is empty", field="input")
            inputs.append(tokens)
        return inputs

    def tokenize(self, message: Tokenize) -> Tokens:
        """Text as token ids."""
        tokens = self._vocabulary.tokenize(
            message.text, add_special=message.add_special, parse_special=message.parse_special
        )
        pieces = list(map(self._vocabulary.special_piece, tokens)) if message.with_pieces else []
        return Tokens(request=message.request, tokens=tokens, pieces=pieces)

    def detokenize(self, message: Detokenize) -> Text:
        """Token ids as text. Raises: RequestError for ids outside the vocabulary."""
        self._check_tokens(message.tokens, "tokens")
        return Text(request=message.request, text=self._vocabulary.detokenize(message.tokens))

    def template(self, message: ApplyTemplate) -> Text:
        """A conversation as the model would see it. Raises: RequestError, TemplateFailed."""
        turn = self._dialect.prepare(message.chat, None)
        return Text(request=message.request, text=turn.text)

    def _raw(
        self, prompt: PromptText | PromptTokens | PromptInfill | PromptChat
    ) -> tuple[str, list[int]]:
        """Text (for echo) and tokens of a prompt without a conversation."""
        match prompt:
            case PromptTokens(tokens=tokens):
                self._check_tokens(tokens, "prompt")
                return self._vocabulary.detokenize(tokens), self._or_begin(list(tokens))
            case PromptText(text=text):
                return text, self._or_begin(self._tokenize_prompt(text))
            case PromptInfill(prefix=prefix, suffix=suffix):
                return prefix, self._infill(prefix, suffix)
            case PromptChat():
                raise AssertionError("conversations are rendered by the dialect")

    def _infill(self, prefix: str, suffix: str) -> list[int]:
        """Prefix, suffix, then the mark after which the model writes what belongs between."""
        marks = self._vocabulary.infill
        if marks is None:
            raise Unsupported("this model cannot fill in: it has no such tokens", field="suffix")
        before, after, middle = marks
        words = self._vocabulary.tokenize
        begin = words("", add_special=True, parse_special=False)
        if begin and self._vocabulary.is_end(begin[-1]):
            begin = begin[:-1]
        return [
            *begin,
            before,
            *words(prefix, add_special=False, parse_special=False),
            after,
            *words(suffix, add_special=False, parse_special=False),
            middle,
        ]

    def _tokenize_prompt(self, text: str) -> list[int]:
        """Tokens with the model's beginning, which templates may have written already."""
        begins = bool(self._vocabulary.bos_text) and text.startswith(self._vocabulary.bos_text)
        return self._vocabulary.tokenize(text, add_special=not begins, parse_special=True)

    def _or_begin(self, tokens: list[int]) -> list[int]:
        """A model cannot answer nothing at all."""
        if not tokens:
            raise RequestError("the prompt is empty", field="prompt")
        return tokens

    def _marker_tokens(self, markers: tuple[str, ...]) -> frozenset[int]:
        """Markers that are one control token each; others arrive as plain text anyway."""
        tokens = set()
        for marker in markers:
            words = self._vocabulary.tokenize(marker, add_special=False, parse_special=True)
            if len(words) == 1 and self._vocabulary.is_control(words[0]):
                tokens.add(words[0])
        return frozenset(tokens)

    def _check_characters(self, message: Generate) -> None:
        """A conversation longer than any template may write is past the context.

        How many tokens it has is not said: counting those of 30 million characters takes half a
        minute.
        """
        if not isinstance(message.prompt, PromptChat):
            return
        contents = (said.get("content") for said in message.prompt.messages)
        characters = sum(len(text) for text in contents if isinstance(text, str))
        if characters > Limits().text:
            context = self._facts.plan.context
            raise ContextExceeded(
                prompt_tokens=0,
                context=context,
                message=f"request ({characters} characters) exceeds the available context size "
                f"({context} tokens), try increasing it",
                remedy=LOAD_LARGER,
            )

    def _check_length(self, prompt_tokens: int, message: Generate) -> None:
        """Prompt and what was answered fit, with room for a token more if one may be needed."""
        context = self._facts.plan.context
        tokens = prompt_tokens + len(message.answered)
        room = 0 if message.max_tokens == 0 or message.answered else 1
        if tokens + room > context:
            field = "messages" if isinstance(message.prompt, PromptChat) else "prompt"
            raise ContextExceeded(
                prompt_tokens=tokens, context=context, field=field, remedy=LOAD_LARGER
            )

    def _check_tokens(self, tokens: list[int], field: str) -> None:
        size = self._vocabulary.size
        for token in tokens:
            if not 0 <= token < size:
                raise RequestError(
                    f"token {token} is outside the vocabulary of {size} tokens", field=field
                )

    def _compile(self, grammar: str) -> Constraint:
        with self._lock:
            constrainer = self._constrainer = self._constrainer or self._new_constrainer()
            known = self._grammars.get(grammar)
        if known is None:
            # Without the lock: a hard one takes seconds, and others want theirs meanwhile.
            known = constrainer.compile(grammar)
        with self._lock:
            self._grammars[grammar] = known
            self._grammars.move_to_end(grammar)
            if len(self._grammars) > GRAMMARS_KEPT:
                self._grammars.popitem(last=False)
            return known.fork()

    def _new_constrainer(self) -> Constrainer:
        vocabulary = self._vocabulary
        ends = [token for token in range(vocabulary.size) if vocabulary.is_end(token)]
        return Constrainer(vocabulary.constraint_tokenizer(), ends)
