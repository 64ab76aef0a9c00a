"""A device in twenty lines: slots are lists of cells, a cell is an object with its token.

It carries out a scheduler's steps literally and fails where llama.cpp would compute nonsense: a
row that does not continue what its slot holds, more distinct cells than there are."""

from app.core.scheduling.step import Copy, Discard, Move, Restore, Save, Step, Trim


class Cell:
    def __init__(self, token: int) -> None:
        self.token = token


class Device:
    def __init__(self, cells: int, *, can_trim: bool = True) -> None:
        self.cells = cells
        self.can_trim = can_trim
        self.slots: dict[int, list[Cell]] = {}
        self.saved: dict[int, list[int]] = {}

    @property
    def used(self) -> int:
        return len({id(cell) for cells in self.slots.values() for cell in cells})

    def held(self, slot: int) -> list[int]:
        return [cell.token for cell in self.slots.get(slot, [])]

    def move(self, move: Move) -> None:
        match move:
            case Copy(source, target, length):
                assert not self.slots.get(target)
                assert self.can_trim or length == len(self.slots[source])
                self.slots[target] = self.slots[source][:length]
            case Trim(slot, length):
                assert self.can_trim or length == 0
                del self.slots.setdefault(slot, [])[length:]
            case Save(slot, key):
                self.saved[key] = self.held(slot)
                self.slots[slot] = []
            case Restore(slot, key):
                assert not self.slots.get(slot)
                self.slots[slot] = [Cell(token) for token in self.saved.pop(key)]
            case Discard(key):
                del self.saved[key]

    def run(self, step: Step) -> None:
        for move in step.moves:
            self.move(move)
        for row in step.rows:
            cells = self.slots.setdefault(row.slot, [])
            assert len(cells) == row.position
            cells.extend(Cell(token) for token in row.tokens)
        assert self.used <= self.cells, (self.used, self.cells)
