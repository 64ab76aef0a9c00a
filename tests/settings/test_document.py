"""docs/settings.md."""

import tomllib
from pathlib import Path

from app.settings.document import settings_document
from app.settings.fields import FIELDS
from app.settings.load import check_text

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_schema_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_document()


def test_the_page_names_every_setting_with_its_sentence() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for field in FIELDS.values():
        assert f"### `{field.path}`\n\n{field.sentence}\n" in page
        assert field.variable in page


def test_the_example_is_a_settings_file() -> None:
    example = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]

    assert tomllib.loads(example)
    check_text(PAGE, example)
