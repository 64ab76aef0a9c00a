"""UpdateState: what is known of new versions of this program, as every face shows it."""

from typing import Literal, final

from app.core.state.engine_life import Picture

UpdateStatus = Literal[
    "off", "unasked", "newest", "offered", "fetching", "ready", "restarting", "blocked", "failed"
]
"""off: nobody is asked. unasked: no look has ended yet. newest: nothing is newer. offered: it can
be had. fetching: it is on its way. ready: it is here and checked. restarting: the server ends for
it. blocked: it exists, and cannot be had here. failed: the last step went wrong."""


@final
class UpdateState(Picture, frozen=True, kw_only=True):
    """Times are seconds since 1970, sizes bytes."""

    status: UpdateStatus = "unasked"
    version: str = ""
    """The newer version, "" where none is known."""
    notes: str = ""
    """What changed in it, plain text."""
    sentence: str = ""
    """Why it is so, for a person; "" where the status says it all."""
    remedy: str = ""
    command: str = ""
    """What the owner types to install it, where that is the way; "" where a restart does."""
    size_bytes: int = 0
    done_bytes: int = 0
    looked_at: float | None = None
    back: str = ""
    """The version that one can go back to; "" for none."""
    fallen: str = ""
    """A version that did not start here and was taken back; "" for none."""

    @property
    def can_restart(self) -> bool:
        """A restart is all that is left."""
        return self.status == "ready" and not self.command


def update_words(update: UpdateState) -> str:
    """How it stands, in a sentence that all faces show."""
    match update.status:
        case "off" | "blocked" | "failed":
            return update.sentence or "Updates are off."
        case "unasked":
            return update.sentence or "Nobody was asked yet."
        case "newest":
            return "This is the newest version."
        case "offered":
            return f"Athanor {update.version} can be had. {update.sentence}".rstrip()
        case "fetching":
            done = update.done_bytes * 100 // max(1, update.size_bytes)
            return f"Athanor {update.version} is being fetched: {done}%."
        case "ready":
            if update.command:
                return f"Athanor {update.version} is fetched; `{update.command}` installs it."
            return f"Athanor {update.version} is ready: a restart installs it."
        case "restarting":
            return f"Restarting for Athanor {update.version}."
