"""Pictures of a node, as short as a test can say them."""

from msgspec.structs import replace

from app.wire.local import DevicePicture, EnginePicture, ModelStatus, NodePicture, Notice

ADDRESS = "http://127.0.0.1:7117/v1"
GPU = DevicePicture(
    name="CUDA0",
    description="RTX 4070",
    kind="gpu",
    memory_free_bytes=6 * 2**30,
    memory_total_bytes=12 * 2**30,
)


def picture(**changes: object) -> NodePicture:
    """A node that serves, with no model in memory."""
    base = NodePicture(
        number=1,
        version="1",
        status="serving",
        summary="idle: no model is loaded",
        headline="Idle · no model is loaded",
        started_at=0.0,
        addresses=(ADDRESS,),
        models=1,
    )
    return replace(base, **changes)


def with_engine(before: NodePicture, model: str, status: ModelStatus = "loaded") -> NodePicture:
    """The same with this model in memory, or on its way."""
    mood = {"loaded": "ready", "failed": "attention"}.get(status, "busy")
    engines = (*before.engines, EnginePicture(model=model, status=status))
    return replace(before, engines=engines, mood=mood)


def with_notice(before: NodePicture, key: str, message: str) -> NodePicture:
    """The same with an error that the owner should know."""
    notice = Notice(severity="error", message=message, key=key)
    return replace(before, notices=(*before.notices, notice))
