"""The limits: what llama.cpp itself reaches on this machine, by its own two benchmarks.

llama-bench and llama-batched-bench have no HTTP, no text, no sampling: no server passes them, and
what a server falls short of them is its cost.
"""

import json
import subprocess
from typing import Final, final

import msgspec

from benchmarks.build_peer import PeerBinaries
from benchmarks.peers.peer import Launch

_SECONDS_MAX: Final = 300


@final
class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second."""

    prefill: float
    """One prompt of 512 tokens (pp512)."""
    decode: float
    """One stream (tg)."""
    decode_eight: float
    """Eight streams together."""


def can_repack(peer: PeerBinaries, launch: Launch) -> bool:
    """Whether ggml's rearranged weights work here; its AMX path crashes on some machines."""
    command = [str(peer.bench), "-m", str(launch.model), "-t", str(launch.threads)]
    command += ["-p", "16", "-n", "0", "-r", "1", "--repack", "1"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def measure_limits(
    peer: PeerBinaries, launch: Launch, *, tokens: int, repetitions: int
) -> list[Limits]:
    """The limits, once for each repetition, so that their spread can be told."""
    return [
        Limits(
            prefill=_bench(peer, launch, "-p", "512", "-n", "0"),
            decode=_bench(peer, launch, "-p", "0", "-n", str(tokens)),
            decode_eight=_batched(peer, launch, streams=8, tokens=tokens),
        )
        for _ in range(repetitions)
    ]


def _bench(peer: PeerBinaries, launch: Launch, *arguments: str) -> float:
    """One figure of llama-bench."""
    command = [
        *(str(peer.bench), "-m", str(launch.model), "-t", str(launch.threads)),
        *("-b", str(launch.step_tokens), "-ub", str(launch.step_tokens)),
        *("-ctk", launch.key_type, "-ctv", launch.value_type, "-fa", launch.flash_attention),
        *("--repack", str(int(launch.repacks)), "-r", "1", "-o", "json", *arguments),
    ]
    (row,) = json.loads(_output(command))
    return float(row["avg_ts"])


def _batched(peer: PeerBinaries, launch: Launch, *, streams: int, tokens: int) -> float:
    """Decode speed of llama-batched-bench, all streams together."""
    command = [
        *(str(peer.batched_bench), "-m", str(launch.model), "-c", str(launch.context)),
        *("-t", str(launch.threads), "-tb", str(launch.threads), "-kvu"),
        *("-b", str(launch.step_tokens), "-ub", str(launch.step_tokens)),
        *("-ctk", launch.key_type, "-ctv", launch.value_type, "-fa", launch.flash_attention),
        *("-npp", "64", "-ntg", str(tokens), "-npl", str(streams), "--output-format", "jsonl"),
        "--repack" if launch.repacks else "--no-repack",
    ]
    lines = [line for line in _output(command).splitlines() if line.startswith("{")]
    return float(json.loads(lines[-1])["speed_tg"])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS_MAX)
    return done.stdout
