"""What a node and the host of a pool say to each other, over one WebSocket that the node opens.

A binary message is one envelope in msgpack. Within a session every frame of a side but the opening
and closing ones (app/wire/opening.py) has a number, and each envelope acknowledges what was
received: a socket that is lost and opened again goes on where it was, nothing twice and nothing
missing.

Unknown fields and frames are ignored and missing fields have defaults, so both sides may be of
different ages within a `VERSION`; another version is refused with a sentence. docs/protocol.md is
drawn from here and from the tables in core/pool.

Rule: fields that carry a user's words lie in Structs derived from `Private`.
"""

from typing import Literal

from app.core.base.ids import DeviceId, JobId
from app.core.base.units import Micros
from app.wire.engine import (
    Begun,
    Completed,
    Delta,
    Embed,
    Embedded,
    Ended,
    Generate,
    Progress,
    Refused,
)
from app.wire.message import Message, Private
from app.wire.opening import Challenge, Denied, Established, Hello, Over, Proof

Circle = Literal["own", "friends", "vetted", "anyone"]
"""Whose work a node takes, and by whom a request may be answered; each contains those before."""

# --- what a node offers --------------------------------------------------------------------------


class OfferedModel(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One model that the owner lends, by its content."""

    sha256: str
    """64 hexadecimal digits; of the first shard where there are several."""
    name: str
    """What the node calls it: for people."""
    architecture: str
    parameters: int
    quantisation: str
    context: int
    slots: int
    """Of other people's jobs at once."""
    is_loaded: bool = False
    is_embedding: bool = False
    price_floor: Micros = Micros(0)
    """Micros for a million tokens of answer, below which the owner does not lend it."""


class Register(Message, frozen=True, kw_only=True, omit_defaults=True, tag="register"):
    """Node: all that the pool may know of it. Sent again, whole, when it changed."""

    models: tuple[OfferedModel, ...]
    circle: Circle
    runtime: str
    """Version of llama.cpp's binding and back end."""
    gpu: str = ""
    gpu_memory_bytes: int = 0
    region: str = ""
    """Where the machine stands, in its owner's words; "" where the owner does not say. At most 32
    characters; case does not matter."""


class Heartbeat(Message, frozen=True, kw_only=True, omit_defaults=True, tag="heartbeat"):
    """Node, every `heartbeat_seconds`: whether it takes work, and how much is under way."""

    is_lending: bool
    reasons: tuple[str, ...] = ()
    """Why not: words of core/sharing/reasons."""
    running: int = 0
    loaded: tuple[str, ...] = ()
    """sha256 of the models in memory."""
    checkpoint: bytes = b""
    """The last signed checkpoint of the pool that this node saw, and its signature's 64 bytes."""


class GoingAway(Message, frozen=True, kw_only=True, omit_defaults=True, tag="going_away"):
    """Either side: no more work from now on. A sleeping node is back after about so long."""

    reason: Literal["sleep", "stop", "leave", "drain"]
    back_after_seconds: float = 0.0


# --- a job: host to worker -----------------------------------------------------------------------


class Sealed(Private, frozen=True, kw_only=True, omit_defaults=True, tag="sealed"):
    """A body that only the worker can open: see core/pool/sealing and docs/protocol.md."""

    ephemeral_key: bytes
    """32 bytes: X25519, made for this body or for this answer."""
    nonce: bytes
    """12 bytes: the number of the piece, big-endian."""
    ciphertext: bytes


class Offer(Private, frozen=True, kw_only=True, omit_defaults=True, tag="offer"):
    """Host: will you compute this? Answered by `Accepted` or `Rejected` at once."""

    job: JobId
    attempt: int
    """From 0; each worker that is asked gets another."""
    sha256: str
    body: Generate | Embed | Sealed
    """`Generate.answered` holds the tokens that earlier attempts delivered."""
    first: int
    """Number of the first token of answer that this attempt computes."""
    prices: tuple[Micros, Micros, Micros]
    """Micros for a million tokens: input, cached input, output."""
    domain: str
    """The payer's trust domain: cached prefixes are shared within it alone."""
    circle: Circle
    deadline_seconds: float
    """Without a chunk for so long, the job goes elsewhere."""
    commitment_key: bytes = b""
    """32 bytes that the payer has too: core/pool/commitments. Nobody stores it in clear."""


class CancelJob(Message, frozen=True, kw_only=True, omit_defaults=True, tag="cancel"):
    """Host: stop, answer with `Finished` of reason "cancelled"."""

    job: JobId
    attempt: int
    why: Literal["client", "credits", "deadline", "elsewhere", "stopping"]


# --- a job: worker to host -----------------------------------------------------------------------


class Accepted(Message, frozen=True, kw_only=True, omit_defaults=True, tag="accepted"):
    """Worker: it runs, or will when the model is loaded."""

    job: JobId
    attempt: int
    is_cold: bool = False


class Rejected(Message, frozen=True, kw_only=True, omit_defaults=True, tag="rejected"):
    """Worker: not by me."""

    job: JobId
    attempt: int
    code: Literal["not_lending", "no_slot", "no_model", "price", "circle", "context", "sealing"]
    retry_after_seconds: float = 0.0


class Chunk(Private, frozen=True, kw_only=True, omit_defaults=True, tag="chunk"):
    """Worker: what was computed since the last chunk of the attempt."""

    job: JobId
    attempt: int
    first: int
    """Number of the first of `tokens` in the whole answer."""
    tokens: list[int]
    events: list[Begun | Progress | Delta | Ended | Embedded]
    """As the engine said them, of the steps of a prompt at least the last: by that the prompt is
    settled if no receipt comes. A sealed job has `sealed` instead."""
    sealed: Sealed | None = None


class Finished(Private, frozen=True, kw_only=True, omit_defaults=True, tag="finished"):
    """Worker: the attempt is over; its receipt is as signed by the device."""

    job: JobId
    attempt: int
    reason: Literal["completed", "cancelled", "preempted", "failed", "refused"]
    completed: Completed | None = None
    refused: Refused | None = None
    """Why, for "failed" and "refused"; the latter is the request's own fault."""
    receipt: bytes = b""
    """Bytes of core/pool/receipt, signed; empty where nothing was computed."""
    signature: bytes = b""


# --- books ---------------------------------------------------------------------------------------


class Countersigned(Message, frozen=True, kw_only=True, omit_defaults=True, tag="countersigned"):
    """Host: how an attempt was settled: the verdict with the node's receipt in it, signed."""

    job: JobId
    attempt: int
    verdict: bytes
    signature: bytes


class Checkpoint(Message, frozen=True, kw_only=True, omit_defaults=True, tag="checkpoint"):
    """Host: the head of its chain of verdicts, signed; the same to every node."""

    checkpoint: bytes
    signature: bytes


class Standing(Message, frozen=True, kw_only=True, omit_defaults=True, tag="standing"):
    """Host: the account's balance, why this node got no work, and what is held against it."""

    balance: Micros
    held: Micros
    earned_today: Micros
    skipped: dict[str, int] = {}
    """Reason -> jobs since the last one, of those that this node could have done."""
    paused: str = ""
    """Why the host gives it no work at all; "" when it does."""
    strikes: dict[str, int] = {}
    """What this node did that no honest one does, in words -> how often since its last pause."""


# --- asking the pool: a member spends ------------------------------------------------------------


class Ask(Private, frozen=True, kw_only=True, omit_defaults=True, tag="ask"):
    """Node: answer this from the pool, at my account's cost. Answered by `Told`s."""

    job: JobId
    """Made by the node; asking again with the same one is the same job. A sealed one keeps it in
    `Offer`, since the seal is bound to it, and has one attempt, number 0."""
    model: str
    body: Generate | Embed | Sealed
    cost_max: Micros
    circle: Circle = "anyone"
    worker: DeviceId | None = None
    """To whom a sealed body is sealed."""
    wishes: dict[str, str] = {}
    """Sort, exact hash, quant floor, maximum prices: see core/pool/wishes."""
    commitment_key: bytes = b""


class Counted(Message, frozen=True, kw_only=True, omit_defaults=True, tag="counted"):
    """Node, with the last piece of a sealed answer, or with `CancelAsk`: what came, by its count.

    The host cannot count, and settles when it has this; without it, after a while, by the bytes."""

    job: JobId
    statement: bytes
    """core/pool/counts."""
    signature: bytes


class CancelAsk(Message, frozen=True, kw_only=True, omit_defaults=True, tag="cancel_ask"):
    """Node: the client left; or, in a new session, the answer was lost and its cost is asked for.

    Of an ask from before the host died the last word comes once nobody can claim its work.
    """

    job: JobId


class Told(Private, frozen=True, kw_only=True, omit_defaults=True, tag="told"):
    """Host: events of an answer, in order. The last has `is_last`, cost and receipt."""

    job: JobId
    events: list[Begun | Progress | Delta | Ended | Embedded | Completed | Refused]
    sealed: Sealed | None = None
    is_last: bool = False
    cost: Micros = Micros(0)
    receipt: str = ""
    served_by: str = ""
    """Name of the worker, or of the last of several."""


class Look(Message, frozen=True, kw_only=True, omit_defaults=True, tag="look"):
    """Node: what can the pool serve now? Answered by `Market`."""


class Quote(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One model that the pool serves now."""

    model: str
    sha256: str
    context: int
    prices: tuple[Micros, Micros, Micros]
    wait_seconds: float
    """Until an answer would begin; below zero where its workers keep their GPUs for now."""
    workers: int
    nearest: Circle | Literal[""] = ""
    """In which circle the closest machine stands that lends it now; "" where none does."""
    sealing: dict[str, bytes] = {}
    """Device -> its X25519 key and the device's signature over it (32 + 64 bytes), of workers to
    whom this account may seal. Check it by core/pool/proofs: the host could offer its own key."""

    @property
    def expected_wait(self) -> float | None:
        """Seconds until an answer would begin; None where nobody lends it now."""
        return None if self.wait_seconds < 0 else self.wait_seconds


class Market(Message, frozen=True, kw_only=True, omit_defaults=True, tag="market"):
    """Host: all that can be had."""

    quotes: tuple[Quote, ...]


FromNode = (
    Hello
    | Proof
    | Register
    | Heartbeat
    | GoingAway
    | Accepted
    | Rejected
    | Chunk
    | Finished
    | Ask
    | CancelAsk
    | Counted
    | Look
    | Over
)
FromHost = (
    Challenge
    | Established
    | Denied
    | Offer
    | CancelJob
    | GoingAway
    | Countersigned
    | Checkpoint
    | Standing
    | Told
    | Market
    | Over
)
