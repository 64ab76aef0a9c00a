"""What was proved of GPUs under modules, and what is switched off for it."""

import msgspec

from app.cli.doctor.finding import Finding, Findings
from app.client.client import Client
from app.core.base.errors import AthanorError
from app.core.runtime.backends import words_of
from app.core.runtime.record import AUTO, RuntimeRecord
from app.settings.paths import Paths


def check_advice(paths: Paths) -> Findings:
    """What the running server advises; only it knows what packs there are."""
    try:
        with Client.find(paths) as client:
            advice = client.runtime().advice
    except AthanorError:
        # That there is no server, or that it does not answer, is said elsewhere.
        return
    if advice:
        yield Finding(about="runtime", verdict="note", message=advice)


def check_runtimes(paths: Paths) -> Findings:
    """The trials that are remembered, and the owner's choice where there is one."""
    path = paths.runtimes / "record.json"
    try:
        record = msgspec.json.decode(path.read_bytes(), type=RuntimeRecord)
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError):
        yield Finding(
            about="runtime",
            verdict="warning",
            message=f"{path} cannot be read; GPUs are tried again at the next start",
        )
        return
    if record.wish != AUTO:
        yield Finding(
            about="runtime",
            verdict="note",
            message=f"you chose {record.wish} to compute by",
            remedy="`athanor runtime use auto` takes what is best.",
        )
    for proof in record.proofs:
        what = f"{words_of(proof.pair.backend)} on {proof.pair.device}"
        where = proof.pair.pack or f"llama.cpp {proof.pair.build}"
        where += f", driver {proof.pair.driver}" if proof.pair.driver else ""
        yield Finding(
            about="runtime",
            verdict="ok" if proof.is_good else "warning",
            message=f"{what} passed its trial ({where})"
            if proof.is_good
            else f"{what} is switched off ({where}): {proof.reason}",
            remedy=""
            if proof.is_good
            else "Update the graphics driver, then run "
            f"`athanor runtime test {proof.pair.pack or proof.pair.backend}`.",
        )
