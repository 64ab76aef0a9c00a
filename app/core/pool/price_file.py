"""Price file: entries put into and taken out of prices.toml, with its comments left as they are.

An entry is what stands from its `[[models]]` to the next table. What it means is read by
core/ledger/price_list; here it is only text, and whoever writes it reads it back before it counts.
"""

import re
from collections.abc import Iterator
from typing import Final

from app.core.base.units import Micros
from app.core.ledger.price_list import PricedModel
from app.core.ledger.pricing import Prices

HEAD: Final = """\
# What this pool offers, and at which prices: docs/books.md explains the file.
# Prices are micros for a million tokens; 1,000,000 micros are a credit.

[shares]                # of what a job costs, in percent
worker = 85
fee = 10
fund = 5                # pays for what nobody else pays, such as work that is done twice
"""

_TABLE: Final = re.compile(r"^\s*\[")
_SHA256: Final = re.compile(r"""^\s*sha256\s*=\s*["']([0-9a-f]{64})["']""", re.MULTILINE)

OUTPUT_MICROS_A_BILLION: Final = 25_000
"""For a million tokens of answer and each billion parameters that a token uses: where nobody says
another price, a model of 8 billion parameters answers 5 million tokens for a credit."""
OUTPUT_MICROS_MIN: Final = 20_000
"""However small a model is, an answer of a paragraph costs more than nothing."""


def with_model(text: str, model: PricedModel) -> str:
    """The file with this entry, instead of the one of the same content if there is one."""
    rest = without_model(text or HEAD, model.sha256).rstrip()
    assert model.prices is not None, "an entry that is written has its prices"
    lines = [
        "[[models]]",
        f"sha256 = {_quoted(model.sha256)}",
        f"name = {_quoted(model.name)}",
        *([f"file = {_quoted(model.file)}"] if model.file else ()),
        f"active_parameters = {model.active_parameters:_}",
        f"prices = {{ input = {model.prices.input:_}, cached_input = "
        f"{model.prices.cached_input:_}, output = {model.prices.output:_} }}",
    ]
    return "\n".join([rest, "", *lines, ""])


def without_model(text: str, sha256: str) -> str:
    """The file without the entry of that content; the same where it has none."""
    return "".join(
        block
        for block in _blocks(text)
        if not (
            block.lstrip().startswith("[[models]]")
            and (found := _SHA256.search(block)) is not None
            and found[1] == sha256
        )
    )


def usual_prices(active_parameters: int) -> Prices:
    """A price by size, where nobody says another: a prompt costs a quarter of an answer, and what
    was cached a quarter of that.
    """
    output = max(OUTPUT_MICROS_MIN, active_parameters * OUTPUT_MICROS_A_BILLION // 10**9)
    return Prices(
        input=Micros(output // 4), cached_input=Micros(output // 16), output=Micros(output)
    )


def _blocks(text: str) -> Iterator[str]:
    """The text in pieces that each begin with a table."""
    block = ""
    for line in text.splitlines(keepends=True):
        if _TABLE.match(line) and block:
            yield block
            block = ""
        block += line
    yield block


def _quoted(text: str) -> str:
    """A text of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
