"""Every picture and every fact that a tray may meet, with names as strangers choose them."""

from hypothesis import strategies as st

from app.tray.look.facts import Facts, Shelved
from app.wire.local import (
    DevicePicture,
    DownloadPicture,
    EnginePicture,
    NodePicture,
    Notice,
)
from app.wire.pool_picture import PoolPicture
from app.wire.sharing import NeighbourPicture

NAMES = st.text(min_size=1, max_size=12).filter(str.strip)
LINKS = st.sampled_from(["looking", "starting", "here", "gone", "leaving"])
ENGINE = st.builds(
    EnginePicture,
    model=NAMES,
    status=st.sampled_from(["loading", "loaded", "unloading", "failed"]),
    is_demonstration=st.booleans(),
)
DEVICE = st.builds(
    DevicePicture,
    name=NAMES,
    description=st.text(max_size=8),
    kind=st.sampled_from(["cpu", "gpu"]),
    memory_free_bytes=st.integers(0, 2**36),
    memory_total_bytes=st.integers(0, 2**36),
)
NOTICE = st.builds(
    Notice,
    severity=st.sampled_from(["info", "warning", "error"]),
    message=NAMES,
    key=st.sampled_from(["gpu_lost", "update_ready", "pool_suspended", "failed:x", "devices"]),
)
DOWNLOAD = st.builds(
    DownloadPicture,
    id=NAMES,
    repository=NAMES,
    name=NAMES,
    files=st.just(("f",)),
    status=st.sampled_from(["queued", "running", "verifying", "paused", "done", "failed"]),
    size_bytes=st.integers(0, 100),
    done_bytes=st.integers(0, 100),
    asked_at=st.just(0.0),
)
POOL = st.builds(
    PoolPicture,
    is_member=st.just(True),
    link=st.sampled_from(["connecting", "connected", "waiting", "refused"]),
    work_summary=NAMES,
    today_summary=NAMES,
)
NEIGHBOUR = st.builds(
    NeighbourPicture,
    summary=NAMES,
    memory=st.sampled_from(["keep", "spare", "free"]),
    held_until=st.none() | st.just(5.0),
    mode=st.sampled_from(["off", "idle", "always"]),
    lending=st.sampled_from(["lend", "finish", "stop"]),
    snoozed_until=st.none() | st.just(5.0),
)


def pictures() -> st.SearchStrategy[NodePicture | None]:
    """What the server may say, or nothing yet."""
    return st.none() | st.builds(
        NodePicture,
        number=st.integers(0, 9),
        version=st.just("1"),
        status=st.sampled_from(["starting", "serving", "stopping"]),
        summary=NAMES,
        mood=st.sampled_from(["asleep", "ready", "busy", "contributing", "attention"]),
        headline=NAMES,
        started_at=st.just(0.0),
        addresses=st.sampled_from([(), ("http://127.0.0.1:7117/v1",)]),
        models=st.integers(0, 9),
        engines=st.lists(ENGINE, max_size=4, unique_by=lambda each: each.model).map(tuple),
        devices=st.lists(DEVICE, max_size=2).map(tuple),
        notices=st.lists(NOTICE, max_size=3, unique_by=lambda each: each.key).map(tuple),
        downloads=st.lists(DOWNLOAD, max_size=3, unique_by=lambda each: each.id).map(tuple),
        neighbour=st.none() | NEIGHBOUR,
        pool=st.none() | POOL,
    )


def facts() -> st.SearchStrategy[Facts]:
    """What the tray may know."""
    shelf = st.lists(
        st.builds(Shelved, name=NAMES, is_demonstration=st.booleans()),
        max_size=5,
        unique_by=lambda each: each.name,
    )
    return st.builds(
        Facts,
        link=LINKS,
        is_own=st.booleans(),
        models=shelf.map(tuple),
        is_freeing=st.booleans(),
        trouble=st.sampled_from(["", "It went wrong."]) | NAMES,
        autostart=st.booleans(),
    )
