"""When the demonstration model is offered."""

import pytest

from app.core.models.demonstration import is_offered, labelled

USABLE, BROKEN = True, False


@pytest.mark.parametrize(
    ("owners_models", "offered"),
    [
        ([], True),
        ([BROKEN], True),
        ([BROKEN, BROKEN], True),
        ([USABLE], False),
        ([BROKEN, USABLE], False),
        ([USABLE, USABLE], False),
    ],
)
def test_the_demonstration_is_offered_while_no_other_model_can_be_used(
    owners_models: list[bool], offered: bool
) -> None:
    assert is_offered(owners_models) is offered


def test_only_the_demonstration_has_a_label() -> None:
    assert labelled("m", is_demonstration=True) == "m (demonstration)"
    assert labelled("m", is_demonstration=False) == "m"
