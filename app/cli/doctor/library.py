"""Whether there are models, and which files cannot be used."""

from app.cli.disk import read_library
from app.cli.doctor.finding import Finding, Findings
from app.settings.paths import Paths
from app.settings.schema import Settings


def check_models(paths: Paths, settings: Settings) -> Findings:
    """What the library finds on the disk."""
    library = read_library(paths, settings)
    entries = library.entries()
    usable = [entry for entry in entries if entry.card is not None]
    yield Finding(
        about="models",
        verdict="ok" if usable else "warning",
        message=f"{len(usable)} models found" if usable else "no models found",
        remedy=""
        if usable
        else f"Put a GGUF file into {paths.models}, or name a folder with `athanor settings set "
        "models.folders FOLDER`.",
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
