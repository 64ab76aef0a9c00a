"""`python -m starter_model`: make the demonstration model, or examine the one there is."""

import argparse
import re
import sys
import time
from pathlib import Path
from typing import Final

from starter_model import examination

_ROOT: Final = Path(__file__).parents[2]
_WORK: Final = _ROOT / ".cache" / "starter-model"
_ASSETS: Final = _ROOT / "assets" / "models"
_MODEL: Final = _ASSETS / "athanor-starter.gguf"
_CARD: Final = _ASSETS / "README.md"
_SEED: Final = 1
_VERSION: Final = "1"
_BYTES_MAX: Final = 12_000_000


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m starter_model", description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="corpus, vocabulary, training and export")
    make.add_argument("--steps", type=int, default=20_300, help="of training (default: 20300)")
    make.add_argument("--threads", type=int, default=0, help="of torch (default: its own choice)")
    make.add_argument("--output", type=Path, default=_MODEL, help="the GGUF to write")
    make.set_defaults(run=_make)
    examine = commands.add_parser("examine", help="print the table of the model card again")
    examine.add_argument("--model", type=Path, default=_MODEL, help="the GGUF to examine")
    examine.add_argument("--questions", type=int, default=200, help="of each skill (default: 200)")
    examine.add_argument("--failures", type=int, default=0, help="print so many of each skill")
    examine.add_argument("--write", action="store_true", help="put the table into the model card")
    examine.set_defaults(run=_examine)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


def _make(arguments: argparse.Namespace) -> int:
    """Trains from nothing, or goes on where an interrupted training stopped."""
    import torch  # noqa: PLC0415  (examining does without)

    from starter_model import export, tokenizer, training  # noqa: PLC0415
    from starter_model.network import Shape  # noqa: PLC0415

    began = time.monotonic()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    _WORK.mkdir(parents=True, exist_ok=True)
    vocabulary_file, state = _WORK / "tokenizer.json", _WORK / f"state-{arguments.steps}.pt"
    print("1 of 3: the vocabulary, from a corpus of 12,000 conversations (seconds)", flush=True)
    if not vocabulary_file.exists():
        tokenizer.train(_SEED).save(str(vocabulary_file))
    vocabulary = tokenizer.load(vocabulary_file)
    print(
        "2 of 3: the training, five to six hours on two cores; Ctrl-C keeps what is done",
        flush=True,
    )
    plan = training.Plan(steps=arguments.steps, tokens=6144, seed=_SEED)
    network = training.train(vocabulary, Shape(), plan, state)
    print(f"3 of 3: the file {arguments.output}", flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    export.export(network, vocabulary, _VERSION, arguments.output)
    size = arguments.output.stat().st_size
    if size > _BYTES_MAX:
        print(f"The file has {size:,} bytes, more than the {_BYTES_MAX:,} allowed.")
        return 1
    arguments.output.with_name("starter.toml").write_text(export.describe(arguments.output))
    print(f"Done: {size:,} bytes, {(time.monotonic() - began) / 60:.0f} minutes.")
    print("Examine it: make examine-starter")
    return 0


def _examine(arguments: argparse.Namespace) -> int:
    """0 when every skill of the generator reaches the target."""
    asked, blind = examination.questions(arguments.questions), examination.blind()
    with examination.server(arguments.model) as address:
        marks = examination.examine(address, [*asked, *blind], _told_of(len(asked) + len(blind)))
    marks, blind_marks = marks[: len(asked)], marks[len(asked) :]
    table = examination.table(marks, blind_marks)
    print(table)
    if arguments.failures:
        print(examination.failures([*marks, *blind_marks], each=arguments.failures))
    if arguments.write:
        _write_card(table, examination.failures([*marks, *blind_marks], each=2))
    reached = [
        sum(mark.is_right for mark in of_skill) >= examination.TARGET * len(of_skill)
        for skill in examination.SKILLS
        if (of_skill := [mark for mark in marks if mark.question.skill == skill])
    ]
    return 0 if all(reached) else 1


def _told_of(total: int) -> "examination.Progress":
    """Prints how many are done now and then, on a terminal only."""

    def tell(done: int) -> None:
        if sys.stderr.isatty() and (done % 20 == 0 or done == total):
            print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr)

    return tell


def _write_card(table: str, failures: str) -> None:
    """Replaces what stands between the card's marks."""
    text = _CARD.read_text("utf-8")
    for name, content in (("table", table), ("failures", failures)):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        text, count = re.subn(
            pattern, lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text, flags=re.DOTALL
        )
        assert count == 1, f"the card has no place for the {name}"
    _CARD.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
