"""PoolMeters: the figures of a pool's host in Prometheus' words, for GET /metrics.

What the host knows anyway is read from it when somebody asks; only what ended is counted here. No
account, key or machine is named by a label: figures of people are pages' and receipts' business.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Final, final

import msgspec
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

POOL_METRICS: Final = {
    "athanor_pool_machines": "Machines of members: connected, and of these lending.",
    "athanor_pool_accounts": "Accounts that are not closed.",
    "athanor_pool_model_machines": "Machines that lend a model now.",
    "athanor_pool_jobs_running": "Requests that a machine computes, by model.",
    "athanor_pool_jobs_waiting": "Requests in line, by model.",
    "athanor_pool_requests": "Requests that ended, by model and status.",
    "athanor_pool_refusals": "Requests answered with an error by HTTP, by its status and code.",
    "athanor_pool_prompt_tokens": "Tokens of prompts, as counted for the books.",
    "athanor_pool_cached_tokens": "Of these, tokens from a cache.",
    "athanor_pool_answer_tokens": "Tokens of answers, as counted for the books.",
    "athanor_pool_credits_micros": "What callers paid, in millionths of a credit.",
    "athanor_pool_attempts": "Machines that took part in answers.",
    "athanor_pool_strikes": "Things that no honest machine does, by kind.",
    "athanor_pool_receipts": "Verdicts in the host's chain.",
    "athanor_pool_audit_holds": "1 where the last audit found that all agrees, 0 where it did not.",
}

_FIRST_TOKEN_BUCKETS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180)
_REQUEST_BUCKETS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 180, 600)


@final
class ModelFigures(msgspec.Struct, frozen=True):
    """One offered model now."""

    name: str
    lending: int
    running: int
    waiting: int


@final
class PoolFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the host knows at this moment."""

    connected: int
    lending: int
    accounts: int
    receipts: int
    models: tuple[ModelFigures, ...]
    audit_holds: bool | None = None
    """None before the first audit."""


@final
class PoolMeters:
    """The figures of one host; `figures` gives those of now."""

    def __init__(self, figures: Callable[[], PoolFigures]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped upstream
        self._requests: Tally[tuple[str, str]] = Tally()
        self._sums: dict[str, Tally[str]] = {name: Tally() for name in _SUMS}
        self._strikes: Tally[str] = Tally()
        self._refusals: Tally[tuple[str, str]] = Tally()
        self._registry = CollectorRegistry()
        self._registry.register(
            _Collector(figures, self._requests, self._sums, self._strikes, self._refusals)
        )
        self._first_token = Histogram(
            "athanor_pool_time_to_first_token_seconds",
            "From a request's arrival at the host to its first token.",
            ["model"],
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=self._registry,
        )
        self._request = Histogram(
            "athanor_pool_request_seconds",
            "From a request's arrival at the host to its end.",
            ["model"],
            buckets=_REQUEST_BUCKETS,
            registry=self._registry,
        )

    def ended(
        self,
        *,
        model: str,
        status: str,
        prompt: int,
        cached: int,
        answer: int,
        cost: int,
        attempts: int,
        first_ms: int | None,
        total_ms: int,
    ) -> None:
        """A request is over. `model` is as the pool calls it, "" for none of its own."""
        self._requests[model, status] += 1
        for name, value in zip(_SUMS, (prompt, cached, answer, cost, attempts), strict=True):
            self._sums[name][model] += value
        self._request.labels(model).observe(total_ms / 1000)
        if first_ms is not None:
            self._first_token.labels(model).observe(first_ms / 1000)

    def strike(self, kind: str) -> None:
        """Something was wrong with a machine's work."""
        self._strikes[kind] += 1

    def refused(self, status: int, code: str) -> None:
        """A request got no answer but this error; most of them never became a job."""
        self._refusals[str(status), code] += 1

    def exposition(self) -> bytes:
        """All figures now, in Prometheus' text format."""
        return generate_latest(self._registry)


_SUMS: Final = (
    "athanor_pool_prompt_tokens",
    "athanor_pool_cached_tokens",
    "athanor_pool_answer_tokens",
    "athanor_pool_credits_micros",
    "athanor_pool_attempts",
)


@final
class _Collector(Collector):
    """Turns figures and counts into metric families when it is asked."""

    def __init__(
        self,
        figures: Callable[[], PoolFigures],
        requests: Tally[tuple[str, str]],
        sums: dict[str, Tally[str]],
        strikes: Tally[str],
        refusals: Tally[tuple[str, str]],
    ) -> None:
        self._figures, self._requests = figures, requests
        self._sums, self._strikes, self._refusals = sums, strikes, refusals

    def collect(self) -> Iterable[Metric]:
        """The families of POOL_METRICS."""
        yield from _gauges(self._figures())
        requests = _counter("athanor_pool_requests", "model", "status")
        for (model, status), count in self._requests.items():
            requests.add_metric([model, status], count)
        yield requests
        for name, tally in self._sums.items():
            family = _counter(name, "model")
            for model, count in tally.items():
                family.add_metric([model], count)
            yield family
        refusals = _counter("athanor_pool_refusals", "status", "code")
        for (status, code), count in self._refusals.items():
            refusals.add_metric([status, code], count)
        yield refusals
        strikes = _counter("athanor_pool_strikes", "kind")
        for kind, count in self._strikes.items():
            strikes.add_metric([kind], count)
        yield strikes

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are unique by construction."""
        return ()


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, POOL_METRICS[name], labels=labels)


def _counter(name: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, POOL_METRICS[name], labels=labels)


def _gauges(figures: PoolFigures) -> Iterator[Metric]:
    machines = _gauge("athanor_pool_machines", "state")
    machines.add_metric(["connected"], figures.connected)
    machines.add_metric(["lending"], figures.lending)
    accounts = _gauge("athanor_pool_accounts")
    accounts.add_metric([], figures.accounts)
    receipts = _gauge("athanor_pool_receipts")
    receipts.add_metric([], figures.receipts)
    audit = _gauge("athanor_pool_audit_holds")
    if figures.audit_holds is not None:
        audit.add_metric([], int(figures.audit_holds))
    lending = _gauge("athanor_pool_model_machines", "model")
    running = _gauge("athanor_pool_jobs_running", "model")
    waiting = _gauge("athanor_pool_jobs_waiting", "model")
    for model in figures.models:
        lending.add_metric([model.name], model.lending)
        running.add_metric([model.name], model.running)
        waiting.add_metric([model.name], model.waiting)
    yield from (machines, accounts, receipts, audit, lending, running, waiting)
