"""A scripted node: the web server's services without engine processes.

Each model's name is its script: what its engine says to a request. The tests of the web server
need answers, crashes and silences at exact moments; a real engine is driven in tests/clients.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from app.core.base.errors import (
    Busy,
    ContextExceeded,
    EngineFailed,
    InvalidGrammar,
    ModelDoesNotFit,
    ModelFileInvalid,
    ModelNotFound,
    TemplateFailed,
    Unsupported,
)
from app.core.base.ids import ModelName, RequestId
from app.core.models.card import Layer, ModelCard
from app.core.models.plan import LoadPlan
from app.core.models.wishes import Wishes
from app.core.sharing.facts import Facts
from app.core.state.engine_life import EngineFacts, Loading, Ready, Unloaded
from app.core.state.node_state import ModelState, NodeState, ServerFacts
from app.server.node.freeing import EndedEngine, Freed
from app.server.node.router import StreamEvent
from app.wire.engine import (
    ApplyTemplate,
    Begun,
    CallArguments,
    CallBegun,
    Completed,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Ended,
    Generate,
    Part,
    Progress,
    PromptChat,
    PromptInfill,
    PromptText,
    PromptTokens,
    Reasoned,
    Said,
    Text,
    Timings,
    Tokenize,
    TokenLogprob,
    Tokens,
    Usage,
)
from app.wire.model import ModelFacts
from app.wire.remarks import NO_REMARKS

CONTEXT = 1000
FLOOD = 20_000
VOCABULARY = 300
EMBEDDING = 4
CACHED = 3
PROMPT = 10

ERRORS: dict[str, Exception] = {
    "too-long": ContextExceeded(prompt_tokens=13392, context=8192),
    "bad-template": TemplateFailed("the template raised: no system role", remedy="Leave it out."),
    "bad-grammar": InvalidGrammar("the schema has no type at /properties/x", field="grammar"),
    "no-such-ability": Unsupported("this model embeds and does not answer"),
    "busy": Busy("all sequences are taken", retry_after_seconds=7),
    "crash-early": EngineFailed("the engine ended by signal 9", remedy="It is started again."),
    "too-large": ModelDoesNotFit("needs 30 GiB, there are 8 GiB"),
    "bad-file": ModelFileInvalid("the file ends in the middle of a tensor"),
    "bug": ZeroDivisionError("the user's words stand here: canary"),
}

MODELS = (
    "echo",
    "tools",
    "thinker",
    "endless",
    "silent",
    "loading",
    "crash-late",
    "bug-late",
    "flood",
    "org/name:Q4",
    *ERRORS,
)


class ScriptedLink:
    """Answers by the script that the model's name is."""

    def __init__(self, node: "ScriptedNode", model: ModelName) -> None:
        self.model = model
        self.facts = FACTS
        self.remarks = NO_REMARKS
        self._node = node

    async def stream(self, generate: Generate) -> AsyncIterator[StreamEvent]:
        self._node.generates.append(generate)
        if self.model in ERRORS:
            raise ERRORS[self.model]
        request = generate.request
        yield Begun(request=request, prompt_tokens=PROMPT)
        if self.model == "silent":
            await self._until_cancelled()
        if generate.progress:
            yield Progress(request=request, total=PROMPT, cached=CACHED, processed=PROMPT, ms=5.0)
        count = 0
        for choice in range(generate.choices):
            for part in self._script(generate):
                count += 1
                yield Delta(
                    request=request, choice=choice, parts=[part], logprobs=_logprobs(generate, part)
                )
                await self._after_delta()
            reason = "tool_calls" if self.model == "tools" else "stop"
            yield Ended(request=request, choice=choice, reason=reason)  # type: ignore[arg-type]
        yield Completed(
            request=request,
            usage=Usage(prompt=PROMPT, cached=CACHED, completion=count, reasoning=2),
            timings=Timings(queue_ms=1.0, prompt_ms=14.0, decode_ms=20.0),
        )

    def _script(self, generate: Generate) -> list[Part]:
        match self.model:
            case "tools":
                return [
                    CallBegun(index=0, id="call_a", name="get_weather"),
                    CallArguments(index=0, text='{"city":'),
                    CallArguments(index=0, text='"Paris"}'),
                    CallBegun(index=1, id="call_b", name="get_time"),
                    CallArguments(index=1, text="{}"),
                ]
            case "thinker":
                return [Reasoned(text="hm, "), Reasoned(text="yes"), Said(text="42")]
            case "flood":
                return [Said(text="token ")] * FLOOD
            case _:
                return [Said(text=piece) for piece in _pieces(said_by(generate))]

    async def _after_delta(self) -> None:
        if self.model == "crash-late":
            raise EngineFailed("the engine ended by signal 6")
        if self.model == "bug-late":
            raise ERRORS["bug"]
        if self.model == "endless":
            await self._until_cancelled()

    async def _until_cancelled(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._node.cancelled.set()

    async def ask(
        self, question: Embed | Tokenize | Detokenize | ApplyTemplate
    ) -> Embedded | Tokens | Text:
        if self.model in ERRORS:
            raise ERRORS[self.model]
        if self.model == "silent":
            await self._until_cancelled()
        match question:
            case Embed():
                vectors = [_VECTOR[: 4 * (question.dimensions or EMBEDDING)]] * len(question.inputs)
                return Embedded(
                    request=question.request, vectors=vectors, prompt_tokens=len(question.inputs)
                )
            case Tokenize():
                tokens = list(question.text.encode())
                pieces = [bytes([token]) for token in tokens] if question.with_pieces else []
                return Tokens(request=question.request, tokens=tokens, pieces=pieces)
            case Detokenize():
                text = bytes(question.tokens).decode("utf-8", "replace")
                return Text(request=question.request, text=text)
            case ApplyTemplate():
                lines = [f"{m['role']}: {m['content']}" for m in question.chat.messages]
                return Text(request=question.request, text="\n".join(lines))


class ScriptedNode:
    """Router and library; what was asked of it is kept for the tests to read."""

    def __init__(self) -> None:
        self.generates: list[Generate] = []
        self.wishes = Wishes(memory_margin_bytes=1)
        self.asked_wishes: list[Wishes | None] = []
        self.keep_alives: list[float | None] = []
        self.cancelled = threading.Event()
        self.stopped = threading.Event()
        self.unloaded: list[str] = []
        self.freed: list[tuple[bool, float | None]] = []
        self.snoozed: list[tuple[float, bool]] = []
        self.facts = Facts(full_screen=False)
        self.state = NodeState(
            server=ServerFacts(version="1", started_at=1000.0, is_serving=True),
            models={ModelName(name): _state(name) for name in MODELS},
        )

    def stop(self) -> None:
        self.stopped.set()

    def models(self) -> list[ModelState]:
        return list(self.state.models.values())

    def find(self, name: str) -> ModelName:
        if name in ("", "default"):
            return ModelName("echo")
        if name.lower() in self.state.models:
            return ModelName(name.lower())
        for known in self.state.models:
            if known.lower() == name.lower():
                return known
        raise ModelNotFound(name, ("echo",))

    async def seek(self, name: str) -> None:
        """Its models never change."""

    @asynccontextmanager
    async def lease(
        self,
        name: str,
        *,
        request: RequestId | None = None,
        keep_alive: float | None = None,
        is_guest: bool = False,
    ) -> AsyncIterator[ScriptedLink]:
        self.keep_alives.append(keep_alive)
        model = self.find(name)
        if model == "loading":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        yield ScriptedLink(self, model)

    async def load(
        self, name: str, wishes: Wishes | None = None, *, keep_alive: float | None = None
    ) -> ModelName:
        self.asked_wishes.append(wishes)
        self.keep_alives.append(keep_alive)
        return self.find(name)

    async def unload(self, name: str) -> bool:
        self.unloaded.append(self.find(name))
        return True

    async def free(self, *, everything: bool, hold_seconds: float | None = None) -> Freed:
        self.freed.append((everything, hold_seconds))
        ended = EndedEngine(model="echo", pid=1, gpu_bytes=5, ram_bytes=7)
        return Freed(ended=(ended,), seconds=0.1, gpu_bytes=5, is_measured=True, is_back=True)

    def snooze(self, seconds: float, *, is_finishing: bool = False) -> None:
        self.snoozed.append((seconds, is_finishing))

    def resume(self) -> None:
        self.snoozed.append((0.0, False))

    def cards(self) -> Mapping[ModelName, ModelCard]:
        return {ModelName(name): CARD for name in MODELS}

    def aliases(self, name: ModelName) -> tuple[str, ...]:
        return (f"{name}:latest",)


def said_by(generate: Generate) -> str:
    """What an echo answers."""
    match generate.prompt:
        case PromptChat(messages=messages):
            return str(messages[-1]["content"])
        case PromptText(text=text):
            return text
        case PromptTokens(tokens=tokens):
            return bytes(tokens).decode("utf-8", "replace")
        case PromptInfill(prefix=prefix, suffix=suffix):
            return f"{prefix}|{suffix}"


def _pieces(text: str) -> list[str]:
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def _logprobs(generate: Generate, part: Part) -> list[TokenLogprob]:
    if generate.top_logprobs is None or not isinstance(part, Said):
        return []
    piece = part.text.encode()
    top = ((1, piece, -0.25), (2, b"\xc3", float("-inf")))[: generate.top_logprobs]
    return [TokenLogprob(token=1, piece=piece, logprob=-0.25, top=top)]


def _state(name: str) -> ModelState:
    if name == "loading":
        return ModelState(
            name=ModelName(name), life=Loading(since=0.0, stage="weights", fraction=0.5)
        )
    if name in ("echo", "silent"):
        return ModelState(name=ModelName(name), size_bytes=5, life=_READY)
    return ModelState(name=ModelName(name), size_bytes=5, life=Unloaded())


_VECTOR = bytes.fromhex("0000803f00000040cdcccc3d000080bf")
"""1, 2, 0.1 as float32, -1."""

CARD = ModelCard(
    path="echo.gguf",
    architecture="llama",
    parameters=8,
    size_bytes=5,
    weight_bytes=5,
    quantisation="Q4_K_M",
    context_trained=4096,
    embedding_length=EMBEDDING,
    vocabulary=VOCABULARY,
    chat_template_sha256="00",
    layers=(Layer(weight_bytes=1, tensor_bytes_max=1),),
)

FACTS = ModelFacts(
    architecture="llama",
    description="scripted",
    parameters=8,
    size_bytes=5,
    vocabulary=VOCABULARY,
    vocabulary_type=2,
    embedding_length=EMBEDDING,
    context_trained=4096,
    layers=1,
    plan=LoadPlan(context=CONTEXT, cells=4000, sequences=4),
    can_trim=True,
    capabilities=("completion", "chat", "tools"),
    chat_template="{{ messages }}",
)

_READY = Ready(
    since=1.0,
    facts=EngineFacts(
        pid=1,
        architecture="llama",
        description="scripted",
        parameters=8,
        size_bytes=5,
        context=CONTEXT,
        context_trained=4096,
        cells=4000,
        sequences=4,
        layers=1,
        gpu_layers=0,
        capabilities=("completion", "chat", "tools"),
        explanation=("All of it runs on the CPU.",),
    ),
    keep_alive=-1.0,
    last_used=2.0,
)
