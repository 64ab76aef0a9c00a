"""Which model answers requests that name none."""

import pytest

from app.core.base.ids import ModelName
from app.core.state.default_model import default_model, why_none
from app.core.state.engine_life import EngineLife, Ready, Unloaded
from app.core.state.node_state import ModelState
from tests.core.state.pictures import FACTS


def _ready(last_used: float) -> Ready:
    return Ready(since=0.0, facts=FACTS, last_used=last_used, keep_alive=60.0, rung=0)


def _own(name: str, life: EngineLife | None = None, *, is_listed: bool = True) -> ModelState:
    return ModelState(name=ModelName(name), life=life or Unloaded(), is_listed=is_listed)


def _demonstration(life: EngineLife | None = None, *, is_listed: bool) -> ModelState:
    return ModelState(
        name=ModelName("starter"),
        life=life or Unloaded(),
        is_listed=is_listed,
        is_demonstration=True,
    )


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ([], None),
        ([_own("a")], "a"),
        ([_own("a"), _own("b")], None),
        ([_own("a"), _own("b", _ready(1))], "b"),
        ([_own("a", _ready(2)), _own("b", _ready(1))], "a"),
        ([_own("gone", _ready(2), is_listed=False), _own("b")], "gone"),
        ([_demonstration(is_listed=True)], "starter"),
        ([_demonstration(_ready(1), is_listed=True)], "starter"),
        ([_own("a"), _demonstration(is_listed=False)], "a"),
        ([_own("a"), _demonstration(_ready(9), is_listed=False)], "a"),
        ([_own("a", _ready(1)), _demonstration(_ready(9), is_listed=False)], "a"),
        ([_own("a"), _own("b"), _demonstration(_ready(9), is_listed=False)], None),
        ([_own("gone", _ready(1), is_listed=False), _demonstration(is_listed=True)], "gone"),
    ],
)
def test_the_default_is_the_one_used_last_or_the_only_one_and_a_demonstration_steps_aside(
    models: list[ModelState], name: str | None
) -> None:
    assert default_model(models) == name
    assert default_model(reversed(models)) == name


def test_why_there_is_no_default_is_told_with_what_to_do() -> None:
    assert "athanor pull" in why_none([])
    assert "models.default" in why_none([ModelName("a"), ModelName("b")])
