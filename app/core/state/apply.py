"""Apply: the next NodeState, given what happened.

    state = apply(state, event)

Pure and total: it answers every legal event. What is legal for an engine stands in the table of
engine_life.py; anything else raises IllegalTransition, which is a bug of the publisher. Events of
requests that are unknown are ignored, since a request may end while its last count is under way.
"""

from typing import assert_never

from msgspec.structs import replace

from app.core.base.ids import ModelName
from app.core.state.apply_neighbour import apply_neighbour
from app.core.state.engine_life import (
    EngineLife,
    Failed,
    Loading,
    Ready,
    Unloaded,
    Unloading,
    follow,
)
from app.core.state.events import (
    DevicesSeen,
    DownloadChanged,
    DownloadRemoved,
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
    GpuFound,
    GpuLost,
    LibraryChanged,
    ModelsListed,
    NoticeCleared,
    NoticeRaised,
    PoolChanged,
    PoolLeft,
    RequestAdvanced,
    RequestArrived,
    RequestEnded,
    RequestEvent,
    ServerEvent,
    ServerOpened,
    ServerStopping,
    UpdateChanged,
    VerdictChanged,
)
from app.core.state.node_state import (
    ModelState,
    NodeState,
    Notice,
    Outcome,
    Phase,
    RequestState,
    Tally,
)


def apply(state: NodeState, event: Event) -> NodeState:
    """The state after `event`; `state` is left as it was. Raises: IllegalTransition."""
    match event:
        case (
            ServerOpened()
            | ServerStopping()
            | DevicesSeen()
            | NoticeRaised()
            | NoticeCleared()
            | ModelsListed()
            | LibraryChanged()
            | DownloadChanged()
            | DownloadRemoved()
            | UpdateChanged()
        ):
            return _apply_server(state, event)
        case VerdictChanged() | GpuLost() | GpuFound():
            return apply_neighbour(state, event)
        case PoolChanged(pool=pool):
            return replace(state, pool=pool)
        case PoolLeft():
            return replace(state, pool=None)
        case RequestArrived() | RequestAdvanced() | RequestEnded():
            return _apply_request(state, event)
        case _:
            return _apply_engine(state, event)


def _apply_server(state: NodeState, event: ServerEvent) -> NodeState:
    match event:
        case ServerOpened(addresses=addresses):
            return replace(
                state, server=replace(state.server, addresses=addresses, is_serving=True)
            )
        case ServerStopping():
            return replace(state, server=replace(state.server, is_stopping=True))
        case DevicesSeen(devices=devices):
            return replace(state, devices=devices)
        case NoticeRaised(notice=notice):
            return replace(state, notices=(*_notices_but(state, notice.key), notice))
        case NoticeCleared(key=key):
            return replace(state, notices=_notices_but(state, key))
        case ModelsListed():
            return replace(state, models=_listed(state, event))
        case LibraryChanged(library=library):
            return replace(state, library=library)
        case DownloadChanged(download=download):
            return replace(state, downloads={**state.downloads, download.id: download})
        case DownloadRemoved(download=name):
            left = {key: each for key, each in state.downloads.items() if key != name}
            return replace(state, downloads=left)
        case UpdateChanged(update=update):
            return replace(state, update=update)
        case _:
            assert_never(event)


def _notices_but(state: NodeState, key: str) -> tuple[Notice, ...]:
    return tuple(notice for notice in state.notices if notice.key != key)


def _listed(state: NodeState, event: ModelsListed) -> dict[ModelName, ModelState]:
    """The library's models; and those that are gone from it, for as long as their engine lives."""
    models: dict[ModelName, ModelState] = {}
    for listed in event.models:
        known = state.models.get(listed.name) or ModelState(name=listed.name)
        models[listed.name] = replace(
            known,
            size_bytes=listed.size_bytes,
            is_listed=listed.is_offered,
            is_demonstration=listed.is_demonstration,
        )
    for name, model in state.models.items():
        if name not in models and not isinstance(model.life, Unloaded):
            models[name] = replace(model, is_listed=False)
    return models


