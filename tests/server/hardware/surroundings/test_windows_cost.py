"""What Windows says of the network's cost, asked of a COM object of the test's own."""

import ctypes
import sys
import uuid

import pytest

from app.core.sharing.facts import Unknown
from app.server.hardware.surroundings.windows_cost import (
    GET_COST_TYPE,
    RELEASE_TYPE,
    is_metered,
    metered_by,
    metered_of_cost,
)

E_FAIL = -2147467259
CHANGED_MODE = -2147417850
NETWORKS = uuid.UUID("DCB00C01-570F-4A9B-8D69-199FDBA5723B")
COSTS = uuid.UUID("DCB00008-570F-4A9B-8D69-199FDBA5723B")


class Ole:
    """COM with one object, whose functions lie in a table as Windows has them."""

    def __init__(self, cost: int = 0, *, got: int = 0, created: int = 0, entered: int = 0) -> None:
        self.entered, self.created = entered, created
        self.asked: list[uuid.UUID] = []
        self.releases = self.leaves = 0

        def release(_: int) -> int:
            self.releases += 1
            return 0

        def get_cost(_: int, told: "ctypes._Pointer[ctypes.c_uint32]", address: int | None) -> int:
            assert not address, "of the network as a whole"
            told[0] = cost
            return got

        self._functions = RELEASE_TYPE(release), GET_COST_TYPE(get_cost)
        of_table = [ctypes.cast(each, ctypes.c_void_p).value for each in self._functions]
        self._table = (ctypes.c_void_p * 4)(None, None, *of_table)
        self._object = ctypes.c_void_p(ctypes.addressof(self._table))

    def CoInitializeEx(self, reserved: None, mode: int) -> int:
        del reserved, mode
        return self.entered

    def CoUninitialize(self) -> None:
        self.leaves += 1

    def CoCreateInstance(self, kind, outer: None, server: int, interface, made) -> int:
        del outer, server
        self.asked += [uuid.UUID(bytes_le=each.raw) for each in (kind, interface)]
        if self.created >= 0:
            ctypes.cast(made, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.addressof(self._object)
        return self.created


@pytest.mark.parametrize(
    ("cost", "is_metered"),
    [(1, False), (2, True), (4, True), (0x10002, True), (0x40001, True), (0x20001, False)],
)
def test_a_network_is_metered_where_windows_says_that_it_costs(cost: int, is_metered: bool) -> None:
    ole = Ole(cost)

    assert metered_by(ole) is is_metered
    assert ole.asked == [NETWORKS, COSTS]
    assert (ole.releases, ole.leaves) == (1, 1)


def test_a_cost_that_windows_does_not_know_is_unknown() -> None:
    assert isinstance(metered_of_cost(0), Unknown)


@pytest.mark.parametrize(
    ("ole", "releases"), [(Ole(2, got=E_FAIL), 1), (Ole(2, created=E_FAIL), 0)]
)
def test_whatever_fails_is_unknown_and_nothing_is_kept(ole: Ole, releases: int) -> None:
    assert isinstance(metered_by(ole), Unknown)
    assert (ole.releases, ole.leaves) == (releases, 1)


def test_a_thread_that_was_made_ready_by_others_is_left_as_it_is() -> None:
    ole = Ole(2, entered=CHANGED_MODE)

    assert metered_by(ole) is True
    assert ole.leaves == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there it is told")
def test_windows_is_asked_on_windows_alone() -> None:
    assert isinstance(is_metered(), Unknown)
