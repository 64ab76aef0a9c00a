"""The local API: what the command line and the tray ask of the running server, and its answers.

    GET    /local/state        -> NodePicture
    GET    /local/events       -> server-sent events, each a NodeEvent; the first is the picture
    POST   /local/load         LoadRequest -> LoadAnswer, when the model serves
    POST   /local/unload       UnloadRequest -> UnloadAnswer, when its memory is free
    GET    /local/keys         -> KeyList
    POST   /local/keys         KeyRequest -> KeyMade, the only time its secret is shown
    DELETE /local/keys/{id}    -> KeyPicture, revoked
    POST   /local/stop         -> StopAnswer, at once; the server then drains and ends

All need `Authorization: Bearer`, with the token of the lock file or a key of the scope "admin".
Errors have OpenAI's shape (wire/openai). Unknown fields are ignored by both sides, so that an old
face can read a new server. Times are seconds since 1970 in UTC; memory is in bytes.

Rule: no user's words here. A picture holds counts, names of models and devices, nothing else.
"""

from typing import Literal

import msgspec

from app.wire.pool_picture import PoolPicture
from app.wire.sharing import NeighbourPicture
from app.wire.update import UpdatePicture

ModelStatus = Literal["unloaded", "loading", "loaded", "unloading", "failed"]

Mood = Literal["asleep", "ready", "busy", "contributing", "attention"]
"""The node in one word, which the tray's icon shows (core/state/mood.py says when)."""

KeyScope = Literal["inference", "admin"]
"""inference: the OpenAI API. admin: everything, the local API too."""


class LocalMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the local API's Structs. Defaults are written out: scripts read this JSON."""


class ServerLock(LocalMessage, frozen=True, kw_only=True):
    """The lock file of a running server, readable by its user alone: where it is, how to enter."""

    pid: int
    host: str
    port: int
    token: str
    """Bearer for the local API. Never logged; the repr hides it."""
    version: str
    started_at: float

    def __repr__(self) -> str:
        return f"<ServerLock pid {self.pid} at {self.host}:{self.port}>"

    __str__ = __repr__


# --- the picture -----------------------------------------------------------------------------


class Notice(LocalMessage, frozen=True, kw_only=True):
    """One thing the owner should know, in the words that every face shows."""

    severity: Literal["info", "warning", "error"]
    message: str
    remedy: str = ""
    key: str = ""
    """Names the matter, and stays while the words about it change: `failed:qwen3-8b`."""


class DevicePicture(LocalMessage, frozen=True, kw_only=True):
    """One compute device."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "igpu", "accel"]
    memory_free_bytes: int
    memory_total_bytes: int
    busy_percent: float | None = None
    """Of its compute units; None where the vendor's library does not say."""
    temperature_celsius: float | None = None


class EnginePicture(LocalMessage, frozen=True, kw_only=True):
    """One model that is loaded, being loaded or being unloaded, and how busy it is."""

    model: str
    status: ModelStatus
    is_demonstration: bool = False
    """It is the tiny model that comes with the program; faces say so beside its name."""
    message: str = ""
    """Why it failed, or what was given up so that it fits; "" when there is nothing to say."""
    stage: str = ""
    """While loading: the stage, one of wire.engine.Loading's."""
    fraction: float = 0.0
    """While loading: of that stage, 0 to 1."""
    pid: int | None = None
    restarts: int = 0
    loaded_at: float | None = None
    last_used_at: float | None = None
    unload_at: float | None = None
    """When keep-alive ends if nobody asks again; None while in use or kept for ever."""
    size_bytes: int = 0
    context: int = 0
    """Tokens one sequence may hold."""
    sequences: int = 0
    layers: int = 0
    gpu_layers: int = 0
    running: int = 0
    waiting: int = 0
    parked: int = 0
    cells_used: int = 0
    cells: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    busy_seconds: float = 0.0


