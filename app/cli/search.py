"""`athanor search`: models on Hugging Face, and what this machine makes of one of them."""

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.fit_words import VARIANT_COLUMNS, parameters_words, variant_row
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running_or_own
from app.core.downloads.safe_names import is_repository
from app.wire.remote import RemoteModel, SearchAnswer, SearchResult


@command(
    "search",
    examples=(
        ("repositories with GGUF files", "athanor search qwen coder"),
        ("what one of them has, and what fits here", "athanor search unsloth/Qwen3-8B-GGUF"),
    ),
    answer=SearchAnswer,
)
@click.argument("words", metavar="WORDS...", nargs=-1, required=True)
def search(words: tuple[str, ...], is_json: bool) -> int:
    """Search models on Hugging Face.

    With a repository, owner/name, its quantisations are listed with whether they fit this machine;
    --json then prints a RemoteModel.
    """
    query = " ".join(words)
    with running_or_own() as client:
        if is_repository(query):
            shown = client.remote(query)
            if is_json:
                print_json(shown)
            else:
                _print_repository(shown)
            return Exit.OK
        answer = client.search(query)
    if is_json:
        print_json(answer)
    elif answer.results:
        print_table(
            ("REPOSITORY", "PARAMETERS>", "DOWNLOADS>", "LIKES>", "UPDATED", ""),
            [_row(result) for result in answer.results],
        )
        note("`athanor search OWNER/NAME` says what fits here, `athanor pull OWNER/NAME` gets it.")
    else:
        stdout().print("Nothing was found. `athanor models --remote` lists the catalogue.")
    return Exit.OK


def _row(result: SearchResult) -> tuple[str, ...]:
    return (
        result.repository,
        parameters_words(result.parameters),
        str(result.downloads),
        str(result.likes),
        result.updated_at[:10],
        "gated" if result.is_gated else "",
    )


def _print_repository(shown: RemoteModel) -> None:
    facts = [
        parameters_words(shown.parameters),
        shown.architecture,
        f"context {shown.context}" if shown.context else "",
        shown.licence,
        "gated" if shown.is_gated else "",
    ]
    note(f"{shown.repository}: {', '.join(fact for fact in facts if fact)}")
    print_table(
        VARIANT_COLUMNS,
        [
            variant_row(variant, is_recommended=variant.tag == shown.recommended)
            for variant in shown.variants
        ],
    )
    note(f"* {shown.why} `athanor pull {shown.repository}` gets it.")
    for file in shown.left_out:
        note(f"{file.path} is left out: {file.reason}.")
    note(f"Speeds with ~ are expected. {shown.assumptions}")
