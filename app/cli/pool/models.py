"""`athanor pool models` and `athanor pool prices`: what the hosted pool offers, at which prices."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec
import rich_click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.cli.command import command
from app.cli.exit_codes import Exit, NotFound
from app.cli.output import note, print_json, print_table, stderr, stdout
from app.cli.pool.host import CREDITS, amount, host
from app.cli.server import running
from app.client.errors import NoHost, NoServer
from app.core.base.units import Micros
from app.core.ledger.price_list import PricedModel, PriceList, parse_price_list
from app.core.ledger.pricing import Prices
from app.core.models.card import ModelCard
from app.core.pool.price_file import usual_prices, with_model, without_model
from app.server.models.heads import make_head
from app.settings.paths import Paths, spelled_out
from app.wire.pool_admin import OfferList, OfferPicture

HEADS: Final = "heads"


class PricedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the price list. Prices are micros for a million tokens."""

    name: str
    sha256: str
    active_parameters: int
    input_price: int
    cached_input_price: int
    output_price: int


class PricesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What prices.toml says; shares are percent of what a job costs."""

    file: str
    worker_percent: int
    fee_percent: int
    fund_percent: int
    models: tuple[PricedAnswer, ...]


@rich_click.group("models")
def models() -> None:
    """List what the pool offers, and put models on its list or take them off.

    Only models on the list are computed: of each the host has the vocabulary, to count by.
    """


@command("list", examples=(("what is offered", "athanor pool models list"),), answer=OfferList)
def list_(is_json: bool) -> int:
    """List what the running host offers, who serves it, and the prices of a million tokens."""
    with host() as client:
        found = client.pool_offers()
    if is_json:
        print_json(found)
    elif not found.models:
        stdout().print("The pool offers nothing. `athanor pool models add FILE` puts a model on.")
    else:
        print_table(
            ("MODEL", "CONTEXT>", "INPUT>", "CACHED>", "ANSWER>", "MACHINES>", "LENDING>",
             "RUNNING>", "WAITING>"),
            [_row(each) for each in found.models],
        )  # fmt: skip
    return Exit.OK


@command(
    "add",
    examples=(
        ("a file, at the usual price for its size", "athanor pool models add qwen3-8b-q4_k_m.gguf"),
        ("a model that this machine's node has", "athanor pool models add qwen3-8b"),
        ("at prices of your own", "athanor pool models add qwen3-8b --input 0.05 --output 0.2"),
    ),
    answer=PricedAnswer,
)
@click.argument("source", metavar="FILE|MODEL")
@click.option("--name", default="", help="What callers name it by; else the file's name.")
@click.option("--input", "input_", type=CREDITS, metavar="CREDITS",
              help="For a million tokens of prompt.")  # fmt: skip
@click.option("--cached-input", type=CREDITS, metavar="CREDITS",
              help="For those of them that were in a cache.")  # fmt: skip
@click.option("--output", type=CREDITS, metavar="CREDITS",
              help="For a million tokens of answer.")  # fmt: skip
def add(
    *,
    source: str,
    name: str,
    input_: int | None,
    cached_input: int | None,
    output: int | None,
    is_json: bool,
) -> int:
    """Put a model on the price list: the host then lets members compute it.

    Reads the whole file once, since models are known by their content, and keeps its head, a few
    megabytes, beside the price list. The file itself is not needed afterwards.
    """
    paths, (path, known_as) = Paths.find(), _found(source)
    paths.pool.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _reading(path) as on_bytes:
        head = make_head(path, paths.pool / HEADS, on_bytes=on_bytes)
    active = _active_parameters(head.card)
    usual = usual_prices(active)
    answer = usual.output if output is None else output
    prompt = input_ if input_ is not None else usual.input if output is None else answer // 4
    cached = cached_input if cached_input is not None else prompt // 4
    model = PricedModel(
        sha256=head.sha256,
        name=name or known_as,
        active_parameters=active,
        prices=Prices(input=Micros(prompt), cached_input=Micros(cached), output=Micros(answer)),
    )
    _write(paths.pool_prices_file, lambda text: with_model(text, model))
    picture = _priced(model, parse_price_list(with_model("", model)))
    if is_json:
        print_json(picture)
        return Exit.OK
    stdout().print(
        f"{model.name} is on the list: a million tokens of prompt cost {amount(prompt)} credits, "
        f"of answer {amount(answer)}.",
        markup=False,
    )
    _tell_host()
    return Exit.OK


@command(
    "remove",
    examples=(("take a model off the list", "athanor pool models remove qwen3-8b"),),
    answer=PricedAnswer,
)
@click.argument("model", metavar="NAME|SHA256")
def remove(model: str, is_json: bool) -> int:
    """Take a model off the price list; jobs under way finish."""
    file = Paths.find().pool_prices_file
    prices = _read(file)
    found = next((each for each in prices.models if model in (each.name, each.sha256)), None)
    if found is None:
        names = ", ".join(each.name for each in prices.models) or "nothing"
        raise NotFound(f"there is no {model} on the price list", remedy=f"It lists: {names}.")
    _write(file, lambda text: without_model(text, found.sha256))
    if is_json:
        print_json(_priced(found, prices))
    else:
        stdout().print(f"{found.name} is off the list.", markup=False)
        _tell_host()
    return Exit.OK


for _subcommand in (list_, add, remove):
    models.add_command(_subcommand)


@command(
    "prices",
    examples=(
        ("what stands in prices.toml, and whether it is right", "athanor pool prices"),
        ("its path, for your editor", "athanor pool prices --path"),
    ),
    answer=PricesAnswer,
)
@click.option("--path", "is_path", is_flag=True, help="Print where the file is, nothing else.")
def prices(is_path: bool, is_json: bool) -> int:
    """Check prices.toml and show it: every fault is named, and what the host would charge."""
    file = Paths.find().pool_prices_file
    if is_path:
        stdout().print(str(file), markup=False, soft_wrap=True, highlight=False)
        return Exit.OK
    found = _read(file)
    if is_json:
        print_json(_answer(file, found))
        return Exit.OK
    shares = found.shares
    print_table(
        ("MODEL", "INPUT>", "CACHED>", "ANSWER>", "CONTENT"),
        [_price_row(_priced(each, found)) for each in found.models],
    )
    stdout().print(
        f"Of what a job costs, {shares.worker}% go to who computes it, {shares.fee}% to the host "
        f"and {shares.fund}% into the fund. Prices are credits for a million tokens.",
        markup=False,
    )
    return Exit.OK


def _found(source: str) -> tuple[Path, str]:
    """The file of the model, and what to call it. Raises: NotFound; as Client.library_model."""
    path = spelled_out(source)
    if path.is_file():
        return path, path.stem
    try:
        with running() as client:
            model = client.library_model(source)
    except NoServer:
        raise NotFound(
            f"there is no file {source}",
            remedy="Name a GGUF file, or start the node and name a model of its library.",
        ) from None
    return Path(model.path), model.name


class _reading:
    """A bar on a terminal while a file is read. A context manager."""

    def __init__(self, path: Path) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
        self._progress = Progress(*columns, console=stderr(), transient=True)
        self._task = self._progress.add_task(f"reading {path.name}", total=path.stat().st_size)

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda count: self._progress.update(self._task, completed=count)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _active_parameters(card: ModelCard) -> int:
    """Parameters that a token uses: of experts only those that are chosen."""
    if not card.experts or not card.expert_bytes or not card.weight_bytes:
        return card.parameters
    idle = card.expert_bytes / card.weight_bytes * (1 - card.experts_used / card.experts)
    return round(card.parameters * max(0.0, 1.0 - idle))


def _read(file: Path) -> PriceList:
    """What the file says; an empty list where there is none. Raises: PricesInvalid."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return parse_price_list(text, str(file))


