"""Laws of the mood and of the short line: one word and one line for the whole node."""

from app.core.base.ids import RequestId
from app.core.state.events import (
    Device,
    DevicesSeen,
    EngineDraining,
    EngineEnded,
    EngineFell,
    EngineProgressed,
    EngineStarted,
    NoticeRaised,
    RequestArrived,
    ServerOpened,
    ServerStopping,
)
from app.core.state.mood import headline, mood_of, shortened
from app.core.state.node_state import NodeState, Notice
from tests.core.state.pictures import SMALL, listed, serving, told

OPENED = ServerOpened(addresses=("http://127.0.0.1:7117/v1",))
GPU = Device(
    name="CUDA0",
    description="RTX 4070",
    kind="gpu",
    memory_free=6 * 2**30,
    memory_total=12 * 2**30,
)


def said(state: NodeState) -> tuple[str, str]:
    return mood_of(state, 0.0), headline(state, 0.0)


def test_a_node_without_a_model_in_memory_is_asleep() -> None:
    assert said(NodeState()) == ("asleep", "Starting")
    assert said(told(OPENED, listed(SMALL))) == ("asleep", "Idle · no model is loaded")


def test_a_loaded_model_makes_the_node_ready_and_says_where_it_is() -> None:
    ready = told(OPENED, state=serving())
    with_gpu = told(DevicesSeen(devices=(GPU,)), state=ready)

    assert said(ready)[0] == "ready"
    assert said(with_gpu)[1].startswith("Ready · small on ")
    assert said(with_gpu)[1].endswith(" · 6.0 GiB of 12.0 GiB")


def test_loading_unloading_and_answering_are_busy() -> None:
    ready = told(OPENED, state=serving())
    loading = told(
        OPENED,
        listed(SMALL),
        EngineStarted(model=SMALL, at=0.0, rung=0),
        EngineProgressed(model=SMALL, stage="weights", fraction=0.4),
    )
    answering = told(RequestArrived(request=RequestId("r"), model=SMALL, at=0.0), state=ready)
    unloading = told(EngineDraining(model=SMALL, at=0.0), state=ready)

    assert said(loading) == ("busy", "Busy · small: loading weights 40%")
    assert said(answering) == ("busy", "Busy · 1 request on small")
    assert said(unloading) == ("busy", "Busy · small: unloading after the last answer")


def test_an_error_calls_for_attention_whatever_else_goes_on_and_a_warning_does_not() -> None:
    ready = told(OPENED, state=serving())
    lost = Notice(key="device_lost", severity="error", message="The GPU was lost.")
    warm = Notice(key="heat", severity="warning", message="It is warm.")

    assert said(told(NoticeRaised(notice=lost), state=ready)) == (
        "attention",
        "Attention · The GPU was lost.",
    )
    assert said(told(NoticeRaised(notice=warm), state=ready))[0] == "ready"


def test_a_failed_model_calls_for_attention_until_it_is_forgotten() -> None:
    fell = EngineFell(model=SMALL, at=0.0, reason="x", remedy="", retry_at=9.0, failures=1)
    failed = told(OPENED, fell, state=serving())

    assert said(failed)[0] == "attention"
    assert said(told(EngineEnded(model=SMALL), state=failed))[0] == "asleep"


def test_a_node_that_stops_falls_asleep() -> None:
    assert said(told(OPENED, ServerStopping(), state=serving())) == ("asleep", "Stopping")


def test_a_line_that_is_too_long_ends_in_a_mark_of_omission() -> None:
    assert shortened("one two three", 8) == "one two…"
    assert shortened("one\ntwo", 8) == "one two"
