"""Laws of what is kept of requests that ended, and of the points of the plots."""

from app.core.base.ids import ModelName, RequestId
from app.core.state.node_state import Device, ModelState, NodeState, RequestState, Tally
from app.server.node.history import point_of
from app.server.node.recent import KEPT, Done, Recent


def done(number: int, **times: float) -> Done:
    return Done(
        request=RequestId(str(number)),
        model=ModelName("m"),
        arrived_at=float(number),
        outcome="completed",
        prompt_tokens=10,
        cached_tokens=0,
        completion_tokens=20,
        total_ms=1000.0,
        **times,
    )


def test_the_newest_come_first_and_the_oldest_are_forgotten() -> None:
    recent = Recent()
    for number in range(KEPT + 5):
        recent.add(done(number))

    kept = recent.newest_first()

    assert (len(kept), kept[0].request, recent.count) == (KEPT, str(KEPT + 4), KEPT + 5)


def test_a_speed_is_told_where_there_was_something_to_measure() -> None:
    assert done(1, decode_ms=500.0).tokens_per_second == 40.0
    assert done(1).tokens_per_second is None


def test_a_point_counts_answers_under_way_too() -> None:
    model, device = ModelName("m"), Device(
        name="CUDA0", description="", kind="gpu", memory_free=3, memory_total=10, busy_percent=7.0
    )  # fmt: skip
    state = NodeState(
        models={
            model: ModelState(name=model, tally=Tally(completed=2, failed=1, completion_tokens=5))
        },
        requests={
            RequestId("r"): RequestState(
                request=RequestId("r"), model=model, since=0.0, completion_tokens=4
            )
        },
        devices=(device,),
    )

    point = point_of(state, 9.0)

    assert (point.requests, point.tokens, point.running) == (3, 9, 1)
    assert (point.devices[0].used, point.devices[0].busy) == (7, 7.0)
