"""docs/books.md says what the code does."""

import re

from app.core.ledger.accounts import KINDS
from app.core.ledger.commands import AnyCommand
from app.core.ledger.price_list import parse_price_list
from app.core.ledger.result import Result
from app.core.ledger.work import End
from tests.tidy.source import read

DOCUMENT = read("docs/books.md")


def test_the_price_list_of_the_document_can_be_used_as_it_stands() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)

    found = parse_price_list(example)

    assert all(found.prices_of(model.sha256) for model in found.models)
    assert len(found.models) == 2 and len(found.rules) == 2


def test_the_document_names_every_account_command_result_and_end() -> None:
    words = {
        *(f"`{kind}" for kind in KINDS),
        *(f"`{command.__name__}`" for command in AnyCommand.__args__),
        *(f"`{result.name}`" for result in Result),
        *(f"`{end.value}`" for end in End),
    }

    assert not {word for word in words if word not in DOCUMENT}