def _apply_request(state: NodeState, event: RequestEvent) -> NodeState:
    requests = dict(state.requests)
    match event:
        case RequestArrived(request=request, model=model, at=at):
            requests[request] = RequestState(
                request=request, model=model, since=at, is_guest=event.is_guest
            )
        case RequestAdvanced(request=request):
            known = requests.get(request)
            if known is None:
                return state
            requests[request] = _advanced(known, event)
        case RequestEnded(request=request):
            known = requests.pop(request, None)
            if known is None:
                return state
            return replace(state, requests=requests, models=_tallied(state, known.model, event))
        case _:
            assert_never(event)
    return replace(state, requests=requests)


def _advanced(request: RequestState, event: RequestAdvanced) -> RequestState:
    """Phases only go forward: waiting, reading, answering."""
    phase: Phase = "answering" if event.completion_tokens else "reading"
    if request.phase == "answering":
        phase = "answering"
    first = request.first_token_at
    return replace(
        request,
        phase=phase,
        prompt_tokens=event.prompt_tokens,
        cached_tokens=event.cached_tokens,
        completion_tokens=event.completion_tokens,
        first_token_at=event.at if first is None and event.completion_tokens else first,
    )


def _tallied(state: NodeState, name: ModelName, event: RequestEnded) -> dict[ModelName, ModelState]:
    model = state.models.get(name)
    if model is None:
        return state.models
    tally = _one_more(model.tally, event.outcome)
    tally = replace(
        tally,
        prompt_tokens=tally.prompt_tokens + event.prompt_tokens,
        cached_tokens=tally.cached_tokens + event.cached_tokens,
        completion_tokens=tally.completion_tokens + event.completion_tokens,
    )
    return {**state.models, name: replace(model, tally=tally)}


def _one_more(tally: Tally, outcome: Outcome) -> Tally:
    match outcome:
        case "completed":
            return replace(tally, completed=tally.completed + 1)
        case "cancelled":
            return replace(tally, cancelled=tally.cancelled + 1)
        case "refused":
            return replace(tally, refused=tally.refused + 1)
        case "failed":
            return replace(tally, failed=tally.failed + 1)


def _apply_engine(state: NodeState, event: EngineEvent) -> NodeState:
    model = state.models.get(event.model) or ModelState(name=event.model, is_listed=False)
    life = _next_life(model.life, event)
    models = dict(state.models)
    if isinstance(life, Unloaded) and not (model.is_listed or model.is_demonstration):
        models.pop(model.name, None)
    else:
        restarted = isinstance(event, EngineStarted) and isinstance(model.life, Failed)
        models[model.name] = replace(model, life=life, restarts=model.restarts + restarted)
    return replace(state, models=models)


def _next_life(life: EngineLife, event: EngineEvent) -> EngineLife:
    match event:
        case EngineStarted():
            follow(life, "start")
            return Loading(since=event.at, rung=event.rung)
        case EngineProgressed():
            follow(life, "progress")
            assert isinstance(life, Loading)
            return replace(life, stage=event.stage, fraction=event.fraction)
        case EngineReady():
            follow(life, "ready")
            assert isinstance(life, Loading)
            return Ready(
                since=event.at,
                facts=event.facts,
                keep_alive=event.keep_alive,
                last_used=event.at,
                rung=life.rung,
            )
        case EngineGauged():
            follow(life, "gauge")
            return replace(life, gauges=event.gauges) if isinstance(life, Ready) else life
        case EngineUsed():
            follow(life, "use")
            assert isinstance(life, Ready)
            keep_alive = life.keep_alive if event.keep_alive is None else event.keep_alive
            return replace(life, last_used=event.at, leases=event.leases, keep_alive=keep_alive)
        case EngineDraining():
            follow(life, "drain")
            return Unloading(since=event.at)
        case EngineEnded():
            follow(life, "end")
            return Unloaded()
        case EngineFell():
            follow(life, "fail")
            return Failed(
                at=event.at,
                reason=event.reason,
                remedy=event.remedy,
                retry_at=event.retry_at,
                failures=event.failures,
                was_ready=isinstance(life, Ready),
            )
        case _:
            assert_never(event)
