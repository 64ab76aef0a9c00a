"""Service: a loaded model that takes messages.

Requests are prepared on a few threads and then put before the loop, those that need a grammar on
others than those that need none: a hard schema takes seconds. A request that leaves while it
is being prepared is remembered here, since the loop does not know it yet.
"""

import itertools
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, final

import msgspec

from app.core.base.errors import AthanorError, Busy, Unsupported
from app.core.base.ids import RequestId
from app.core.scheduling.sequence import Priority
from app.engine.backend import Backend, Vocabulary, VocabularyOnly
from app.engine.chat.dialect import Dialect
from app.engine.embedding import EmbeddingLoop
from app.engine.idle import IdleLoop
from app.engine.inbox import Closing, Inbox, Left
from app.engine.loop import Loop
from app.engine.measure import Measurer
from app.engine.prepare import PreparedEmbed, PreparedGenerate, Preparer
from app.engine.refusal import refusal
from app.wire.engine import (
    ApplyTemplate,
    Cancel,
    Detokenize,
    Drain,
    Embed,
    FromEngine,
    Generate,
    Measure,
    PromptChat,
    Refused,
    ToEngine,
    Tokenize,
)
from app.wire.model import ModelFacts

PREPARE_THREADS: Final = 2
GRAMMAR_THREADS: Final = 2
"""Besides those: the owner's hard schemas let his other requests pass."""
GUEST_THREADS: Final = 1
"""Besides those: for a guest's hard schema the owner does not wait at all."""

Asked = Generate | Embed | Tokenize | Detokenize | ApplyTemplate | Measure


