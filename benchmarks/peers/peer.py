"""Peer: what a benchmark needs of a server, whoever made it.

Three implementations: `llama_server.py`, `athanor.py` (over HTTP, as clients see it) and
`athanor_engine.py` (the engine child alone, over its pipe; what it is faster by is what the server
process costs, and only there can a guest's priority be asked for).

Rule: what is asked of one is asked of all. A setting that only one side has stays as its maker
ships it, and docs/performance.md says so.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, final

from benchmarks.client import Answer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a model is served; the same for all peers."""

    model: Path
    context: int
    """KV cells shared by all sequences, and the most that one may have."""
    sequences: int
    threads: int
    step_tokens: int = 512
    """Both the logical and the physical batch."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    key_type: str = "f16"
    value_type: str = "f16"
    repacks: bool = True
    """Whether ggml may rearrange weights; its AMX path crashes on some virtual machines."""
    speculation: bool = False
    """Random weights repeat themselves as no trained model does; guessing would look too good."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One greedy request, with end of text ignored, so that all give the same count of tokens."""

    prompt: str
    system: str | None = None
    """With it the request is a chat, the prompt being the user's turn; else a raw completion."""
    tokens: int
    is_guest: bool = False
    """Asked for somebody else; peers without priorities serve it like any other."""


class Peer(Protocol):
    """A server, or an engine, that can be started and asked."""

    name: str

    def serve(self, launch: Launch) -> "AbstractAsyncContextManager[Service]":
        """The running server, its model loaded and warm; ended with all its children on exit.

        Raises: PeerFailed when it does not come up.
        """


class Service(Protocol):
    """A running peer."""

    name: str
    pid: int

    async def ask(self, ask: Ask) -> Answer:
        """The whole answer, stamped. Cancelling the call cancels the request."""
