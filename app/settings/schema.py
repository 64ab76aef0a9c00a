"""Schema: every setting, with its default, unit, range and a sentence.

One Struct a section, and nothing else knows a setting's name, range or meaning: the loader checks
by these annotations, the command line makes its flags of them and docs/settings.md is drawn from
them. `Meta.description` is the sentence; `Meta.extra` holds the unit; ranges and words stand in
the type.

Rule: a name carries its unit (`_seconds`, `_bytes`). A special value (0, -1) is explained in the
sentence. No name stands in two sections, since flags have no section. A setting that is removed
or renamed needs a line in CHANGELOG.md, since a file that still has it is refused.
"""

from typing import Annotated, Literal, final

import msgspec
from msgspec import Meta

from app.settings.download_schema import DownloadSettings
from app.settings.neighbour_schema import NeighbourSettings, SharingSettings
from app.settings.pool_host_schema import PoolHostSettings
from app.settings.pool_schema import PoolSettings
from app.settings.runtime_schema import RuntimeSettings
from app.settings.shapes import (
    ADDRESS,
    ADDRESS_WORDS,
    BYTES,
    GIB,
    KIB,
    MIB,
    SECONDS,
    TOKENS,
    LogLevel,
)
from app.settings.update_schema import UpdateSettings

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
Choice = Literal["auto", "on", "off"]
SplitMode = Literal["none", "layer", "row"]


@final
class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the server listens and what it accepts."""

    host: Annotated[
        str,
        Meta(
            pattern=ADDRESS,
            description="Address to listen on. Loopback means both 127.0.0.1 and ::1; any other "
            "address needs an API key to exist.",
            extra=ADDRESS_WORDS,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="TCP port; 0 takes any free one. Where nobody chose a port and this one is "
            "taken, the next free one is used and named; a chosen one is never replaced.",
        ),
    ] = 7117
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Host names under which the server may be called, besides those of this "
            "machine."
        ),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins that may call the server from a browser, besides local ones; "
            '"*" ends a prefix.'
        ),
    ] = ()
    body_bytes_max: Annotated[
        int,
        Meta(ge=KIB, le=128 * MIB, description="Largest request body.", extra=BYTES),
    ] = 64 * MIB
    requests_max: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Requests in flight at once; further ones are answered 503 with "
            "Retry-After.",
            extra={"unit": "requests"},
        ),
    ] = 256
    heartbeat_seconds: Annotated[
        float,
        Meta(
            ge=0.05,
            le=10,
            description="Longest silence in a stream before a heartbeat is sent.",
            extra=SECONDS,
        ),
    ] = 5.0
    stop_grace_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="How long running answers may take to finish when the server stops.",
            extra=SECONDS,
        ),
    ] = 10.0
    log_level: Annotated[LogLevel, Meta(description="Least level that is written to the log.")] = (
        "info"
    )


@final
class ModelsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models there are and how long they stay in memory."""

    folders: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders and GGUF files to offer besides Athanor's own models folder; a "
            "leading ~ is the home folder.",
            extra={"flag": "--models-folders"},
        ),
    ] = ()
    default: Annotated[
        str,
        Meta(
            description='Model that answers requests which name none, or the word "default"; '
            "empty means the one that is loaded, or the only one.",
            extra={"flag": "--default-model"},
        ),
    ] = ""
    other_apps: Annotated[
        bool,
        Meta(
            description="Whether to offer the models that Hugging Face, llama.cpp, LM Studio and "
            "Ollama have on this machine. They are read where they lie; nothing of theirs is "
            "copied or changed."
        ),
    ] = True
    starter: Annotated[
        bool,
        Meta(
            description="Whether the small demonstration model that comes with Athanor answers "
            "while there is no other model."
        ),
    ] = True
    keep_alive_seconds: Annotated[
        int,
        Meta(
            ge=-1,
            le=10 * 365 * 86400,
            description="How long an unused model stays loaded; 0 unloads it after its last "
            "answer, -1 keeps it.",
            extra=SECONDS,
        ),
    ] = 1800
    loaded_max: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="Models loaded at once, memory allowing; past it the least recently used "
            "one goes.",
            extra={"unit": "models"},
        ),
    ] = 4


@final
class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are loaded and run."""

    context: Annotated[
        int,
        Meta(
            ge=0,
            le=16 * MIB,
            description="Longest sequence, prompt and answer together; 0 takes what the model "
            "was trained on and memory allows.",
            extra=TOKENS,
        ),
    ] = 0
    cells: Annotated[
        int,
        Meta(
            ge=0,
            le=64 * MIB,
            description="KV cells that all sequences share; 0 takes what memory allows.",
            extra=TOKENS,
        ),
    ] = 0
    sequences: Annotated[
        int,
        Meta(
            ge=1,
            le=128,
            description="Answers that one model computes at the same time.",
            extra={"unit": "sequences"},
        ),
    ] = 16
    gpu_layers: Annotated[
        int,
        Meta(
            ge=-1,
            le=10_000,
            description="Layers to put on GPUs; -1 takes as many as fit, 0 none.",
            extra={"unit": "layers"},
        ),
    ] = -1
    key_type: Annotated[CacheType, Meta(description="Number type of the keys in the KV cache.")] = (
        "f16"
    )
    value_type: Annotated[
        CacheType,
        Meta(
            description="Number type of the values in the KV cache; a quantised one needs flash "
            "attention."
        ),
    ] = "f16"
    flash_attention: Annotated[Choice, Meta(description="Whether to use flash attention.")] = "auto"
    threads: Annotated[
        int,
        Meta(
            ge=0,
            le=1024,
            description="CPU threads; 0 takes the free physical cores.",
            extra={"unit": "threads"},
        ),
    ] = 0
    step_tokens: Annotated[
        int,
        Meta(
            ge=0,
            le=65_536,
            description="Most tokens computed in one step; 0 chooses by the device. Smaller "
            "steps start other answers sooner, larger ones read prompts faster.",
            extra=TOKENS,
        ),
    ] = 0
    speculation: Annotated[
        bool,
        Meta(
            description="Whether to guess tokens from the prompt and check them several at a "
            "time, where that is faster; answers do not change."
        ),
    ] = True
    memory_margin_bytes: Annotated[
        int,
        Meta(
            ge=0,
            le=1024 * GIB,
            description="Memory of each device that is left free for other programs.",
            extra=BYTES,
        ),
    ] = GIB
    memory_map: Annotated[
        bool, Meta(description="Whether weights are mapped from the file rather than read.")
    ] = True
    memory_lock: Annotated[
        bool, Meta(description="Whether weights are held in RAM and never swapped out.")
    ] = False
    split_mode: Annotated[
        SplitMode,
        Meta(description="How a model is shared among several GPUs; none uses the first alone."),
    ] = "layer"
    tensor_split: Annotated[
        tuple[Annotated[float, Meta(ge=0, le=1_000_000)], ...],
        Meta(
            description="Share of the model for each GPU, in their order; empty shares by free "
            "memory."
        ),
    ] = ()


@final
class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings; a section of the file each."""

    server: ServerSettings = ServerSettings()
    models: ModelsSettings = ModelsSettings()
    engine: EngineSettings = EngineSettings()
    downloads: DownloadSettings = DownloadSettings()
    neighbour: NeighbourSettings = NeighbourSettings()
    sharing: SharingSettings = SharingSettings()
    pool: PoolSettings = PoolSettings()
    updates: UpdateSettings = UpdateSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    pool_host: PoolHostSettings = PoolHostSettings()