@final
class Service:
    """Takes messages on any thread; computes in `run`, on the caller's."""

    def __init__(
        self,
        loaded: Backend | VocabularyOnly,
        *,
        send: Callable[[Sequence[FromEngine]], None],
        clock: Callable[[], float],
        chance: random.Random,
    ) -> None:
        vocabulary = loaded.vocabulary
        dialect = Dialect.learn(
            loaded.facts.chat_template or None,
            bos=vocabulary.bos_text,
            eos=vocabulary.eos_text,
            control_token=lambda text: _control_token(vocabulary, text),
        )
        self.facts = _with_dialect(loaded.facts, dialect)
        self._send = send
        self._clock = clock
        self._preparer = Preparer(self.facts, vocabulary, dialect)
        self._measurer = Measurer(self._preparer, vocabulary)
        self._inbox: Inbox = Inbox()
        self._pool = ThreadPoolExecutor(PREPARE_THREADS, thread_name_prefix="prepare")
        self._grammars = ThreadPoolExecutor(GRAMMAR_THREADS, thread_name_prefix="prepare grammars")
        self._guests = ThreadPoolExecutor(GUEST_THREADS, thread_name_prefix="prepare guests")
        self._arrivals = itertools.count()
        self._backend = None if isinstance(loaded, VocabularyOnly) else loaded
        self._lock = threading.Lock()
        self._preparing: dict[RequestId, bool] = {}
        """Requests on their way to the loop; True once their client has left."""
        self._is_draining = False
        self._loop: Loop | EmbeddingLoop | IdleLoop
        if isinstance(loaded, VocabularyOnly):
            self._loop = IdleLoop(self._inbox)
        elif loaded.facts.plan.is_embedding:
            self._loop = EmbeddingLoop(loaded, inbox=self._inbox, send=send, clock=clock)
        else:
            self._loop = Loop(loaded, inbox=self._inbox, send=send, clock=clock, chance=chance)

    def run(self) -> None:
        """Serve until drained. Raises: DecodeFailed."""
        self._loop.run()
        self._pool.shutdown()
        self._grammars.shutdown()
        self._guests.shutdown()

    def take(self, message: ToEngine) -> None:
        """Begin to serve one message; never blocks."""
        match message:
            case Cancel(request=request):
                self._cancel(request)
            case Drain():
                with self._lock:
                    self._is_draining = True
                    self._close_when_prepared()
            case Generate() | Embed() | Tokenize() | Detokenize() | ApplyTemplate() | Measure():
                if self._is_draining:
                    late = Busy("the model is being unloaded", retry_after_seconds=1)
                    self._send([refusal(message.request, late)])
                    return
                with self._lock:
                    self._preparing[message.request] = False
                received, arrival = self._clock(), next(self._arrivals)
                self._threads(message).submit(self._prepare, message, arrival, received)
            case _:
                raise AssertionError(f"{type(message).__name__} after the start")

    def _threads(self, message: Asked) -> ThreadPoolExecutor:
        """Those on which it is prepared."""
        if not isinstance(message, Generate):
            return self._pool
        if message.priority is Priority.GUEST:
            return self._guests
        return self._grammars if _needs_grammar(message) else self._pool

    def _cancel(self, request: RequestId) -> None:
        with self._lock:
            if request in self._preparing:
                self._preparing[request] = True
                return
        self._inbox.put(Left(request))

    def _prepare(self, message: Asked, arrival: int, received: float) -> None:
        """Runs on the pool; every way out answers the request."""
        try:
            with self._lock:
                if self._preparing[message.request]:
                    return
            self._hand_on(message, arrival, received)
        except AthanorError as error:
            self._send([refusal(message.request, error)])
        except Exception as error:
            # The prepare pool is a root of tasks: what is not foreseen ends the request, not the
            # engine, and shows its type only, since its text may quote the request.
            self._send([_surprise(message.request, error)])
        finally:
            with self._lock:
                self._preparing.pop(message.request, None)
                self._close_when_prepared()

    def _close_when_prepared(self) -> None:
        """What came before the drain is answered: the loop hears of the end after all of it."""
        if self._is_draining and not self._preparing:
            self._inbox.put(Closing())

    def _hand_on(self, message: Asked, arrival: int, received: float) -> None:
        prepare = self._preparer
        match message:
            case Tokenize():
                self._send([prepare.tokenize(message)])
            case Detokenize():
                self._send([prepare.detokenize(message)])
            case ApplyTemplate():
                self._send([prepare.template(message)])
            case Measure():
                self._send([self._measurer.measure(message)])
            case Generate() | Embed():
                if self._backend is None:
                    raise Unsupported("this engine has a vocabulary and no weights")
                work: PreparedGenerate | PreparedEmbed
                if isinstance(message, Generate):
                    work = prepare.generate(message, arrival=arrival, received=received)
                    self._backend.ready_for(message.sampling)
                else:
                    work = prepare.embed(message)
                with self._lock:
                    if not self._preparing.pop(message.request):
                        self._inbox.put(work)


def _needs_grammar(message: Generate) -> bool:
    """Whether its answer is held to a form, or to the schemas of tools."""
    tools = isinstance(message.prompt, PromptChat) and message.prompt.tools
    return message.output is not None or bool(tools)


def _surprise(request: RequestId, error: Exception) -> Refused:
    return Refused(
        request=request,
        kind="internal",
        message=f"the request could not be prepared ({type(error).__name__})",
        remedy="Please report this with the log of the engine.",
    )


def _control_token(vocabulary: Vocabulary, text: str) -> int | None:
    """The control token that is written as `text`, if there is one."""
    tokens = vocabulary.tokenize(text, add_special=False, parse_special=True)
    return tokens[0] if len(tokens) == 1 and vocabulary.is_control(tokens[0]) else None


def _with_dialect(facts: ModelFacts, dialect: Dialect) -> ModelFacts:
    """What the template can do joins what the weights can do."""
    if facts.plan.is_embedding:
        return facts
    added = ["chat"] if "chat" not in facts.capabilities else []
    added += ["tools"] if dialect.can_call_tools else []
    added += ["reasoning"] if dialect.can_reason else []
    return msgspec.structs.replace(facts, capabilities=(*facts.capabilities, *added))
