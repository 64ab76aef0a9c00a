"""Trial: whether a GPU computes what the processor computes, tried before a model is put there.

A driver may crash, hang, or answer with nonsense; each has been seen. So the process that does this
lives for nothing else: `athanor engine --trial DEVICE` writes its report and ends, and one that
ends without a report is a report as well.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Row
from app.engine.backend import DecodeFailed, LoadFailed
from app.engine.llama import devices, library
from app.engine.llama.context import Context
from app.engine.llama.model import Model
from app.engine.llama.trial_model import CONTEXT, VOCABULARY, write_trial_model
from app.wire.model import ModelSource
from app.wire.runtime import TrialReport

PROMPT: Final = tuple((7 * place + 3) % VOCABULARY for place in range(40))
"""Longer than the small batches for which back ends have kernels of their own."""
ANSWERED: Final = 16
"""Tokens that must be the same."""


def try_device(name: str) -> TrialReport:
    """The report of a trial of the GPU that ggml calls `name` ("Vulkan0")."""
    began = time.monotonic()
    library.start()
    devices.compute_only_on(name)
    if not any(each.use.name == name for each in devices.find_devices()):
        return TrialReport(device=name, is_good=False, reason="it is not there")
    try:
        with tempfile.TemporaryDirectory(prefix="athanor-trial-") as folder:
            path = Path(folder) / "trial.gguf"
            write_trial_model(path)
            expected = greedy(path, gpu_layers=0)
            tokens = greedy(path, gpu_layers=-1)
    except (LoadFailed, DecodeFailed, OSError) as error:
        return TrialReport(device=name, is_good=False, reason=str(error))
    is_good = tokens == expected
    return TrialReport(
        device=name,
        is_good=is_good,
        reason="" if is_good else "it computes other answers than the processor",
        tokens=tokens,
        expected=expected,
        seconds=time.monotonic() - began,
    )


def greedy(path: Path, *, gpu_layers: int) -> tuple[int, ...]:
    """The tokens that follow `PROMPT`. Raises: LoadFailed, DecodeFailed."""
    plan = LoadPlan(
        context=CONTEXT, cells=CONTEXT, sequences=1, slots=2, gpu_layers=gpu_layers, threads=1
    )
    model = Model(ModelSource(name="trial", path=str(path)), plan, lambda *_: None)
    context = None
    try:
        if gpu_layers and not model.layers_offloaded:
            raise LoadFailed("no layer went to it")
        context = Context(model, plan)
        return _answer(context)
    finally:
        if context is not None:
            context.close()
        model.close()


def _answer(context: Context) -> tuple[int, ...]:
    slot, said = Slot(0), list(PROMPT)
    context.decode([Row(0, slot, 0, said[:], logits=1)])
    for _ in range(ANSWERED):
        logits = context.logits(0)
        # Of numbers that are none, one would be the greatest everywhere.
        if not np.isfinite(logits).all():
            raise DecodeFailed("it computes what is no number", is_room=False)
        said.append(int(np.argmax(logits)))
        context.decode([Row(0, slot, len(said) - 1, said[-1:], logits=1)])
    return tuple(said[len(PROMPT) :])
