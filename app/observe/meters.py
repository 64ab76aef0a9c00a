"""Meters: the node's figures in Prometheus' words, for GET /metrics.

Everything that NodeState knows is read from it when somebody asks; only distributions of times are
kept here. So no figure is counted twice, and an idle node spends nothing on being measured.

Names begin with `athanor_`; the unit comes last, `_total` after it on what only rises. The table
of all of them is METRICS and the three histograms below it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, final

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from app.core.base.ids import ModelName
from app.core.state.engine_life import EngineGauges, Ready, life_name
from app.core.state.node_state import ModelState, NodeState

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.removesuffix("; charset=utf-8")
"""Without its charset, which a response adds to every text."""

METRICS: Final = {
    "athanor_requests": "Requests that ended, by model and outcome.",
    "athanor_prompt_tokens": "Tokens of the prompts of ended requests.",
    "athanor_cached_tokens": "Of these, tokens that were shared from the cache.",
    "athanor_completion_tokens": "Tokens of the answers of ended requests.",
    "athanor_requests_in_flight": "Requests now, by model and phase.",
    "athanor_requests_max": "Requests that may be in flight; further ones are refused.",
    "athanor_engine_up": "1 for the state that a model's engine is in now.",
    "athanor_engine_restarts": "Engines started after a failure.",
    "athanor_engine_sequences": "Sequences of an engine: running, waiting, parked, kept.",
    "athanor_engine_cells_used": "KV cells in use.",
    "athanor_engine_cells": "KV cells there are.",
    "athanor_engine_decode_calls": "Decode calls since the engine's start.",
    "athanor_engine_busy_seconds": "Seconds that the engine computed since its start.",
    "athanor_device_memory_bytes": "Memory of a device: used, total.",
    "athanor_device_busy_ratio": "Share of the time that a device computed lately, 0 to 1.",
    "athanor_device_temperature_celsius": "Temperature of a device.",
    "athanor_device_power_watts": "Power that a device draws.",
}

# From a cached prompt on a GPU to a long one on a slow CPU.
_FIRST_TOKEN_BUCKETS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 180)
_TOKEN_BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1)
_REQUEST_BUCKETS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 180, 600)


@final
class Meters:
    """The figures of one node; `state` gives its picture now."""

    def __init__(self, state: Callable[[], NodeState]) -> None:
        # A date beside each histogram would double its lines.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped upstream
        self._registry = CollectorRegistry()
        self._registry.register(_StateCollector(state))
        self._first_token = Histogram(
            "athanor_time_to_first_token_seconds",
            "From a request's arrival to its first token, waiting and loading included.",
            ["model"],
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=self._registry,
        )
        self._token = Histogram(
            "athanor_time_per_output_token_seconds",
            "Mean time between the tokens of an answer, one observation a request.",
            ["model"],
            buckets=_TOKEN_BUCKETS,
            registry=self._registry,
        )
        self._request = Histogram(
            "athanor_request_seconds",
            "From a request's arrival to its end.",
            ["model"],
            buckets=_REQUEST_BUCKETS,
            registry=self._registry,
        )

    def request_ended(
        self,
        model: ModelName,
        *,
        seconds: float,
        first_token_seconds: float | None,
        completion_tokens: int,
    ) -> None:
        """Notes the times of a request; `first_token_seconds` is None where no token came."""
        self._request.labels(model).observe(seconds)
        if first_token_seconds is None:
            return
        self._first_token.labels(model).observe(first_token_seconds)
        if completion_tokens > 1:
            each = (seconds - first_token_seconds) / (completion_tokens - 1)
            self._token.labels(model).observe(each)

    def exposition(self) -> bytes:
        """All figures now, in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self._registry)


