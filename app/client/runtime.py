"""Runtime calls: back ends and their packs, as typed calls of the client."""

from typing import Literal
from urllib.parse import quote

from app.client.call import Call
from app.wire.runtime import RuntimeOrder, RuntimePicture


class RuntimeCalls:
    """Part of Client."""

    _call: Call

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