def _write(file: Path, change: Callable[[str], str]) -> None:
    """The file changed, whole or not at all, and only into one that can be read.

    Raises: PricesInvalid.
    """
    text = change(file.read_text(encoding="utf-8") if file.exists() else "")
    parse_price_list(text, str(file))
    written = file.with_suffix(".toml.new")
    written.write_text(text, encoding="utf-8")
    os.replace(written, file)


def _tell_host() -> None:
    """Have a running host read the list again."""
    try:
        with host() as client:
            found = client.reread_prices()
    except NoHost:
        note("It counts from the next `athanor pool serve` on.")
        return
    for trouble in found.troubles:
        note(trouble)
    note("The running host has taken it up.")


def _priced(model: PricedModel, found: PriceList) -> PricedAnswer:
    costs = found.prices_of(model.sha256)
    assert costs is not None, "a list without a price for a model is refused"
    return PricedAnswer(
        name=model.name,
        sha256=model.sha256,
        active_parameters=model.active_parameters,
        input_price=costs.input,
        cached_input_price=costs.cached_input,
        output_price=costs.output,
    )


def _answer(file: Path, found: PriceList) -> PricesAnswer:
    return PricesAnswer(
        file=str(file),
        worker_percent=found.shares.worker,
        fee_percent=found.shares.fee,
        fund_percent=found.shares.fund,
        models=tuple(_priced(each, found) for each in found.models),
    )


def _price_row(each: PricedAnswer) -> tuple[str, ...]:
    costs = (each.input_price, each.cached_input_price, each.output_price)
    return (each.name, *map(amount, costs), f"{each.sha256[:12]}…")


def _row(each: OfferPicture) -> tuple[str, ...]:
    costs = (each.input_price, each.cached_input_price, each.output_price)
    counts = (each.machines, each.lending, each.running, each.waiting)
    return (each.name, f"{each.context:,}", *map(amount, costs), *map(str, counts))