class DownloadPicture(LocalMessage, frozen=True, kw_only=True):
    """One model on its way to this machine. Bytes are of all its files together."""

    id: str
    repository: str
    """A stranger's text, like `name` and `files`."""
    name: str
    files: tuple[str, ...]
    status: Literal["queued", "running", "verifying", "paused", "done", "failed"]
    cause: str = ""
    """Why it is paused or failed, a word: asked, restart, disk_full, unreachable, not_found,
    access, busy, folder, content, refused, broken."""
    reason: str = ""
    remedy: str = ""
    size_bytes: int
    done_bytes: int
    checked_bytes: int = 0
    """While verifying: whose hash was computed."""
    missing_bytes: int = 0
    """Room that a full disk lacks."""
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    asked_at: float
    ended_at: float | None = None
    model: str = ""
    """When done: its name in the library."""


class NodePicture(LocalMessage, frozen=True, kw_only=True):
    """All that a face shows of this node, at the event `number`."""

    number: int
    version: str
    status: Literal["starting", "serving", "stopping"]
    summary: str
    """One line in the words that every face shows."""
    mood: Mood = "asleep"
    headline: str = ""
    """The summary where a short line has to do: a tray's menu, a page's title."""
    started_at: float
    addresses: tuple[str, ...]
    """Base URLs of the API, as a client takes them: http://127.0.0.1:7117/v1."""
    models: int
    """How many are in the library; GET /v1/models lists them."""
    library_revision: int = 0
    """Rises whenever GET /local/models would answer otherwise, but for mere progress."""
    engines: tuple[EnginePicture, ...] = ()
    devices: tuple[DevicePicture, ...] = ()
    notices: tuple[Notice, ...] = ()
    downloads: tuple[DownloadPicture, ...] = ()
    neighbour: NeighbourPicture | None = None
    """What becomes of GPU memory and of lending, and why."""
    pool: PoolPicture | None = None
    """The pool of this node; None without one."""
    update: UpdatePicture | None = None
    """New versions of Athanor."""


class NodeEvent(LocalMessage, frozen=True, kw_only=True):
    """What changed, and the picture after it. Numbers rise; a gap means a watcher missed some."""

    number: int
    happened: str
    """The event's word, "picture" for the first."""
    picture: NodePicture


# --- models ----------------------------------------------------------------------------------


class LoadRequest(LocalMessage, frozen=True, kw_only=True, omit_defaults=True):
    """Load this model. A wish that is None follows the settings."""

    model: str
    context: int | None = None
    cells: int | None = None
    sequences: int | None = None
    gpu_layers: int | None = None
    """-1: as many as fit."""
    key_type: str | None = None
    value_type: str | None = None
    flash_attention: Literal["auto", "on", "off"] | None = None
    threads: int | None = None
    keep_alive_seconds: int | None = None
    """0: unload after the next answer. -1: never unload."""


class LoadAnswer(LocalMessage, frozen=True, kw_only=True):
    """The model serves."""

    engine: EnginePicture
    load_seconds: float
    explanation: tuple[str, ...] = ()
    """What was chosen and why, one sentence each: layers on the GPU, context, safer plans."""


class UnloadRequest(LocalMessage, frozen=True, kw_only=True):
    """End this model's engine after the answers under way."""

    model: str


class UnloadAnswer(LocalMessage, frozen=True, kw_only=True):
    """The engine has ended; its memory is free."""

    model: str
    was_loaded: bool
    success: bool = True
    """llama-server's word, which Open WebUI looks for."""


# --- keys ------------------------------------------------------------------------------------


class KeyPicture(LocalMessage, frozen=True, kw_only=True):
    """An API key as it is stored: never its secret."""

    id: str
    name: str
    scope: KeyScope
    prefix: str
    """The first characters of the secret, so that its owner can tell it from others."""
    created_at: float
    last_used_at: float | None = None
    revoked_at: float | None = None


class KeyList(LocalMessage, frozen=True, kw_only=True):
    """Every key, revoked ones too, oldest first."""

    keys: tuple[KeyPicture, ...]


class KeyRequest(LocalMessage, frozen=True, kw_only=True):
    """Make a key."""

    name: str
    scope: KeyScope = "inference"


class KeyMade(LocalMessage, frozen=True, kw_only=True):
    """A new key with its secret, which is shown this once and not stored."""

    key: KeyPicture
    secret: str

    def __repr__(self) -> str:
        return f"<KeyMade {self.key.id}>"

    __str__ = __repr__


class StopAnswer(LocalMessage, frozen=True, kw_only=True):
    """The server will be gone within `grace_seconds`."""

    grace_seconds: float
