"""`athanor pull`: a model from Hugging Face onto this machine."""

import click

from app.cli.command import command
from app.cli.download_progress import follow
from app.cli.exit_codes import Exit
from app.cli.fit_words import speed_words
from app.cli.output import note, print_json, stdout
from app.cli.server import running_or_own
from app.client.client import Client
from app.core.base.errors import AthanorError
from app.core.state.view import size
from app.wire.local import DownloadPicture
from app.wire.remote import DownloadAnswer, DownloadRequest

_ACTIVE = frozenset({"queued", "running", "verifying"})


class DownloadStopped(AthanorError):
    """The download is not done; the remedy says what then."""

    kind = "download_stopped"


@command(
    "pull",
    examples=(
        (
            "a model of the catalogue, in the quantisation that suits this machine",
            "athanor pull qwen3-8b",
        ),
        ("another quantisation", "athanor pull qwen3-8b:q8_0"),
        ("any repository with GGUF files", "athanor pull bartowski/SmolLM2-135M-Instruct-GGUF"),
        ("an address of the browser", "athanor pull https://hf.co/Qwen/Qwen3-0.6B-GGUF"),
    ),
    answer=DownloadPicture,
)
@click.argument("model", metavar="NAME[:QUANT]")
@click.option("--quant", metavar="QUANT", default="", help="Quantisation, such as Q4_K_M.")
@click.option("--no-wait", is_flag=True, help="Do not wait for its end; a server must be running.")
def pull(model: str, quant: str, no_wait: bool, is_json: bool) -> int:
    """Download a model from Hugging Face, and go on with a download that was stopped.

    NAME is an id of the catalogue (`athanor models --remote`), a repository like owner/name, or an
    address of huggingface.co. Without QUANT the best one that fits this machine is taken. What has
    arrived is kept when you stop with Ctrl-C, and when anything fails.

    HF_TOKEN, HF_ENDPOINT, HTTPS_PROXY and NO_PROXY are honoured as the server was started with
    them.
    """
    with running_or_own() as client:
        before = {one.id for one in client.downloads() if one.status in _ACTIVE}
        answer = client.download(DownloadRequest(model=model, quantization=quant))
        _tell(answer)
        if no_wait:
            last = answer.download
        else:
            last = _followed(client, answer.download, is_ours=answer.download.id not in before)
    if is_json:
        print_json(last)
    elif not no_wait:
        name = last.model or last.name
        stdout().print(f"{name} is here. `athanor run {name}` talks to it.", markup=False)
    return Exit.OK


def _followed(client: Client, download: DownloadPicture, *, is_ours: bool) -> DownloadPicture:
    """The download when it is done. Raises: DownloadStopped, and KeyboardInterrupt after Ctrl-C."""
    try:
        last = follow(client, download)
    except KeyboardInterrupt:
        if is_ours:
            paused = client.pause_download(download.id)
            note(
                f"Paused at {size(paused.done_bytes)} of {size(paused.size_bytes)}. "
                f"`athanor pull {download.name}` goes on from there."
            )
        else:
            note("The download goes on in the server; `athanor downloads list` shows it.")
        raise
    if last.status == "done":
        return last
    remedy = last.remedy or f"`athanor pull {download.name}` goes on from there."
    raise DownloadStopped(last.reason or f"the download of {last.name} was paused", remedy=remedy)


def _tell(answer: DownloadAnswer) -> None:
    """What was chosen, why, and what this machine makes of it."""
    download, fit = answer.download, answer.fit
    note(f"{download.name}, {size(download.size_bytes)}. {answer.why}")
    if fit.fits in {"partly", "not"}:
        note(fit.explanation)
    speed = speed_words(fit)
    if fit.context:
        rate = f", {speed}" if speed else ""
        note(f"It gets {fit.context} tokens of context{rate} on this machine.")
