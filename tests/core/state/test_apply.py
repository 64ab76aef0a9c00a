"""Laws of the node's state: what each event does, and that no legal event is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.base.ids import ModelName, RequestId
from app.core.state.apply import apply
from app.core.state.engine_life import (
    TRANSITIONS,
    EngineGauges,
    Failed,
    IllegalTransition,
    Loading,
    Ready,
    Unloaded,
    Unloading,
    life_name,
)
from app.core.state.events import (
    Device,
    DevicesSeen,
    EngineDraining,
    EngineEnded,
    EngineEvent,
    EngineFell,
    EngineGauged,
    EngineProgressed,
    EngineReady,
    EngineStarted,
    EngineUsed,
    Event,
    Notice,
    NoticeCleared,
    NoticeRaised,
    RequestAdvanced,
    RequestArrived,
    RequestEnded,
    ServerOpened,
    ServerStopping,
)
from app.core.state.node_state import NodeState, Outcome
from tests.core.state.pictures import FACTS, LARGE, SMALL, listed, serving, small, told

FELL = EngineFell(model=SMALL, at=5.0, reason="it was killed", remedy="", retry_at=6.0, failures=1)
REQUEST = RequestId("r1")


def test_a_listed_model_is_unloaded_at_first() -> None:
    state = told(listed(SMALL))

    assert small(state).life == Unloaded()
    assert small(state).size_bytes == 100


def test_a_model_that_left_the_library_is_shown_until_its_engine_is_gone() -> None:
    state = told(listed(LARGE), state=serving())

    assert not small(state).is_listed
    gone = told(EngineDraining(model=SMALL, at=1.0), EngineEnded(model=SMALL), state=state)
    assert SMALL not in gone.models


def test_progress_replaces_the_stage() -> None:
    state = told(
        listed(SMALL),
        EngineStarted(model=SMALL, at=1.0, rung=2),
        EngineProgressed(model=SMALL, stage="weights", fraction=0.5),
    )

    assert small(state).life == Loading(since=1.0, stage="weights", fraction=0.5, rung=2)


def test_a_lease_renews_the_last_use_and_may_change_keep_alive() -> None:
    state = told(EngineUsed(model=SMALL, at=9.0, leases=1, keep_alive=-1.0), state=serving())

    life = small(state).life
    assert isinstance(life, Ready)
    assert (life.last_used, life.leases, life.keep_alive) == (9.0, 1, -1.0)


def test_gauges_of_an_engine_that_drains_are_legal_and_change_nothing() -> None:
    state = told(EngineDraining(model=SMALL, at=1.0), state=serving())

    assert apply(state, EngineGauged(model=SMALL, gauges=EngineGauges(running=3))) == state
    assert small(state).life == Unloading(since=1.0)


def test_a_fallen_engine_remembers_whether_it_had_served() -> None:
    ready = small(told(FELL, state=serving())).life
    loading = small(told(listed(SMALL), EngineStarted(model=SMALL, at=0, rung=0), FELL)).life

    assert isinstance(ready, Failed) and ready.was_ready
    assert isinstance(loading, Failed) and not loading.was_ready


def test_a_start_after_a_failure_counts_as_a_restart() -> None:
    state = told(FELL, EngineStarted(model=SMALL, at=6.0, rung=0), state=serving())

    assert small(state).restarts == 1


def test_a_request_goes_forward_through_its_phases_and_then_into_the_tally() -> None:
    state = told(RequestArrived(request=REQUEST, model=SMALL, at=1.0), state=serving())
    assert state.requests[REQUEST].phase == "waiting"

    state = told(
        RequestAdvanced(
            request=REQUEST, at=2.0, prompt_tokens=7, cached_tokens=0, completion_tokens=0
        ),
        state=state,
    )
    assert state.requests[REQUEST].phase == "reading"

    state = told(
        RequestAdvanced(
            request=REQUEST, at=3.0, prompt_tokens=7, cached_tokens=4, completion_tokens=2
        ),
        state=state,
    )
    assert state.requests[REQUEST].phase == "answering"
    assert state.requests[REQUEST].first_token_at == 3.0

    state = told(
        RequestEnded(
            request=REQUEST,
            at=4.0,
            outcome="completed",
            prompt_tokens=7,
            cached_tokens=4,
            completion_tokens=9,
        ),
        state=state,
    )
    assert not state.requests
    assert small(state).tally.completed == 1
    assert small(state).tally.completion_tokens == 9


def test_counts_of_a_request_that_is_over_are_ignored() -> None:
    state = serving()
    late = RequestAdvanced(
        request=REQUEST, at=3.0, prompt_tokens=1, cached_tokens=0, completion_tokens=1
    )

    assert apply(state, late) == state
    assert apply(state, RequestEnded(request=REQUEST, at=3.0, outcome="failed")) == state


@pytest.mark.parametrize("outcome", ["completed", "cancelled", "refused", "failed"])
def test_every_outcome_has_its_own_count(outcome: Outcome) -> None:
    state = told(
        RequestArrived(request=REQUEST, model=SMALL, at=1.0),
        RequestEnded(request=REQUEST, at=2.0, outcome=outcome),
        state=serving(),
    )

    counts = msgspec.structs.asdict(small(state).tally)
    assert counts.pop(outcome) == 1
    assert not any(counts.values())


def test_a_notice_replaces_the_one_of_its_key_and_can_be_cleared() -> None:
    first = Notice(key="devices", severity="warning", message="no GPU")
    second = Notice(key="devices", severity="error", message="the list failed")

    state = told(NoticeRaised(notice=first), NoticeRaised(notice=second))

    assert state.notices == (second,)
    assert told(NoticeCleared(key="devices"), state=state).notices == ()


def test_server_events_change_the_server_alone() -> None:
    device = Device(name="CPU", description="cpu", kind="cpu", memory_free=1, memory_total=2)

    state = told(ServerOpened(addresses=("a",)), DevicesSeen(devices=(device,)), ServerStopping())

    assert state.server.is_serving and state.server.is_stopping
    assert state.devices == (device,)


def test_an_event_that_cannot_happen_is_a_bug_and_not_a_state() -> None:
    with pytest.raises(IllegalTransition):
        apply(serving(), EngineStarted(model=SMALL, at=1.0, rung=0))


def test_the_state_survives_the_wire() -> None:
    state = told(
        RequestArrived(request=REQUEST, model=SMALL, at=1.0),
        FELL,
        state=serving(),
    )

    assert msgspec.json.decode(msgspec.json.encode(state), type=NodeState) == state


_CHANGES: dict[str, EngineEvent] = {
    "start": EngineStarted(model=SMALL, at=1.0, rung=0),
    "progress": EngineProgressed(model=SMALL, stage="weights", fraction=0.1),
    "ready": EngineReady(model=SMALL, at=1.0, facts=FACTS, keep_alive=1.0),
    "use": EngineUsed(model=SMALL, at=1.0, leases=1),
    "gauge": EngineGauged(model=SMALL, gauges=EngineGauges(running=1)),
    "drain": EngineDraining(model=SMALL, at=1.0),
    "end": EngineEnded(model=SMALL),
    "fail": FELL,
}


@given(st.lists(st.sampled_from(sorted(_CHANGES))))
def test_apply_and_the_table_agree_on_every_sequence(changes: list[str]) -> None:
    state = told(listed(SMALL))
    for change in changes:
        expected = TRANSITIONS.get((life_name(small(state).life), change))  # type: ignore[call-overload]  # any word may be asked
        if expected is None:
            with pytest.raises(IllegalTransition):
                apply(state, _CHANGES[change])
        else:
            state = apply(state, _CHANGES[change])
            assert life_name(small(state).life) == expected


class LegalEvents(RuleBasedStateMachine):
    """Any legal history: apply answers it, and the picture stays consistent."""

    state = NodeState()

    @initialize()
    def begin(self) -> None:
        self.state = told(listed(SMALL, LARGE))
        self.arrived = 0

    @rule(model=st.sampled_from([SMALL, LARGE]), change=st.sampled_from(sorted(_CHANGES)))
    def engine(self, model: ModelName, change: str) -> None:
        life = self.state.models[model].life if model in self.state.models else Unloaded()
        if (life_name(life), change) in TRANSITIONS:
            event = msgspec.structs.replace(_CHANGES[change], model=model)
            self.state = apply(self.state, event)

    @rule(model=st.sampled_from([SMALL, LARGE]))
    def arrive(self, model: ModelName) -> None:
        self.arrived += 1
        request = RequestId(f"r{self.arrived}")
        self.state = apply(self.state, RequestArrived(request=request, model=model, at=1.0))

    @precondition(lambda self: self.state.requests)
    @rule(data=st.data(), done=st.booleans())
    def go_on(self, data: st.DataObject, done: bool) -> None:
        request = data.draw(st.sampled_from(sorted(self.state.requests)))
        event: Event = (
            RequestEnded(request=request, at=2.0, outcome="completed")
            if done
            else RequestAdvanced(
                request=request, at=2.0, prompt_tokens=1, cached_tokens=0, completion_tokens=1
            )
        )
        self.state = apply(self.state, event)

    @rule(names=st.sets(st.sampled_from([SMALL, LARGE])))
    def relist(self, names: set[ModelName]) -> None:
        self.state = apply(self.state, listed(*names))

    @invariant()
    def unloaded_models_are_listed(self) -> None:
        for model in self.state.models.values():
            assert model.is_listed or not isinstance(model.life, Unloaded)

    @invariant()
    def only_ready_engines_are_leased(self) -> None:
        assert set(self.state.engines()) <= set(self.state.models.values())


TestLegalEvents = LegalEvents.TestCase