@final
class _StateCollector(Collector):
    """Turns the picture into metric families when it is asked."""

    def __init__(self, state: Callable[[], NodeState]) -> None:
        self._state = state

    def collect(self) -> Iterable[Metric]:
        """The families of METRICS."""
        state = self._state()
        yield from _tallies(state)
        yield from _requests(state)
        yield from _engines(state)
        yield from _devices(state)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are unique by construction, and the state need not exist yet."""
        return ()


def _gauge(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name], labels=labels)


def _counter(name: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, METRICS[name], labels=labels)


def _tallies(state: NodeState) -> Iterator[Metric]:
    requests = _counter("athanor_requests", "model", "outcome")
    prompt = _counter("athanor_prompt_tokens", "model")
    cached = _counter("athanor_cached_tokens", "model")
    completion = _counter("athanor_completion_tokens", "model")
    for name, model in state.models.items():
        tally = model.tally
        for outcome, count in (
            ("completed", tally.completed),
            ("cancelled", tally.cancelled),
            ("refused", tally.refused),
            ("failed", tally.failed),
        ):
            if count:
                requests.add_metric([name, outcome], count)
        if tally.prompt_tokens:
            prompt.add_metric([name], tally.prompt_tokens)
            cached.add_metric([name], tally.cached_tokens)
            completion.add_metric([name], tally.completion_tokens)
    yield from (requests, prompt, cached, completion)


def _requests(state: NodeState) -> Iterator[Metric]:
    counts: dict[tuple[str, str], int] = {}
    for request in state.requests.values():
        key = (request.model, request.phase)
        counts[key] = counts.get(key, 0) + 1
    in_flight = _gauge("athanor_requests_in_flight", "model", "phase")
    for labels, count in counts.items():
        in_flight.add_metric(labels, count)
    most = _gauge("athanor_requests_max")
    most.add_metric([], state.server.requests_max)
    yield from (in_flight, most)


def _engines(state: NodeState) -> Iterator[Metric]:
    up = _gauge("athanor_engine_up", "model", "state")
    restarts = _counter("athanor_engine_restarts", "model")
    sequences = _gauge("athanor_engine_sequences", "model", "kind")
    cells_used = _gauge("athanor_engine_cells_used", "model")
    cells = _gauge("athanor_engine_cells", "model")
    calls = _counter("athanor_engine_decode_calls", "model")
    busy = _counter("athanor_engine_busy_seconds", "model")
    for model in state.engines():
        up.add_metric([model.name, life_name(model.life)], 1)
        if (gauges := _gauges_of(model)) is None:
            continue
        for kind in ("running", "waiting", "parked", "kept"):
            sequences.add_metric([model.name, kind], getattr(gauges, kind))
        cells_used.add_metric([model.name], gauges.cells_used)
        calls.add_metric([model.name], gauges.decode_calls)
        busy.add_metric([model.name], gauges.busy_seconds)
        assert isinstance(model.life, Ready)
        cells.add_metric([model.name], model.life.facts.cells)
    for model in state.models.values():
        if model.restarts:
            restarts.add_metric([model.name], model.restarts)
    yield from (up, restarts, sequences, cells_used, cells, calls, busy)


def _gauges_of(model: ModelState) -> EngineGauges | None:
    return model.life.gauges if isinstance(model.life, Ready) else None


def _devices(state: NodeState) -> Iterator[Metric]:
    memory = _gauge("athanor_device_memory_bytes", "device", "kind")
    busy = _gauge("athanor_device_busy_ratio", "device")
    temperature = _gauge("athanor_device_temperature_celsius", "device")
    power = _gauge("athanor_device_power_watts", "device")
    for device in state.devices:
        memory.add_metric([device.name, "used"], device.memory_total - device.memory_free)
        memory.add_metric([device.name, "total"], device.memory_total)
        if device.busy_percent is not None:
            busy.add_metric([device.name], device.busy_percent / 100)
        if device.temperature_celsius is not None:
            temperature.add_metric([device.name], device.temperature_celsius)
        if device.power_watts is not None:
            power.add_metric([device.name], device.power_watts)
    yield from (memory, busy, temperature, power)
