"""Ladder: ever safer plans for a model whose engine crashed.

A rung is a number: how many steps down from the plan as it was made, 0 at the top. It is a plain
value, so that what worked can be remembered for the model and taken first the next time. Steps add
up; a rung past the last step is the last one, so a rung remembered from a machine with a GPU still
means something on one without.

A plan with layers on GPUs first gives up cells, then layers, since memory is what fails most.
A plan in RAM first gives up ggml's repacked weights, whose AMX path crashes on some virtual
machines, and which take a second copy of the weights besides.
"""

import enum
from typing import Final, Literal, final

import msgspec

from app.core.models.estimate import aligned
from app.core.models.plan import LoadPlan

Suspicion = Literal["memory", "instruction", "device", "crash"]
"""memory: an allocation failed, or the system killed the engine. instruction: the processor knows
an instruction not (SIGILL). device: the GPU itself went away. crash: anything else."""

CONTEXT_IN_RAM_MAX: Final = 8192
"""A context that was made for a GPU's memory shrinks to this where the GPU is given up."""

STEP_TOKENS_MAX: Final = 512


@final
class Step(enum.Enum):
    """One thing given up; the value says it to the owner."""

    FEWER_CELLS = "with less room for answers at the same time"
    HALF_GPU = "with half of its layers on the GPU"
    QUARTER_GPU = "with a quarter of its layers on the GPU"
    NO_GPU = "on the processor alone"
    PLAIN_WEIGHTS = "without repacked weights"


_ON_GPU: Final = (
    Step.FEWER_CELLS,
    Step.HALF_GPU,
    Step.QUARTER_GPU,
    Step.NO_GPU,
    Step.PLAIN_WEIGHTS,
)
_IN_RAM: Final = (Step.PLAIN_WEIGHTS, Step.FEWER_CELLS)


def safer(plan: LoadPlan, rung: int) -> LoadPlan:
    """The plan with all that the first `rung` steps give up."""
    for step in _steps(plan)[:rung]:
        plan = _give_up(plan, step)
    return plan


def next_rung(plan: LoadPlan, rung: int, suspicion: Suspicion) -> int | None:
    """The rung to try after a crash on `rung`; None when nothing is left to give up.

    A GPU that went away is no fault of the plan, and must not lead to the processor: None.
    `plan` is the one at the top. Rungs that would change nothing are left out, and so is giving up
    cells where memory is not suspected.
    """
    if suspicion == "device":
        return None
    steps = _steps(plan)
    tried = safer(plan, rung)
    for below in range(rung + 1, len(steps) + 1):
        step = steps[below - 1]
        if suspicion != "memory" and step is Step.FEWER_CELLS:
            continue
        if suspicion == "instruction" and step is not Step.PLAIN_WEIGHTS:
            continue
        if safer(plan, below) != tried:
            return below
    return None


def words(plan: LoadPlan, rung: int) -> str:
    """How a model on this rung runs, to end a sentence such as "It crashed, so it runs ...".

    "" at the top.
    """
    steps = _steps(plan)[:rung]
    if not steps:
        return ""
    if steps[-1] is Step.PLAIN_WEIGHTS and Step.NO_GPU in steps:
        return f"{Step.NO_GPU.value}, {Step.PLAIN_WEIGHTS.value}"
    return steps[-1].value


def _steps(plan: LoadPlan) -> tuple[Step, ...]:
    return _ON_GPU if plan.gpu_layers else _IN_RAM


def _give_up(plan: LoadPlan, step: Step) -> LoadPlan:
    match step:
        case Step.FEWER_CELLS:
            cells = plan.cells if plan.is_embedding else aligned(plan.context)
            steps = plan.step_tokens if plan.is_embedding else STEP_TOKENS_MAX
            return msgspec.structs.replace(
                plan, cells=min(plan.cells, cells), step_tokens=min(plan.step_tokens, steps)
            )
        case Step.HALF_GPU:
            return _with_layers(plan, plan.gpu_layers // 2)
        case Step.QUARTER_GPU:
            # Half of what the step before has left.
            return _with_layers(plan, plan.gpu_layers // 2)
        case Step.NO_GPU:
            return _in_ram(plan)
        case Step.PLAIN_WEIGHTS:
            return msgspec.structs.replace(plan, use_extra_buffers=False)


def _with_layers(plan: LoadPlan, layers: int) -> LoadPlan:
    """Fewer layers on the GPUs; none where it was not said how many there are."""
    if layers <= 0:
        return _in_ram(plan)
    split = tuple(share * layers / plan.gpu_layers for share in plan.tensor_split)
    return msgspec.structs.replace(plan, gpu_layers=layers, tensor_split=split)


def _in_ram(plan: LoadPlan) -> LoadPlan:
    context = plan.context if plan.is_embedding else min(plan.context, CONTEXT_IN_RAM_MAX)
    return msgspec.structs.replace(
        plan,
        context=context,
        cells=plan.cells if plan.is_embedding else min(plan.cells, aligned(context)),
        gpu_layers=0,
        # Leaves GPUs alone; with layers 0 alone, llama.cpp would still compute on them.
        split_mode="none",
        main_gpu=-1,
        tensor_split=(),
    )
