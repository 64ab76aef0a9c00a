"""A host learns from its members that its books were put back to an older copy."""

from app.core.pool.checkpoint_watch import REMEMBERED, CheckpointWatch
from app.server.identity.keys import verify
from tests.core.pool.chains import POOL, checkpoints, flipped, receipts, signed, verdicts
from tests.core.pool.session_pair import pool_key

CHAIN = verdicts(receipts(6))
OTHER = verdicts(receipts(6), charged=999)
SWORN = checkpoints(CHAIN, [1, 3, 6])


def watch_of(own=SWORN) -> CheckpointWatch:
    return CheckpointWatch(own, pool=POOL.pool, verify=verify)


def test_members_who_saw_what_the_host_swore_are_in_order() -> None:
    watch = watch_of()

    assert [watch.contradiction(one.joined) for one in SWORN] == ["", "", ""]
    assert watch.contradiction(b"") == ""


def test_a_host_with_an_older_copy_of_its_books_is_told() -> None:
    restored = watch_of(SWORN[:2])

    words = restored.contradiction(SWORN[2].joined)

    assert "checkpoint 2 over 6 receipts" in words
    assert "older copy" in words


def test_a_host_that_went_on_from_an_older_copy_is_told() -> None:
    went_on = watch_of(checkpoints(OTHER, [1, 3, 6]))

    assert "another checkpoint 2" in went_on.contradiction(SWORN[2].joined)


def test_what_the_key_did_not_sign_is_no_contradiction() -> None:
    watch = watch_of(SWORN[:1])
    forged = signed(SWORN[2].body, pool_key(9))

    assert watch.contradiction(forged.joined) == ""
    assert watch.contradiction(flipped(SWORN[2].joined, 300)) == ""
    assert watch.contradiction(b"short") == ""


def test_each_checkpoint_is_verified_once() -> None:
    asked: list[bytes] = []

    def counting(public: str, signature: bytes, message: bytes, /) -> bool:
        asked.append(message)
        return verify(public, signature, message)

    watch = CheckpointWatch(SWORN, pool=POOL.pool, verify=counting)
    for _ in range(REMEMBERED):
        assert watch.contradiction(SWORN[2].joined) == ""

    assert not asked
