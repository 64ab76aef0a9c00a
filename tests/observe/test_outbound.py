"""Laws of the list of calls to other machines."""

from itertools import count

from app.observe.outbound import CALLS_KEPT, Outbound


def tell(outbound: Outbound, number: int, host: str, received_bytes: int) -> None:
    outbound.record(
        (0, number),
        host=host,
        purpose="test",
        method="GET",
        status=200,
        received_bytes=received_bytes,
    )


def test_a_call_that_goes_on_for_long_is_counted_once_however_many_others_come() -> None:
    """The way to a pool is one call that lasts for days."""
    clock = count(1.0)
    outbound = Outbound(lambda: next(clock))
    tell(outbound, 0, "pool", 0)
    for number in range(1, 2 * CALLS_KEPT):
        tell(outbound, number, "hub", 1)
        tell(outbound, 0, "pool", 1000 * number)

    totals = {total.host: (total.calls, total.received_bytes) for total in outbound.totals()}
    calls = outbound.calls()

    last = 2 * CALLS_KEPT - 1
    assert totals == {"pool": (1, 1000 * last), "hub": (last, last)}
    assert len(calls) == CALLS_KEPT
    assert [call.host for call in calls] == ["hub"] * (CALLS_KEPT - 1) + ["pool"]
    assert [call.at for call in calls] == sorted((call.at for call in calls), reverse=True)
