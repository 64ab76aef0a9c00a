"""Laws of the meters: figures are read from the state, in names that do not change."""

import re

from app.core.base.ids import RequestId
from app.core.state.engine_life import EngineGauges
from app.core.state.events import (
    Device,
    DevicesSeen,
    EngineFell,
    EngineGauged,
    EngineStarted,
    RequestArrived,
    RequestEnded,
)
from app.observe.meters import METRICS, Meters
from tests.core.state.pictures import SMALL, serving, told

DEVICE = Device(
    name="CUDA0",
    description="RTX",
    kind="gpu",
    memory_free=40,
    memory_total=100,
    busy_percent=50.0,
    temperature_celsius=61.0,
    power_watts=120.0,
)


def busy_node_figures() -> str:
    state = told(
        EngineGauged(model=SMALL, gauges=EngineGauges(running=2, cells_used=300, decode_calls=9)),
        RequestArrived(request=RequestId("1"), model=SMALL, at=0.0),
        RequestArrived(request=RequestId("2"), model=SMALL, at=0.0),
        RequestEnded(
            request=RequestId("1"),
            at=1.0,
            outcome="completed",
            prompt_tokens=10,
            cached_tokens=4,
            completion_tokens=6,
        ),
        DevicesSeen(devices=(DEVICE,)),
        state=serving(),
    )
    meters = Meters(lambda: state)
    meters.request_ended(SMALL, seconds=3.0, first_token_seconds=1.0, completion_tokens=6)
    return meters.exposition().decode()


def test_the_figures_of_the_state_are_published() -> None:
    text = busy_node_figures()

    for line in (
        'athanor_requests_total{model="small",outcome="completed"} 1.0',
        'athanor_prompt_tokens_total{model="small"} 10.0',
        'athanor_cached_tokens_total{model="small"} 4.0',
        'athanor_completion_tokens_total{model="small"} 6.0',
        'athanor_requests_in_flight{model="small",phase="waiting"} 1.0',
        'athanor_engine_up{model="small",state="ready"} 1.0',
        'athanor_engine_sequences{kind="running",model="small"} 2.0',
        'athanor_engine_cells_used{model="small"} 300.0',
        'athanor_device_memory_bytes{device="CUDA0",kind="used"} 60.0',
        'athanor_device_busy_ratio{device="CUDA0"} 0.5',
    ):
        assert line in _sorted_labels(text), line


def _sorted_labels(text: str) -> list[str]:
    """Lines with their labels in alphabetical order, since their order means nothing."""

    def ordered(match: re.Match[str]) -> str:
        return "{" + ",".join(sorted(match[1].split(","))) + "}"

    return [re.sub(r"\{(.*)\}", ordered, line) for line in text.splitlines()]


def test_times_are_distributions_by_model() -> None:
    text = busy_node_figures()

    assert 'athanor_time_to_first_token_seconds_sum{model="small"} 1.0' in text
    assert 'athanor_time_per_output_token_seconds_sum{model="small"} 0.4' in text
    assert 'athanor_request_seconds_count{model="small"} 1.0' in text


def test_a_request_without_a_token_counts_only_its_length() -> None:
    meters = Meters(serving)

    meters.request_ended(SMALL, seconds=3.0, first_token_seconds=None, completion_tokens=0)

    text = meters.exposition().decode()
    assert 'athanor_request_seconds_count{model="small"} 1.0' in text
    assert "first_token_seconds_count" not in text


def test_every_family_that_is_published_is_documented_and_the_other_way_round() -> None:
    fell = EngineFell(model=SMALL, at=1.0, reason="", remedy="", retry_at=1.0, failures=1)
    state = told(fell, EngineStarted(model=SMALL, at=2.0, rung=0), state=serving())
    text = Meters(lambda: state).exposition().decode() + busy_node_figures()

    families = set(re.findall(r"# HELP (athanor_\w+?)(?:_total)? ", text))

    assert families == METRICS.keys() | {
        "athanor_time_to_first_token_seconds",
        "athanor_time_per_output_token_seconds",
        "athanor_request_seconds",
    }
