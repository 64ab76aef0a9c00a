"""Shown: what NodeState shows of an engine, from what the engine said of itself."""

from app.core.state.engine_life import EngineFacts, EngineGauges
from app.server.node.loader import Loaded
from app.wire.engine import Gauges


def engine_facts(loaded: Loaded) -> EngineFacts:
    """The facts of an engine that serves."""
    facts = loaded.facts
    return EngineFacts(
        pid=loaded.process.pid,
        architecture=facts.architecture,
        description=facts.description,
        parameters=facts.parameters,
        size_bytes=facts.size_bytes,
        context=facts.plan.context,
        context_trained=facts.context_trained,
        cells=facts.plan.cells,
        sequences=facts.plan.sequences,
        layers=facts.layers,
        gpu_layers=facts.plan.gpu_layers,
        capabilities=facts.capabilities,
        device_bytes=loaded.choice.footprint.device_bytes,
        host_bytes=loaded.choice.footprint.host_bytes,
        load_seconds=facts.load_seconds,
        explanation=loaded.choice.explained(loaded.rung),
    )


def engine_gauges(gauges: Gauges) -> EngineGauges:
    """How busy it is."""
    return EngineGauges(
        running=gauges.running,
        waiting=gauges.waiting,
        parked=gauges.parked,
        kept=gauges.kept,
        cells_used=gauges.cells_used,
        prompt_tokens=gauges.prompt_tokens,
        cached_tokens=gauges.cached_tokens,
        completion_tokens=gauges.completion_tokens,
        decode_calls=gauges.decode_calls,
        busy_seconds=gauges.busy_seconds,
    )
