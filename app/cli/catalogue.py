"""`athanor models --remote`: the catalogue, with what this machine makes of each model."""

from app.cli.fit_words import fit_word, parameters_words, speed_words
from app.cli.output import note, print_json, print_table
from app.cli.server import running_or_own
from app.core.state.view import size
from app.wire.remote import CatalogueModel


def print_catalogue(*, is_json: bool) -> None:
    """The catalogue on stdout; no other machine is asked."""
    with running_or_own() as client:
        catalogue = client.catalogue()
    if is_json:
        print_json(catalogue)
        return
    print_table(
        ("ID", "PARAMETERS>", "QUANT", "SIZE>", "FITS", "CONTEXT>", "SPEED>", "GOOD FOR"),
        map(_row, catalogue.models),
    )
    note("`athanor pull ID` gets one; `athanor search WORDS` finds others on Hugging Face.")
    note(f"Speeds with ~ are expected. {catalogue.assumptions}")


def _row(model: CatalogueModel) -> tuple[str, ...]:
    best = next(one for one in model.variants if one.tag == model.recommended)
    active = f" ({parameters_words(model.active_parameters)} used)" * bool(model.active_parameters)
    return (
        model.id,
        parameters_words(model.parameters) + active,
        best.tag,
        size(best.size_bytes) if best.size_bytes else "?",
        "here" if best.installed else fit_word(best.fit),
        str(best.fit.context) if best.fit.context else "",
        speed_words(best.fit),
        model.good_for,
    )
