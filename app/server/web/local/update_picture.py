"""UpdatePicture of the node's state. Pure."""

from app import __version__
from app.core.state.node_state import NodeState
from app.core.state.update_state import update_words
from app.wire.update import UpdatePicture


def update_picture(state: NodeState) -> UpdatePicture:
    """What is known of new versions."""
    update = state.update
    return UpdatePicture(
        running=state.server.version or __version__,
        status=update.status,
        words=update_words(update),
        version=update.version,
        notes=update.notes,
        remedy=update.remedy,
        command=update.command,
        size_bytes=update.size_bytes,
        done_bytes=update.done_bytes,
        looked_at=update.looked_at,
        back=update.back,
        fallen=update.fallen,
    )
