"""The prefix tree against a naive model: every slot a list, every cell an object."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.base.ids import Domain, Slot
from app.core.scheduling.prefix import PrefixTree, common_prefix

tokens = st.lists(st.integers(0, 2), max_size=12)


@given(tokens, tokens, st.integers(0, 12), st.integers(0, 12) | st.none())
def test_common_prefix_counts_equal_tokens_one_by_one(
    a: list[int], b: list[int], start: int, limit: int | None
) -> None:
    start = min(start, len(a))
    expected = 0
    for x, y in zip(a[start:], b, strict=False):
        if x != y or expected == limit:
            break
        expected += 1

    assert common_prefix(a, b, start, limit) == expected


class Naive:
    """Slot -> (domain, list of [token] cells); equal cells are the same object."""

    def __init__(self) -> None:
        self.slots: dict[int, tuple[str, list[list[int]]]] = {}

    def used(self, slots: list[int] | None = None) -> int:
        chosen = self.slots if slots is None else slots
        return len({id(cell) for slot in chosen for cell in self.slots[slot][1]})

    def tokens(self, slot: int) -> list[int]:
        return [cell[0] for cell in self.slots[slot][1]]

    def longest(self, domain: str, asked: list[int], limit: int, *, whole: bool) -> int:
        best = 0
        for slot, (owner, _) in self.slots.items():
            if owner != domain:
                continue
            held = self.tokens(slot)
            shared = common_prefix(held, asked, 0, limit)
            if not whole or shared == len(held):
                best = max(best, shared)
        return best


class TreeMachine(RuleBasedStateMachine):
    """Random calls on both; they must never differ."""

    @initialize()
    def begin(self) -> None:
        self.tree = PrefixTree()
        self.naive = Naive()
        self.next_slot = 0

    def _new(self) -> Slot:
        self.next_slot += 1
        return Slot(self.next_slot)

    @rule(domain=st.sampled_from(["owner", "guest"]))
    def open(self, domain: str) -> None:
        slot = self._new()
        self.tree.open(slot, Domain(domain))
        self.naive.slots[slot] = (domain, [])

    @precondition(lambda self: self.naive.slots)
    @rule(data=st.data(), added=tokens)
    def extend(self, data: st.DataObject, added: list[int]) -> None:
        slot = data.draw(st.sampled_from(sorted(self.naive.slots)))
        self.tree.extend(Slot(slot), added)
        self.naive.slots[slot][1].extend([token] for token in added)

    @precondition(lambda self: self.naive.slots)
    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(sorted(self.naive.slots)))
        domain, cells = self.naive.slots[source]
        length = data.draw(st.integers(0, len(cells)))
        target = self._new()
        self.tree.copy(Slot(source), target, length)
        self.naive.slots[target] = (domain, cells[:length])

    @precondition(lambda self: self.naive.slots)
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.naive.slots)))
        length = data.draw(st.integers(0, len(self.naive.slots[slot][1])))
        self.tree.truncate(Slot(slot), length)
        del self.naive.slots[slot][1][length:]

    @precondition(lambda self: self.naive.slots)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.naive.slots)))
        others = [other for other in self.naive.slots if other != slot]
        freed = self.naive.used() - self.naive.used(others)
        assert self.tree.exclusive(Slot(slot)) == freed
        self.tree.close(Slot(slot))
        del self.naive.slots[slot]

    @rule(asked=tokens, domain=st.sampled_from(["owner", "guest"]), whole=st.booleans())
    def longest(self, asked: list[int], domain: str, whole: bool) -> None:
        limit = max(len(asked) - 1, 0)
        found = self.tree.longest(Domain(domain), asked, limit, whole=whole)
        expected = self.naive.longest(domain, asked, limit, whole=whole)
        assert (found.length if found else 0) == expected
        if found:
            assert self.tree.tokens(found.slot)[: found.length] == asked[: found.length]
            assert not whole or self.tree.length(found.slot) == found.length

    @invariant()
    def equal(self) -> None:
        self.tree.check()
        assert self.tree.used == self.naive.used()
        for slot in self.naive.slots:
            assert self.tree.tokens(Slot(slot)) == self.naive.tokens(slot)
        some = sorted(self.naive.slots)[::2]
        assert self.tree.covered([Slot(s) for s in some]) == self.naive.used(some)


TestPrefixTree = TreeMachine.TestCase
