"""RequestCount: how far one request of a client has come, told to NodeState now and then.

A lease may run several generations (one for each prompt of a list, say); their tokens add up.
While an answer streams a delta counts as a token; the engine's own figures replace that at the end.
"""

from collections.abc import Callable
from typing import Final, final

from app.core.base.ids import ModelName, RequestId
from app.core.state.events import RequestAdvanced, RequestArrived, RequestEnded
from app.core.state.node_state import Outcome
from app.observe.meters import Meters
from app.server.node.hub import Hub
from app.server.node.recent import Done, Recent
from app.wire.engine import Begun, Completed, Delta, Embedded, Ended, Progress, Timings

TELL_SECONDS: Final = 0.5
"""As often as the engine tells its gauges: a watcher sees numbers move, and no more."""


@final
class RequestCount:
    """Counts of one request, from its arrival to `end`."""

    def __init__(
        self,
        request: RequestId,
        model: ModelName,
        *,
        hub: Hub,
        meters: Meters,
        recent: Recent,
        now: Callable[[], float],
        is_guest: bool = False,
    ) -> None:
        self.request = request
        self._model = model
        self._hub = hub
        self._meters = meters
        self._recent = recent
        self._now = now
        self._arrived_at = now()
        self._ready_at: float | None = None
        self._timings: list[Timings] = []
        self._first_token_at: float | None = None
        self._told_at = 0.0
        self._prompt: dict[RequestId, int] = {}
        self._cached: dict[RequestId, int] = {}
        self._completion: dict[RequestId, int] = {}
        hub.publish(
            RequestArrived(request=request, model=model, at=self._arrived_at, is_guest=is_guest)
        )

    @property
    def seconds(self) -> float:
        """Since the request arrived."""
        return self._now() - self._arrived_at

    def ready(self) -> None:
        """An engine was found for it."""
        self._ready_at = self._now()

    def hear(self, event: Begun | Progress | Delta | Ended | Completed | Embedded) -> None:
        """Count what an event of the engine says."""
        request = event.request
        match event:
            case Begun():
                self._prompt[request] = event.prompt_tokens
                self._tell(self._now())
            case Progress():
                self._cached[request] = event.cached
            case Delta():
                self._completion[request] = self._completion.get(request, 0) + 1
                now = self._now()
                if self._first_token_at is None:
                    self._first_token_at = now
                    self._tell(now)
                elif now - self._told_at >= TELL_SECONDS:
                    self._tell(now)
            case Ended():
                pass
            case Completed(usage=usage):
                self._prompt[request] = usage.prompt
                self._cached[request] = usage.cached
                self._completion[request] = usage.completion
                self._timings.append(event.timings)
            case Embedded():
                self._prompt[request] = event.prompt_tokens

    def end(self, outcome: Outcome) -> dict[str, object]:
        """The request is over; its line for the log."""
        now = self._now()
        prompt, cached, completion = self._sums()
        self._hub.publish(
            RequestEnded(
                request=self.request,
                at=now,
                outcome=outcome,
                prompt_tokens=prompt,
                cached_tokens=cached,
                completion_tokens=completion,
            )
        )
        self._recent.add(self._done(outcome, now))
        first = self._first_token_at
        self._meters.request_ended(
            self._model,
            seconds=now - self._arrived_at,
            first_token_seconds=None if first is None else first - self._arrived_at,
            completion_tokens=completion,
        )
        return {
            "request": self.request,
            "model": self._model,
            "outcome": outcome,
            "prompt": prompt,
            "cached": cached,
            "completion": completion,
            "ms": round((now - self._arrived_at) * 1000),
            "first_token_ms": None if first is None else round((first - self._arrived_at) * 1000),
        }

    def _done(self, outcome: Outcome, now: float) -> Done:
        """Generations of one lease run side by side, so the longest speaks for all."""
        prompt, cached, completion = self._sums()
        ready_at = self._ready_at
        return Done(
            request=self.request,
            model=self._model,
            arrived_at=self._arrived_at,
            outcome=outcome,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=completion,
            total_ms=(now - self._arrived_at) * 1000,
            load_ms=((now if ready_at is None else ready_at) - self._arrived_at) * 1000,
            queue_ms=max((each.queue_ms for each in self._timings), default=0.0),
            prefill_ms=max((each.prompt_ms for each in self._timings), default=0.0),
            decode_ms=max((each.decode_ms for each in self._timings), default=0.0),
        )

    def _tell(self, now: float) -> None:
        self._told_at = now
        prompt, cached, completion = self._sums()
        self._hub.publish(
            RequestAdvanced(
                request=self.request,
                at=now,
                prompt_tokens=prompt,
                cached_tokens=cached,
                completion_tokens=completion,
            )
        )

    def _sums(self) -> tuple[int, int, int]:
        counts = (self._prompt, self._cached, self._completion)
        prompt, cached, completion = (sum(count.values()) for count in counts)
        return prompt, cached, completion
