"""Lessor: where a request of this node goes: to an engine at home, or to the pool for credits.

A name that begins with `pool/` means the pool's model. Any other name means the model at home; what
is not at home goes to the pool only where the owner allows that. Answers of both look alike.
"""

import hashlib
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final, final

from app.core.base.errors import Busy, ModelNotFound
from app.core.base.ids import JobId, ModelName, RequestId
from app.core.pool.wishes import wishes_of_provider
from app.core.state.pool_words import link_words
from app.server.engine_child.leasing import Link
from app.server.node.pool.house import HomeRouter
from app.server.node.pool.pool import Pool
from app.server.node.pool.pool_link import PoolLink
from app.server.node.pool.spending import check_spending, unserved
from app.wire.pool_local import POOL_PREFIX

NOT_CONNECTED_RETRY_SECONDS: Final = 10
NO_WISHES: Final[Mapping[str, object]] = {}


@final
class Lessor:
    """Of one request. `provider` are its wishes, which matter to the pool alone; `key` is its
    idempotency key: the same one is the same job; "" has none."""

    def __init__(
        self,
        router: HomeRouter,
        pool: Pool,
        *,
        provider: Mapping[str, object] = NO_WISHES,
        key: str = "",
    ) -> None:
        self._router = router
        self._pool = pool
        self._provider = provider
        self._key = key
        self._jobs = 0

    def find(self, name: str) -> ModelName:
        """The canonical name, at home or in the pool. Raises: ModelNotFound; Forbidden."""
        if name.startswith(POOL_PREFIX):
            check_spending(self._pool.house.pool_settings())
            return self._find_in_pool(name)
        try:
            return self._router.find(name)
        except ModelNotFound:
            if not self._goes_out(name):
                raise
            return self._find_in_pool(name)

    @asynccontextmanager
    async def lease(
        self, name: str, *, request: RequestId | None = None, keep_alive: float | None = None
    ) -> AsyncGenerator[Link | PoolLink, None]:
        """What answers.

        Raises: as Router.lease; Unserved; Forbidden; RequestError for wrong wishes; CreditsShort at
        its use.
        """
        if not name.startswith(POOL_PREFIX) and not self._is_elsewhere(name):
            async with self._router.lease(name, request=request, keep_alive=keep_alive) as link:
                yield link
            return
        check_spending(self._pool.house.pool_settings())
        wishes = wishes_of_provider(self._provider)
        member = self._pool.member
        if member is None:
            raise _no_pool(name)
        _refuse_unlinked(self._pool)
        quote = await member.market.find_soon(name)
        if quote is None:
            raise unserved(name)
        yield PoolLink(member.spending, quote, wishes=wishes, new_job=self._new_job)

    def _is_elsewhere(self, name: str) -> bool:
        """Not at home, and the owner lets such names go out."""
        try:
            self._router.find(name)
        except ModelNotFound:
            return self._goes_out(name)
        return False

    def _goes_out(self, name: str) -> bool:
        """Whether the owner lets a name that is not at home go to the pool, which has it."""
        member = self._pool.member
        is_missing_allowed = self._pool.house.pool_settings().spending == "missing"
        return is_missing_allowed and member is not None and member.market.find(name) is not None

    def _find_in_pool(self, name: str) -> ModelName:
        """Raises: ModelNotFound where the pool's list is known and lacks it."""
        member = self._pool.member
        if member is None:
            raise _no_pool(name)
        quote = member.market.find(name)
        if quote is None and member.market.is_known:
            names = [POOL_PREFIX + each.model for each in member.market.quotes()[:3]]
            raise ModelNotFound(name, tuple(names))
        return ModelName(POOL_PREFIX + quote.model if quote else name)

    def _new_job(self) -> JobId:
        """By chance; or, where the client named its request, always the same for the same name."""
        number, self._jobs = self._jobs, self._jobs + 1
        if not self._key:
            return JobId("n" + secrets.token_hex(16))
        digest = hashlib.sha256(f"{self._key}\n{number}".encode()).hexdigest()
        return JobId("k" + digest[:40])


def refuse_unreached(pool: Pool) -> None:
    """Raises Busy where the host cannot be asked just now, with why."""
    state = pool.house.hub.state.pool
    if state is None or state.link != "connected":
        raise _not_connected(pool)


def _refuse_unlinked(pool: Pool) -> None:
    """Raises Busy without a session. One whose socket was lost carries a request to the host when
    it is back, and so takes it."""
    if pool.member is None or not pool.member.link.is_open:
        raise _not_connected(pool)


def _not_connected(pool: Pool) -> Busy:
    state = pool.house.hub.state.pool
    return Busy(
        "this node is " + (link_words(state, pool.house.now()) if state else "not connected"),
        retry_after_seconds=NOT_CONNECTED_RETRY_SECONDS,
    )


def _no_pool(name: str) -> ModelNotFound:
    return ModelNotFound(
        name,
        reason=f"model {name!r} is of a pool, and this node has joined none: `athanor pool join`.",
    )
