"""Runtime calls: back ends and their packs, as typed calls of the client."""

from typing import Literal, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from app.wire.runtime import RuntimeOrder, RuntimePicture

T = TypeVar("T")


class _Call(Protocol):
    def __call__(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: msgspec.Struct | None = None,
        *,
        is_patient: bool = False,
    ) -> T: ...


class RuntimeCalls:
    """Part of Client."""

    _call: _Call

    def runtime(self, after: int = -1) -> RuntimePicture:
        """The picture now, or after some seconds at the latest one with a number past `after`."""
        return self._call("GET", f"/local/runtime?after={after}", RuntimePicture, is_patient=True)

    def look_for_packs(self) -> RuntimePicture:
        """The picture after the publisher was asked."""
        return self._call("POST", "/local/runtime/look", RuntimePicture, is_patient=True)

    def order_runtime(
        self, pack: str, action: Literal["install", "use", "test", "remove"]
    ) -> RuntimePicture:
        """Begins an order; `runtime` tells how it goes."""
        path = f"/local/runtime/packs/{quote(pack, safe='')}"
        order = RuntimeOrder(action=action)
        return self._call("POST", path, RuntimePicture, order, is_patient=True)
