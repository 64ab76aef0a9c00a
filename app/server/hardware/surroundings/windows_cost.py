"""Windows' word on whether the network costs by volume: INetworkCostManager, a COM object.

Its owner says so in the settings of a network ("metered connection"), or the network itself does.

Not yet run on a real Windows: the ids and the place of GetCost were tried under Wine, the calls
from here are tested with an object of the test's own.
Source: learn.microsoft.com, netlistmgr.h.
"""

import ctypes
import sys
import uuid
from typing import Final, Protocol

from app.core.sharing.facts import Unknown

_MULTITHREADED: Final = 0
"""COINIT_MULTITHREADED: no thread of ours has a loop of messages."""
_ANY_SERVER: Final = 0x17
"""CLSCTX_ALL."""
_RELEASE, _GET_COST = 2, 3
"""Places in the object's table of functions."""
_METERED: Final = 0x2 | 0x4 | 0x10000 | 0x40000 | 0x80000
"""NLM_CONNECTION_COST: FIXED, VARIABLE, OVERDATALIMIT, ROAMING, APPROACHINGDATALIMIT."""
_SAYS_NOTHING: Final = Unknown(why="Windows does not tell what the network costs")

if sys.platform == "win32":
    _FUNCTION: Final = ctypes.WINFUNCTYPE
else:
    _FUNCTION: Final = ctypes.CFUNCTYPE

RELEASE_TYPE: Final = _FUNCTION(ctypes.c_uint32, ctypes.c_void_p)
GET_COST_TYPE: Final = _FUNCTION(
    ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p
)


class Ole(Protocol):
    """What is called of ole32.dll. What is returned is an HRESULT: below 0 is a failure."""

    def CoInitializeEx(self, reserved: None, mode: int, /) -> int:
        """This thread may use COM."""

    def CoUninitialize(self) -> None:
        """Once for each of the former that went well."""

    def CoCreateInstance(
        self, kind: object, outer: None, server: int, interface: object, made: object, /
    ) -> int:
        """`made` points to where the object's address is written."""


def _id_of(text: str) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(uuid.UUID(text).bytes_le, 16)


_NETWORKS: Final = _id_of("DCB00C01-570F-4A9B-8D69-199FDBA5723B")
"""CLSID_NetworkListManager."""
_COSTS: Final = _id_of("DCB00008-570F-4A9B-8D69-199FDBA5723B")
"""IID_INetworkCostManager."""


def metered_of_cost(cost: int) -> bool | Unknown:
    """The meaning of an NLM_CONNECTION_COST; a network without a limit may be congested."""
    return bool(cost & _METERED) if cost else _SAYS_NOTHING


def metered_by(ole: Ole) -> bool | Unknown:
    """Whether the network is metered that other machines are reached by.

    The object is made anew each time: who asks may be another thread than before.
    """
    # One that another part of the process made ready in another way may use it too.
    is_ours = ole.CoInitializeEx(None, _MULTITHREADED) >= 0
    try:
        costs = ctypes.c_void_p()
        failed = ole.CoCreateInstance(_NETWORKS, None, _ANY_SERVER, _COSTS, ctypes.byref(costs))
        if failed < 0 or costs.value is None:
            return _SAYS_NOTHING
        table = ctypes.cast(costs, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
        cost = ctypes.c_uint32()
        try:
            failed = GET_COST_TYPE(table[_GET_COST])(costs, ctypes.byref(cost), None)
        finally:
            RELEASE_TYPE(table[_RELEASE])(costs)
        return _SAYS_NOTHING if failed < 0 else metered_of_cost(cost.value)
    finally:
        if is_ours:
            ole.CoUninitialize()


if sys.platform == "win32":

    def is_metered() -> bool | Unknown:
        """Whether Windows holds the network for metered."""
        try:
            return metered_by(ctypes.WinDLL("ole32"))
        except OSError:
            return _SAYS_NOTHING

else:

    def is_metered() -> bool | Unknown:
        """Asked on Windows alone."""
        return Unknown(why="this is no Windows")
