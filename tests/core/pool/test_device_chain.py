"""A host takes each receipt of a device once, in whatever order they come, and no second story."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.pool.device_chain import SEEN_MAX, DeviceChain
from app.core.pool.receipt import RECEIPT
from app.core.pool.signed import SignedBytes, hash_of
from tests.core.pool.chains import a_receipt, receipts

CHAIN = receipts(6)


def taken(chain: DeviceChain, entry: SignedBytes) -> str:
    receipt = RECEIPT.read(entry.body)
    assert receipt is not None
    return chain.take(receipt, entry.hash)


def test_receipts_in_order_are_each_the_next() -> None:
    chain = DeviceChain()

    assert [taken(chain, entry) for entry in CHAIN] == ["next"] * 6
    assert (chain.count, chain.head) == (6, CHAIN[-1].hash)


@given(st.permutations(range(6)), st.integers(0, 5))
def test_in_whatever_order_they_come_each_is_taken_once(order: list[int], twice: int) -> None:
    chain = DeviceChain()

    places = [taken(chain, CHAIN[number]) for number in order]

    assert "forked" not in places and "again" not in places
    assert taken(chain, CHAIN[twice]) == "again"
    assert (chain.count, chain.head) == (6, CHAIN[-1].hash)


def test_another_receipt_of_a_number_is_a_fork_and_changes_nothing() -> None:
    chain = DeviceChain()
    for entry in CHAIN[:3]:
        taken(chain, entry)
    other = replace(a_receipt(2, CHAIN[1].hash), tokens_out=99)

    assert chain.take(other, hash_of(RECEIPT.encode(other))) == "forked"
    assert taken(chain, CHAIN[3]) == "next"


def test_a_receipt_that_follows_another_chain_is_a_fork() -> None:
    chain = DeviceChain(3, CHAIN[2].hash)
    other = a_receipt(3, b"x" * 32)

    assert chain.take(other, b"y" * 32) == "forked"
    assert taken(chain, CHAIN[3]) == "next"


def test_the_first_receipt_follows_nothing_and_every_other_something() -> None:
    chain = DeviceChain()

    assert chain.place(a_receipt(0, b"x" * 32), b"y" * 32) == "forked"
    assert chain.place(a_receipt(4, b""), b"y" * 32) == "forked"
    assert chain.place(a_receipt(-1, b""), b"y" * 32) == "forked"


def test_a_host_that_was_restarted_takes_what_it_missed() -> None:
    chain = DeviceChain(2, CHAIN[1].hash)

    assert taken(chain, CHAIN[4]) == "later"
    assert [taken(chain, CHAIN[number]) for number in (2, 3)] == ["earlier", "earlier"]
    assert taken(chain, CHAIN[1]) == "again"
    assert taken(chain, CHAIN[5]) == "next"


def test_what_is_remembered_is_bounded() -> None:
    chain = DeviceChain()
    previous = b""
    for number in range(SEEN_MAX + 10):
        receipt = a_receipt(number, previous)
        previous = number.to_bytes(32, "big")
        assert chain.take(receipt, previous) == "next"

    assert chain.place(a_receipt(0), (0).to_bytes(32, "big")) == "earlier"
    assert chain.place(a_receipt(SEEN_MAX, b"z" * 32), b"q" * 32) == "forked"
