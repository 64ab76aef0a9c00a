"""`athanor pool join`, `leave`, `status`, `market` and `quote`: belonging to a pool."""

import sys
from typing import Final

import click

from app.cli.command import command
from app.cli.exit_codes import Exit
from app.cli.output import note, print_json, print_table, stdout
from app.cli.server import running
from app.core.member.caps import cap_words
from app.core.member.credits import credits_text, credits_words
from app.core.state.pool_words import TOLD_TO_THE_HOST
from app.core.state.view import duration
from app.wire.pool_local import CostQuote, JoinRequest, MarketPicture, SharingPicture
from app.wire.pool_picture import PoolPicture

_TOKENS: Final = click.IntRange(0, 100_000_000)


@command(
    "join",
    examples=(
        ("by an invite that somebody sent you", "athanor pool join athanor://join/AFRH"),
        ("under another name than the machine's", "athanor pool join AFRH --name attic"),
    ),
    answer=PoolPicture,
)
@click.argument("invite", metavar="INVITE")
@click.option("--name", default="", help="What the host calls this machine; its own name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def join(*, invite: str, name: str, yes: bool, is_json: bool) -> int:
    """Become a member of a pool by an invite.

    Joining lends nothing and spends nothing: `athanor share on` lends this machine's GPU, the
    setting pool.spending allows credits to be spent. The host is told this machine's address and
    name, its GPU, the engine's version, and what it lends; on a terminal you are asked before.
    """
    if not (yes or is_json):
        note(f"The host will be told {TOLD_TO_THE_HOST}.")
        if sys.stdin.isatty():
            click.confirm("Join?", default=True, abort=True, err=True)
    with running() as client:
        picture = client.join_pool(JoinRequest(invite=invite, name=name))
        rules = client.sharing()
    if is_json:
        print_json(picture)
        return Exit.OK
    if picture.link != "connected":
        note(f"The host does not answer yet: {picture.link_summary}. It is tried again.")
        return Exit.OK
    stdout().print(f"Joined {picture.name} as {picture.account}.", markup=False, soft_wrap=True)
    for line in _next_steps(rules):
        note(line)
    return Exit.OK


def _next_steps(rules: SharingPicture) -> list[str]:
    steps = []
    if rules.mode == "off":
        steps.append("Nothing is lent yet: `athanor share on` lends the GPU while nobody uses it.")
    if rules.spending == "off":
        steps.append("Nothing is spent yet: `athanor share --spend prefix` allows models with "
                     "names such as pool/qwen3-8b, within your limits.")  # fmt: skip
    return steps


@command(
    "leave",
    examples=(("leave the pool of this machine", "athanor pool leave"),),
    answer=PoolPicture,
)
def leave(is_json: bool) -> int:
    """Leave the pool: jobs under way are handed over, and the host is told.

    What was earned and spent stays known here; `athanor credits verify` goes on to prove it.
    """
    with running() as client:
        picture = client.leave_pool()
    if is_json:
        print_json(picture)
    else:
        stdout().print("This machine belongs to no pool any more.", markup=False)
    return Exit.OK


@command(
    "status",
    examples=(("how this machine stands in its pool", "athanor pool status"),),
    answer=PoolPicture,
)
def status(is_json: bool) -> int:
    """Show the pool of this machine: the link, the work, what today brought, why it is idle.

    The exit code is 1 when no pool is joined.
    """
    with running() as client:
        picture = client.pool()
    if is_json:
        print_json(picture)
        return Exit.OK if picture.is_member else Exit.FAILED
    if not picture.is_member:
        stdout().print("No pool is joined. `athanor pool join INVITE` joins one.", markup=False)
        return Exit.FAILED
    for line in _lines(picture):
        stdout().print(line, markup=False, soft_wrap=True)
    return Exit.OK


def _lines(picture: PoolPicture) -> list[str]:
    lines = [
        f"{picture.name or picture.address}, as {picture.account or '-'}",
        f"Link: {picture.link_summary}",
        f"Work: {picture.work_summary}",
        picture.lent_summary,
        f"Balance: {credits_words(picture.balance)}, {credits_text(picture.held)} of them held",
        picture.today_summary,
    ]
    if picture.remedy:
        lines.append(picture.remedy)
    lines += [f"Went elsewhere: {each.jobs}, since {each.words}" for each in picture.skipped]
    lines += [f"Held against this machine: {each}" for each in picture.strikes]
    if picture.unacknowledged:
        lines.append(f"Receipts that the host has not counter-signed: {picture.unacknowledged}")
    if picture.disputes:
        lines.append("The host's books and ours differ: `athanor credits verify` says where.")
    return lines


@command(
    "market",
    examples=(("what can be had in the pool, and for how much", "athanor pool market"),),
    answer=MarketPicture,
)
def market(is_json: bool) -> int:
    """Show what the pool serves now: price, context and wait, and what you may still spend."""
    with running() as client:
        picture = client.market()
    if is_json:
        print_json(picture)
        return Exit.OK
    if not picture.quotes:
        stdout().print("Nobody in the pool serves a model now.", markup=False)
    else:
        print_table(
            (
                "MODEL",
                "CONTEXT>",
                "IN>",
                "CACHED>",
                "OUT>",
                "WAIT>",
                "MACHINES>",
                "NEAREST",
                "SEALED",
            ),
            [
                (
                    quote.model,
                    str(quote.context),
                    credits_text(quote.input_price),
                    credits_text(quote.cached_price),
                    credits_text(quote.output_price),
                    _wait_words(quote.wait_seconds),
                    str(quote.workers),
                    quote.nearest,
                    "possible" if quote.can_be_sealed else "no",
                )
                for quote in picture.quotes
            ],
        )
        note("Prices are credits for a million tokens.")
    note(_spending_words(picture))
    return Exit.OK


@command(
    "quote",
    examples=(
        (
            "a question of 1,500 tokens",
            "athanor pool quote qwen3-8b --input 1500 --output 400",
        ),
    ),
    answer=CostQuote,
)
@click.argument("model")
@click.option("--input", "prompt", type=_TOKENS, required=True, help="Tokens of the prompt.")
@click.option("--output", "answer", type=_TOKENS, required=True, help="Tokens of the answer.")
def quote(model: str, prompt: int, answer: int, is_json: bool) -> int:
    """Say what a request to the pool would cost, before it is made.

    A page of English text has some 700 tokens. Nothing is held, and nobody is asked to compute; the
    exit status is 1 where the answer would be refused or cut. Machines of your own cost nothing.
    """
    with running() as client:
        found = client.pool_quote(model, prompt=prompt, answer=answer)
    if is_json:
        print_json(found)
    else:
        for line in _quote_lines(found):
            stdout().print(line, markup=False, soft_wrap=True)
    return Exit.FAILED if found.missing else Exit.OK


def _quote_lines(found: CostQuote) -> list[str]:
    low, high = credits_text(found.least), credits_words(found.most)
    lines = [
        f"{found.model}: at most {high}; {low} if the whole prompt is cached and no answer comes",
        f"Wait: {_wait_words(found.wait_seconds)}",
    ]
    if found.missing:
        lines.append(f"It would be refused or cut: {_missing_words(found)}.")
    return lines


def _missing_words(found: CostQuote) -> str:
    match found.missing:
        case "spending":
            return "spending is off; `athanor share --spend prefix` allows it"
        case "trust":
            return (
                f"the closest machine that lends it is of the circle {found.nearest}, and you let "
                f"{found.trust} read at the widest; `athanor share --read-by {found.nearest}` "
                "allows it"
            )
        case "context":
            return f"the model's context holds {found.context} tokens"
        case "balance":
            return f"{credits_words(found.available)} are free on the account"
        case _:
            left = credits_words(found.left_request)
            return f"{cap_words(found.left_cap)} leaves {left}; `athanor share` raises it"


def _spending_words(picture: MarketPicture) -> str:
    if picture.spending == "off":
        return "Spending is off: `athanor share --spend prefix` allows it."
    left = credits_words(picture.left_request)
    limit = "request" if picture.left_cap == "request" else f"rest of this {picture.left_cap}"
    return (
        f"One request may cost {left} at most (your limit of the {limit}); it may be read by: "
        f"{picture.trust}."
    )


def _wait_words(seconds: float | None) -> str:
    return "nobody lends it now" if seconds is None else duration(seconds)
