"""The prefix tree: which tokens lie in which cells, and who holds them.

A node is a run of cells, one for each of its tokens; a sequence (a slot) is the path from its
domain's root to its node. Sequences that share a path share its cells, which is what
`llama_memory_seq_cp` does in a unified cache. So the tree is also the account of cells:
`used` is the number of tokens in it.

Two rules follow. Children of one node may begin with equal tokens, since sequences that computed
them apart hold cells apart. And domains never meet, since each has its own root.

Invariants: a node without children has a slot; a node without slots has two children or more;
`used` is the sum of all nodes' lengths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from app.core.base.ids import Domain, Slot, Token


def common_prefix(
    a: Sequence[Token], b: Sequence[Token], a_start: int = 0, limit: int | None = None
) -> int:
    """How many tokens of `a` from `a_start` on equal those of `b` from its start, at most `limit`.

    Halves the range on slices, which compare in C: the cost is that of one comparison of the
    common part, not a Python loop over it.
    """
    size = min(len(a) - a_start, len(b))
    if limit is not None:
        size = min(size, limit)
    low, high = 0, size
    while low < high:
        middle = high if low == 0 and high == size else (low + high + 1) // 2
        if a[a_start + low : a_start + middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
            size = -1  # the whole was tried once; halve from here on
    return max(low, 0)


@final
@dataclass(frozen=True, slots=True)
class Match:
    """The first `length` tokens asked for lie in the cells of `slot`."""

    slot: Slot
    length: int


@final
class _Node:
    __slots__ = ("children", "parent", "slots", "start", "tokens")

    def __init__(self, tokens: list[Token], parent: "_Node | None", start: int) -> None:
        self.tokens = tokens
        self.parent = parent
        self.start = start
        """Tokens before this node on its path."""
        self.children: list[_Node] = []
        self.slots: set[Slot] = set()

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)


@final
class PrefixTree:
    """All sequences in the memory of a model, running and kept, with the cells that they share."""

    def __init__(self) -> None:
        self.used = 0
        self._roots: dict[Domain, _Node] = {}
        self._at: dict[Slot, _Node] = {}

    def __contains__(self, slot: Slot) -> bool:
        return slot in self._at

    def length(self, slot: Slot) -> int:
        """Cells on the path of `slot`."""
        return self._at[slot].end

    def tokens(self, slot: Slot) -> list[Token]:
        """The tokens of `slot`, first to last; a new list."""
        path = list(self._path(self._at[slot]))
        return [token for node in reversed(path) for token in node.tokens]

    def open(self, slot: Slot, domain: Domain) -> None:
        """Begin an empty sequence."""
        assert slot not in self._at, slot
        root = self._roots.setdefault(domain, _Node([], None, 0))
        self._place(slot, root)

    def extend(self, slot: Slot, tokens: Sequence[Token]) -> None:
        """Append tokens, each in a new cell."""
        if not tokens:
            return
        node = self._at[slot]
        if node.parent is not None and not node.children and len(node.slots) == 1:
            node.tokens.extend(tokens)
        else:
            child = _Node(list(tokens), node, node.end)
            node.children.append(child)
            node.slots.discard(slot)
            self._place(slot, child)
        self.used += len(tokens)

    def copy(self, source: Slot, target: Slot, length: int) -> None:
        """Begin `target` as the first `length` tokens of `source`, in the same cells."""
        assert target not in self._at, target
        assert 0 <= length <= self.length(source), (length, self.length(source))
        self._place(target, self._split(self._at[source], length))

    def truncate(self, slot: Slot, length: int) -> None:
        """Forget all of `slot` from `length` on."""
        node = self._at[slot]
        assert 0 <= length <= node.end, (length, node.end)
        if length == node.end:
            return
        target = self._split(node, length)
        # A split moves the slot's tail into a lower node, where the slot still stands.
        last = self._at[slot]
        last.slots.discard(slot)
        self._place(slot, target)
        self._prune(last)

    def close(self, slot: Slot) -> None:
        """Forget the sequence; cells that nobody else holds become free."""
        node = self._at.pop(slot)
        node.slots.discard(slot)
        self._prune(node)

    def exclusive(self, slot: Slot) -> int:
        """Cells that closing `slot` would free."""
        count = 0
        for node in self._path(self._at[slot]):
            others = len(node.slots) - (slot in node.slots)
            if others or len(node.children) > (1 if count else 0):
                break
            count += len(node.tokens)
        return count

    def covered(self, slots: Sequence[Slot]) -> int:
        """Cells that these sequences hold together, shared ones counted once."""
        seen: set[int] = set()
        count = 0
        for slot in slots:
            for node in self._path(self._at[slot]):
                if id(node) in seen:
                    break
                seen.add(id(node))
                count += len(node.tokens)
        return count

    def longest(
        self, domain: Domain, tokens: Sequence[Token], limit: int, *, whole: bool = False
    ) -> Match | None:
        """The sequence of `domain` that shares the longest beginning with `tokens[:limit]`.

        With `whole`, only sequences that lie in it from their first to their last token count
        (for memories that cannot forget a tail). None when nothing is shared.
        """
        root = self._roots.get(domain)
        best_length, best = 0, None
        stack = [] if root is None else [root]
        while stack:
            node = stack.pop()
            for child in node.children:
                shared = common_prefix(tokens, child.tokens, node.end, limit - node.end)
                if shared == 0:
                    continue
                is_through = shared == len(child.tokens)
                reached = node.end + shared
                counts = is_through and bool(child.slots) if whole else True
                if counts and reached > best_length:
                    best_length, best = reached, child
                if is_through:
                    stack.append(child)
        if best is None:
            return None
        return Match(self._slot_under(best), best_length)

    def ancestors(self, slot: Slot) -> list[Slot]:
        """Other slots whose sequences are beginnings of this one, in the very same cells."""
        return [s for node in self._path(self._at[slot]) for s in node.slots if s != slot]

    def check(self) -> None:
        """Assert the invariants of the header."""
        total = 0
        stack = list(self._roots.values())
        while stack:
            node = stack.pop()
            total += len(node.tokens)
            if node.parent is not None:
                assert node.tokens
                assert node.start == node.parent.end
                assert node.slots or len(node.children) > 1
            stack.extend(node.children)
        assert total == self.used, (total, self.used)
        assert all(slot in node.slots for slot, node in self._at.items())

    def _place(self, slot: Slot, node: _Node) -> None:
        node.slots.add(slot)
        self._at[slot] = node

    @staticmethod
    def _path(node: _Node) -> Iterator[_Node]:
        """From the node up to, not including, its root."""
        while node.parent is not None:
            yield node
            node = node.parent

    @staticmethod
    def _slot_under(node: _Node) -> Slot:
        while not node.slots:
            node = node.children[0]
        return next(iter(node.slots))

    def _split(self, node: _Node, length: int) -> _Node:
        """The node of this path that ends at `length`, made by cutting one where needed."""
        while node.parent is not None and node.start >= length:
            node = node.parent
        if node.end == length:
            return node
        assert node.parent is not None
        cut = length - node.start
        upper = _Node(node.tokens[:cut], node.parent, node.start)
        siblings = node.parent.children
        siblings[siblings.index(node)] = upper
        upper.children.append(node)
        node.parent = upper
        node.start = length
        del node.tokens[:cut]
        return upper

    def _prune(self, node: _Node) -> None:
        """Free what nobody holds any more, from this node upwards, and join what was cut."""
        while node.parent is not None and not node.slots and not node.children:
            self.used -= len(node.tokens)
            node.parent.children.remove(node)
            node = node.parent
        if node.parent is None:
            if not node.children and not node.slots:
                self._roots = {d: r for d, r in self._roots.items() if r is not node}
            return
        if not node.slots and len(node.children) == 1:
            child = node.children[0]
            child.tokens[:0] = node.tokens
            child.start = node.start
            child.parent = node.parent
            siblings = node.parent.children
            siblings[siblings.index(node)] = child
