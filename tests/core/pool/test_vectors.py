"""The bytes of statements as they were first written: a change of a format is seen here.

`python -m tests.core.pool.test_vectors` writes the file anew. Who does that after a release has
changed a format that others have signed: make a new version of it (`Form`) beside the old one.
"""

import json
from pathlib import Path

import pytest

from app.core.pool.checkpoint import CHECKPOINT
from app.core.pool.commitments import answer_commitment, prompt_commitment, vectors_commitment
from app.core.pool.counts import COUNTS
from app.core.pool.envelope import encode_envelope
from app.core.pool.invite import read_invite, write_invite
from app.core.pool.proofs import host_statement, node_statement, sealing_statement
from app.core.pool.receipt import RECEIPT, VERDICT
from app.core.pool.sealing import associated_data, context
from app.core.pool.signed import SignedBytes
from app.server.identity.keys import verify
from app.wire.opening import Hello
from tests.core.pool.chains import CHAIN_KEYS, checkpoints, receipts, signed, verdicts
from tests.core.pool.test_counts import ASKER, CHAT, KEY, STATEMENT
from tests.core.pool.test_invite import INVITE

FILE = Path(__file__).parent / "vectors" / "version_1.json"


def vectors() -> dict[str, str]:
    """Name -> bytes in hexadecimal digits."""
    device, pool = CHAIN_KEYS
    chain = receipts(2)
    of_host = verdicts(chain)
    hello = encode_envelope(
        Hello(versions=(1,), device=device.device, nonce=bytes(32), program="1.0")
    )
    made = {
        "receipt": chain[1].joined,
        "verdict": of_host[1].joined,
        "checkpoint": checkpoints(of_host, [1, 2])[1].joined,
        "counts": signed(COUNTS.encode(STATEMENT), ASKER).joined,
        "hello": hello,
        "host statement": host_statement(hello, version=1, pool=pool.pool, nonce=bytes(32), at=5),
        "node statement": node_statement(hello, b"challenge"),
        "sealing statement": sealing_statement(device.sealing_key),
        "seal context": context(
            job="job-1",
            attempt=0,
            worker=device.device,
            ephemeral_key=bytes(32),
            worker_key=device.sealing_key,
        ),
        "seal associated data": associated_data(
            job="job-1", attempt=0, worker=device.device, direction="answer", number=3
        ),
        "prompt commitment": prompt_commitment(KEY, CHAT),
        "answer commitment": answer_commitment(KEY, [1, 2, 3]),
        "vectors commitment": vectors_commitment(KEY, [b"ab", b"c"]),
    }
    texts = {name: data.hex() for name, data in made.items()}
    return texts | {"invite": write_invite(INVITE, pool), "pool": pool.pool}


@pytest.mark.parametrize("name", sorted(vectors()))
def test_a_statement_is_written_as_ever(name: str) -> None:
    assert vectors()[name] == json.loads(FILE.read_text())[name]


def test_what_was_written_by_the_first_version_is_still_read_and_still_signed() -> None:
    kept = json.loads(FILE.read_text())
    device, pool = CHAIN_KEYS
    by = {"receipt": device.public, "verdict": pool.public, "checkpoint": pool.public}
    forms = {"receipt": RECEIPT, "verdict": VERDICT, "checkpoint": CHECKPOINT}

    for name, form in forms.items():
        data = bytes.fromhex(kept[name])
        assert form.read_signed(SignedBytes(data[:-64], data[-64:]), by[name], verify)
    assert read_invite(kept["invite"], verify) == INVITE


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
