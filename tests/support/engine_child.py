"""A real engine process, driven over its pipes as the server drives it."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from app.core.base.ids import RequestId
from app.core.models.plan import LoadPlan
from app.wire.engine import (
    CallArguments,
    CallBegun,
    Completed,
    Delta,
    Drain,
    Embedded,
    Ended,
    Failed,
    FromEngine,
    Gauges,
    Generate,
    Measured,
    Ready,
    Reasoned,
    Refused,
    Said,
    Start,
    Text,
    ToEngine,
    TokenLogprob,
    Tokens,
)
from app.wire.framing import FrameReader, encode_frame
from app.wire.model import ModelFacts, ModelSource

WAIT_SECONDS = 60.0
REPOSITORY = Path(__file__).resolve().parents[2]


class Answered:
    """Everything that one request was told, put together."""

    def __init__(self) -> None:
        self.events: list[FromEngine] = []

    @property
    def deltas(self) -> list[Delta]:
        return [event for event in self.events if isinstance(event, Delta)]

    def _parts(self, choice: int) -> Iterator[object]:
        return (part for d in self.deltas if d.choice == choice for part in d.parts)

    def text(self, choice: int = 0) -> str:
        return "".join(p.text for p in self._parts(choice) if isinstance(p, Said))

    def reasoning(self, choice: int = 0) -> str:
        return "".join(p.text for p in self._parts(choice) if isinstance(p, Reasoned))

    def calls(self, choice: int = 0) -> list[tuple[str, str]]:
        """(name, arguments as JSON text), in order."""
        names: dict[int, str] = {}
        arguments: dict[int, str] = {}
        for part in self._parts(choice):
            if isinstance(part, CallBegun):
                names[part.index] = part.name
            if isinstance(part, CallArguments):
                arguments[part.index] = arguments.get(part.index, "") + part.text
        return [(name, arguments.get(index, "")) for index, name in sorted(names.items())]

    def logprobs(self, choice: int = 0) -> list[TokenLogprob]:
        return [lp for d in self.deltas if d.choice == choice for lp in d.logprobs]

    def tokens(self, choice: int = 0) -> list[int]:
        """The token ids; asked for with `top_logprobs`."""
        return [logprob.token for logprob in self.logprobs(choice)]

    def ended(self, choice: int = 0) -> Ended:
        return next(e for e in self.events if isinstance(e, Ended) and e.choice == choice)

    @property
    def completed(self) -> Completed:
        last = self.events[-1]
        assert isinstance(last, Completed), last
        return last

    @property
    def refused(self) -> Refused:
        last = self.events[-1]
        assert isinstance(last, Refused), last
        return last


class EngineChild:
    """`with EngineChild(path) as engine:` loads the model and ends the process at the end."""

    def __init__(
        self,
        path: Path,
        *,
        plan: LoadPlan | None = None,
        backend: str = "llama",
        is_vocabulary_only: bool = False,
        memory_bytes_max: int = 0,
    ) -> None:
        toy = path.suffix == ".toy"
        self._start = Start(
            source=ModelSource(
                path=str(path),
                name=path.stem,
                backend="toy" if toy or backend == "toy" else "llama",
            ),
            plan=plan or LoadPlan(context=2048, cells=8192, threads=1, threads_batch=1),
            is_vocabulary_only=is_vocabulary_only,
            memory_bytes_max=memory_bytes_max,
        )
        self._waiting: dict[RequestId, queue.SimpleQueue[FromEngine | None]] = {}
        self._lock = threading.Lock()
        self._general: queue.SimpleQueue[FromEngine | None] = queue.SimpleQueue()
        self._gauges_changed = threading.Condition()
        self._gauges: Gauges | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.send(self._start)
        self.loading: list[FromEngine] = []

    def __enter__(self) -> "EngineChild":
        self.facts = self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(WAIT_SECONDS)

    def wait_ready(self) -> ModelFacts:
        event = self.wait_loaded()
        assert isinstance(event, Ready), event
        return event.facts

    def wait_loaded(self) -> Ready | Failed | None:
        """Ready, Failed, or None when the process ended without a word."""
        while True:
            event = self._general.get(timeout=WAIT_SECONDS)
            if event is None or isinstance(event, Ready | Failed):
                return event
            self.loading.append(event)

    def send(self, message: ToEngine) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_frame(message))
        self.process.stdin.flush()

    def ask(self, message: ToEngine) -> "Pending":
        """Send a request; its events are read with the result."""
        inbox: queue.SimpleQueue[FromEngine | None] = queue.SimpleQueue()
        identity = message.request  # type: ignore[union-attr]  # only requests are asked
        with self._lock:
            self._waiting[identity] = inbox
        self.send(message)
        return Pending(inbox)

    def answer(self, message: Generate) -> Answered:
        """Send and wait for the last event."""
        return self.ask(message).all()

    def wait_gauges(self, wanted: Callable[[Gauges], bool]) -> Gauges:
        """The first gauges that satisfy `wanted`, the last known ones included."""
        with self._gauges_changed:
            found = self._gauges_changed.wait_for(
                lambda: self._gauges is not None and wanted(self._gauges), timeout=WAIT_SECONDS
            )
            assert found, self._gauges
            assert self._gauges is not None
            return self._gauges

    def drain(self) -> int:
        """Let it finish; the exit code."""
        self.send(Drain())
        return self.process.wait(WAIT_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        frames: FrameReader[FromEngine] = FrameReader(FromEngine)
        while data := os.read(self.process.stdout.fileno(), 1 << 16):
            for event in frames.feed(data):
                self._deliver(event)
        self._general.put(None)
        with self._lock:
            for inbox in self._waiting.values():
                inbox.put(None)

    def _deliver(self, event: FromEngine) -> None:
        if isinstance(event, Gauges):
            with self._gauges_changed:
                self._gauges = event
                self._gauges_changed.notify_all()
            return
        identity = getattr(event, "request", None)
        with self._lock:
            inbox = self._waiting.get(identity, self._general) if identity else self._general
        inbox.put(event)


class Pending:
    """A request under way."""

    def __init__(self, inbox: "queue.SimpleQueue[FromEngine | None]") -> None:
        self._inbox = inbox
        self._answered = Answered()

    @property
    def has_news(self) -> bool:
        """Whether an event came that was not read yet."""
        return not self._inbox.empty()

    def next(self) -> FromEngine | None:
        """The next event; None when the engine is gone."""
        event = self._inbox.get(timeout=WAIT_SECONDS)
        if event is not None:
            self._answered.events.append(event)
        return event

    def until(self, wanted: Callable[[FromEngine], bool]) -> FromEngine:
        """Events up to the first that is wanted."""
        while True:
            event = self.next()
            assert event is not None, "the engine is gone"
            if wanted(event):
                return event

    def all(self) -> Answered:
        """Everything, to the last event; raises if the engine ends before."""
        last = Completed | Refused | Embedded | Tokens | Text | Measured
        self.until(lambda event: isinstance(event, last))
        return self._answered
