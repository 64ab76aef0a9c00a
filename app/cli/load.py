"""`athanor load` and `athanor unload`: models into memory and out of it."""

from app.cli.command import MODEL, command
from app.cli.exit_codes import Exit
from app.cli.flags import WISHES, load_request, setting_flags
from app.cli.output import note, print_json, stdout
from app.cli.progress import load_with_progress
from app.cli.server import running
from app.core.models.demonstration import DESCRIPTION, REMEDY
from app.wire.local import LoadAnswer, UnloadAnswer


@command(
    "load",
    examples=(
        ("load a model", "athanor load qwen3-8b"),
        ("with a longer context, all of it on the GPU", "athanor load qwen3-8b --context 32768"),
        ("and never unload it", "athanor load qwen3-8b --keep-alive-seconds -1"),
    ),
    answer=LoadAnswer,
)
@MODEL
@setting_flags(WISHES)
def load(model: str, is_json: bool, **wishes: str | None) -> int:
    """Load a model, and return when it serves.

    A request that names a model loads it too; this does it beforehand, or with other settings.
    """
    request = load_request(model, wishes)
    with running() as client:
        answer = load_with_progress(client, request)
    if is_json:
        print_json(answer)
        return Exit.OK
    engine = answer.engine
    layers = f"{engine.gpu_layers} of {engine.layers} layers on the GPU"
    stdout().print(
        f"{engine.model} is ready after {answer.load_seconds:.1f} s: "
        f"{engine.context} tokens of context, {layers}.",
        markup=False,
        soft_wrap=True,
    )
    for sentence in answer.explanation:
        note(sentence)
    if engine.is_demonstration:
        note(f"{DESCRIPTION} {REMEDY}")
    return Exit.OK


@command(
    "unload",
    examples=(("free a model's memory", "athanor unload qwen3-8b"),),
    answer=UnloadAnswer,
)
@MODEL
def unload(model: str, is_json: bool) -> int:
    """Unload a model after its answers under way, and return when its memory is free."""
    with running() as client:
        answer = client.unload(model)
    if is_json:
        print_json(answer)
    elif answer.was_loaded:
        stdout().print(f"{answer.model} is unloaded; its memory is free.", markup=False)
    else:
        stdout().print(f"{answer.model} was not loaded.", markup=False)
    return Exit.OK
