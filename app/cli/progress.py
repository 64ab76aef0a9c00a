"""The progress of a load, told from the node's events."""

import sys
import threading

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.cli.output import stderr
from app.client.client import Client
from app.client.errors import NoServer, ServerRefused, ServerSilent
from app.wire.local import EnginePicture, LoadAnswer, LoadRequest


def load_with_progress(client: Client, request: LoadRequest) -> LoadAnswer:
    """Load the model, with a bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        return client.load(request)
    console = stderr()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    is_over = threading.Event()
    with Progress(*columns, console=console, transient=True) as progress:
        # The events are watched on the side: the answer of the load is what counts, and a bar
        # that stops moving must not keep it waiting.
        threading.Thread(
            target=_watch, args=(client, request.model, progress, is_over), daemon=True
        ).start()
        try:
            return client.load(request)
        finally:
            is_over.set()


def _watch(client: Client, model: str, progress: Progress, is_over: threading.Event) -> None:
    task = progress.add_task(f"loading {escape(model or 'the default model')}", total=1.0)
    try:
        for event in client.events():
            if is_over.is_set():
                return
            loading = [e for e in event.picture.engines if e.status == "loading"]
            if loading:
                engine = _engine_of(model, loading)
                words = f"loading {escape(engine.model)}: {engine.stage}"
                progress.update(task, description=words, completed=engine.fraction)
    except (NoServer, ServerRefused, ServerSilent):
        return


def _engine_of(model: str, loading: list[EnginePicture]) -> EnginePicture:
    """The engine of that name; names have several spellings, so else the one that is loading."""
    return next((engine for engine in loading if engine.model == model), loading[-1])
