"""Attempts as a pool's host has them measured."""

import itertools
from collections.abc import Sequence

import msgspec

from app.core.base.ids import RequestId
from app.wire.engine import Generate, Measure, Measured, Part
from tests.support.engine_child import EngineChild

_numbers = itertools.count()


def measured(
    engine: EngineChild,
    generate: Generate,
    tokens: Sequence[int],
    parts: Sequence[Part],
    *,
    answered: Sequence[int] = (),
) -> Measured:
    """What the engine makes of an attempt after `answered`."""
    work = msgspec.structs.replace(generate, answered=list(answered))
    message = Measure(
        request=RequestId(f"measure {next(_numbers)}"),
        work=work,
        tokens=list(tokens),
        parts=list(parts),
    )
    event = engine.ask(message).all().events[-1]
    assert isinstance(event, Measured), event
    return event
