"""Pool calls: the pool of this node, and the owner's rules, as typed calls of the client."""

from urllib.parse import urlencode

from app.client.call import Call
from app.wire.pool_local import (
    CostQuote,
    DayList,
    JoinRequest,
    MarketPicture,
    PoolExport,
    ReceiptList,
    SharingChange,
    SharingPicture,
    VerifyAnswer,
)
from app.wire.pool_picture import PoolPicture


class PoolCalls:
    """Part of Client."""

    _call: Call

    def pool(self) -> PoolPicture:
        """The pool that the node belongs to; `is_member` is False without one."""
        return self._call("GET", "/local/pool", PoolPicture)

    def join_pool(self, request: JoinRequest) -> PoolPicture:
        """Returns when the host has answered, or after 20 seconds, still trying."""
        return self._call("POST", "/local/pool/join", PoolPicture, request, is_patient=True)

    def leave_pool(self) -> PoolPicture:
        """Returns when guests' jobs have ended and the host has been told."""
        return self._call("POST", "/local/pool/leave", PoolPicture, is_patient=True)

    def market(self) -> MarketPicture:
        """What the pool serves now, and for how much."""
        return self._call("GET", "/local/pool/market", MarketPicture)

    def pool_quote(self, model: str, *, prompt: int, answer: int) -> CostQuote:
        """What a request of so many tokens would cost."""
        asked = {"model": model, "input_tokens": prompt, "output_tokens": answer}
        return self._call("GET", f"/local/pool/quote?{urlencode(asked)}", CostQuote)

    def credit_days(self, count: int) -> DayList:
        """The last days on which something happened, newest first."""
        return self._call("GET", f"/local/pool/days?count={count}", DayList)

    def credit_receipts(self, count: int) -> ReceiptList:
        """The last jobs, newest first."""
        return self._call("GET", f"/local/pool/receipts?count={count}", ReceiptList)

    def verify_credits(self) -> VerifyAnswer:
        """Everything signed that the node keeps, checked."""
        return self._call("GET", "/local/pool/verify", VerifyAnswer, is_patient=True)

    def export_credits(self) -> PoolExport:
        """Everything signed, as it was signed."""
        return self._call("GET", "/local/pool/export", PoolExport, is_patient=True)

    def sharing(self) -> SharingPicture:
        """The owner's rules of lending and spending."""
        return self._call("GET", "/local/sharing", SharingPicture)

    def change_sharing(self, change: SharingChange) -> SharingPicture:
        """Some of them are otherwise, at once and for good."""
        return self._call("PATCH", "/local/sharing", SharingPicture, change)
