"""Laws of the words that all faces show."""

from typing import Literal

import pytest

from app.core.sharing.policy import Verdict
from app.core.sharing.reasons import Cause, Reason
from app.core.state.engine_life import EngineGauges
from app.core.state.events import (
    Device,
    DevicesSeen,
    EngineDraining,
    EngineFell,
    EngineGauged,
    EngineProgressed,
    EngineReady,
    EngineStarted,
    GpuFound,
    GpuLost,
    ServerOpened,
    ServerStopping,
    VerdictChanged,
)
from app.core.state.mood import headline
from app.core.state.node_state import Neighbour, NodeState
from app.core.state.view import duration, life_words, notices, size, summary
from tests.core.state.pictures import FACTS, SMALL, listed, serving, told


def test_the_summary_follows_the_life_of_the_node() -> None:
    idle = serving(keep_alive=120.0)
    busy = told(EngineGauged(model=SMALL, gauges=EngineGauges(running=3, waiting=1)), state=idle)

    assert summary(NodeState(), 0.0) == "starting"
    assert summary(idle, 0.0) == "small: ready; unloads in 2 min"
    assert summary(busy, 0.0) == "small: 3 answering, 1 queued"
    assert summary(told(EngineDraining(model=SMALL, at=0.0), state=idle), 0.0) == (
        "small: unloading after the last answer"
    )
    assert summary(told(ServerStopping(), state=idle), 0.0) == "stopping: no requests in flight"


def test_a_load_says_its_stage_and_how_far() -> None:
    state = told(
        listed(SMALL),
        EngineStarted(model=SMALL, at=0.0, rung=0),
        EngineProgressed(model=SMALL, stage="weights", fraction=0.41),
    )

    assert life_words(state.models[SMALL], 0.0) == "loading weights 41%"


def test_a_failure_says_why_what_to_do_and_when_it_is_tried_again() -> None:
    fell = EngineFell(
        model=SMALL,
        at=0.0,
        reason="out of memory",
        remedy="Close a game.",
        retry_at=8.0,
        failures=2,
    )

    (notice,) = notices(told(fell, state=serving()), 0.0)

    assert notice.severity == "error"
    assert notice.message == "small failed: out of memory; next try in 8 s"
    assert notice.remedy == "Close a game."


def test_a_safer_plan_is_never_silent() -> None:
    state = told(
        listed(SMALL),
        EngineStarted(model=SMALL, at=0.0, rung=1),
        EngineReady(model=SMALL, at=0.0, facts=FACTS, keep_alive=-1.0),
    )

    assert [notice.key for notice in notices(state, 0.0)] == ["rung:small"]


@pytest.mark.parametrize(("kind", "is_advised"), [("cpu", False), ("gpu", True)])
def test_a_graphics_driver_is_advised_of_where_there_is_one(
    kind: Literal["cpu", "gpu"], is_advised: bool
) -> None:
    device = Device(name="D0", description="", kind=kind, memory_free=0, memory_total=2**30)
    state = told(
        DevicesSeen(devices=(device,)),
        listed(SMALL),
        EngineStarted(model=SMALL, at=0.0, rung=1),
        EngineReady(model=SMALL, at=0.0, facts=FACTS, keep_alive=-1.0),
    )

    (notice,) = notices(state, 0.0)

    assert ("graphics driver" in notice.remedy) == is_advised


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119.0, "119 s"), (240.0, "4 min"), (10_800.0, "3 h"), (260_000.0, "3 days")],
)
def test_durations_use_the_largest_sensible_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (700 * 2**20, "700 MiB"), (2**50, "1024 TiB")],
)
def test_sizes_have_a_binary_unit(count: int, words: str) -> None:
    assert size(count) == words


def test_memory_that_is_given_away_is_told_in_the_same_words_everywhere() -> None:
    verdict = Verdict(
        memory="free",
        memory_causes=(Cause(reason=Reason.USER_REQ, since=0.0, resumes_at=60.0),),
        refuses_loads=True,
    )
    open_node = told(ServerOpened(addresses=("http://127.0.0.1:7117/v1",)))

    state = told(VerdictChanged(neighbour=Neighbour(verdict=verdict)), state=open_node)

    words = "asleep: memory was freed, resumes within a minute"
    assert summary(state, 0.0) == words
    assert headline(state, 0.0) == f"A{words[1:]}"
    gpu = Device(name="CUDA0", description="RTX", kind="gpu", memory_free=0, memory_total=1)
    with_gpu = told(DevicesSeen(devices=(gpu,)), state=state)
    assert summary(with_gpu, 0.0) == "asleep: GPU memory was freed, resumes within a minute"


def test_a_lost_gpu_is_a_notice_until_it_is_back() -> None:
    lost = told(GpuLost(gpus=("RTX",)), GpuLost(gpus=("RTX",)))

    assert [notice.key for notice in notices(lost, 0.0)] == ["gpu_lost"]
    assert lost.lost_gpus == ("RTX",)
    assert notices(told(GpuFound(), state=lost), 0.0) == ()
