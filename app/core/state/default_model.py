"""Default model: which one answers a request that names none, where the owner has chosen none.

The one that was used last of those in memory, else the only one there is. The demonstration model
counts only where it is listed, so the first model of the owner's own takes its place at once, even
while the demonstration is in memory and that model is not.
"""

from collections.abc import Iterable, Sequence

from app.core.base.ids import ModelName
from app.core.state.engine_life import Ready
from app.core.state.node_state import ModelState


def default_model(models: Iterable[ModelState]) -> ModelName | None:
    """The name of the default model; None where several might be meant, or there is none."""
    candidates = [model for model in models if model.is_listed or not model.is_demonstration]
    ready = [
        (model.life.last_used, model.name) for model in candidates if isinstance(model.life, Ready)
    ]
    if ready:
        return max(ready)[1]
    names = [model.name for model in candidates if model.is_listed]
    return names[0] if len(names) == 1 else None


def why_none(names: Sequence[ModelName]) -> str:
    """Why there is no default model, with what to do; `names` are those that are listed."""
    if names:
        return "No model was named, and there are several: name one, or set models.default."
    return (
        "No model was named, and there is none: `athanor pull NAME` downloads one, or put a GGUF "
        "file into the models folder."
    )
