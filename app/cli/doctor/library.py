"""Whether there are models, and which files cannot be used."""

from app.cli.disk import read_library
from app.cli.doctor.finding import Finding, Findings
from app.settings.paths import Paths
from app.settings.schema import Settings


def check_models(paths: Paths, settings: Settings) -> Findings:
    """What the library finds on the disk."""
    library = read_library(paths, settings)
    entries = library.entries()
    usable = [e for e in entries if e.card is not None and not e.is_demonstration]
    if usable:
        yield Finding(about="models", verdict="ok", message=f"{len(usable)} models found")
    else:
        has_demonstration = any(entry.is_demonstration for entry in entries)
        yield Finding(
            about="models",
            verdict="note" if has_demonstration else "warning",
            message="no models found" + " but the demonstration" * has_demonstration,
            remedy=f"`athanor pull` downloads one; or put a GGUF file into {paths.models}, or name "
            "a folder with `athanor settings set models.folders FOLDER`.",
        )
    for entry in entries:
        if entry.refusal:
            yield Finding(
                about="models",
                verdict="warning",
                message=entry.refusal,
                remedy="Download the file again, or delete it.",
            )
    for trouble in library.troubles():
        yield Finding(about="models", verdict="warning", message=trouble)
