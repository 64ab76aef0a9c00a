"""The schema itself: what a reader of settings may rely on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.state.view import size
from app.settings.fields import FIELDS, HOST_SECTION, SECTIONS, Field
from app.settings.sizes import parse_bytes

ALL = pytest.mark.parametrize("field", FIELDS.values(), ids=list(FIELDS))


@ALL
def test_every_setting_has_a_sentence_and_its_default_is_allowed(field: Field) -> None:
    assert field.sentence[0].isupper() and field.sentence.endswith(".")
    assert field.check(list(field.default) if field.item else field.default) == field.default
    assert field.allowed


@ALL
def test_every_number_has_a_range_and_a_unit(field: Field) -> None:
    if field.base in (int, float):
        assert field.meta.ge is not None and field.meta.le is not None
        assert field.unit or field.name.endswith("port")
        for outside in (field.meta.ge - 1, field.meta.le + 1):
            with pytest.raises(ValueError, match="Expected"):
                field.check(type(field.default)(outside))


@ALL
def test_a_name_that_tells_its_unit_tells_the_truth(field: Field) -> None:
    for word in ("bytes", "seconds", "tokens"):
        if word in field.name.split("_"):
            assert field.unit == word


def test_no_name_and_no_flag_stands_for_two_settings() -> None:
    assert list(SECTIONS) == [
        *("server", "models", "engine", "downloads", "neighbour", "sharing"),
        *("pool", "updates", "runtime", HOST_SECTION),
    ]
    for names in (
        [field.name for field in FIELDS.values()],
        [field.flag for field in FIELDS.values()],
        [field.variable for field in FIELDS.values()],
    ):
        assert len(set(names)) == len(names)


@given(st.integers(0, 2**39))
def test_a_size_as_faces_show_it_is_read_back_but_for_rounding(count: int) -> None:
    read = parse_bytes(size(count))

    assert abs(read - count) <= 0.051 * count


@pytest.mark.parametrize("text", ["", "B", "1 XB", "-1", "1e3", "1 Mi B", "٣ MB", "9" * 99])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)
