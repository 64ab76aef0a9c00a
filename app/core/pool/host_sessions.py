"""HostSessions: who is connected, one session a device, and which ids will never serve again.

The id of a session is no secret that opens anything: every socket proves the device's key first,
and a session is gone on with by the device that opened it alone. Ended sessions leave a tombstone,
so that whoever comes back is told why instead of being taken for a stranger.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, final

import msgspec

from app.core.base.ids import DeviceId, SessionId
from app.core.pool.channel import LIMITS, Limits
from app.core.pool.happenings import HostHappening, Proved, SessionEnded
from app.core.pool.host_session import HostSession, Terms
from app.wire.opening import Denied, OverCode

SESSIONS_MAX: Final = 4096
TOMBSTONES_MAX: Final = 4096
FULL_RETRY_SECONDS: Final = 60.0
REPLACED_RETRY_SECONDS: Final = 600.0
"""Only a second program with the same key hears it: two of them must not chase each other out."""


@final
class Establishment(msgspec.Struct, frozen=True, kw_only=True):
    """A session that a socket now carries."""

    session: HostSession
    is_resumed: bool
    writes: list[bytes]
    """To be written first, in order."""
    replaced: HostSession | None = None
    """The device's earlier session, which is ended now; its jobs are lost."""
    happenings: list[HostHappening] = []
    """Of the replaced session, for its own socket."""


class _Tombstone(msgspec.Struct, frozen=True):
    device: DeviceId
    why: str


@final
class HostSessions:
    """All sessions of a host."""

    def __init__(
        self,
        *,
        sessions_max: int = SESSIONS_MAX,
        tombstones_max: int = TOMBSTONES_MAX,
        limits: Limits = LIMITS,
    ) -> None:
        self._sessions_max, self._tombstones_max, self._limits = (
            sessions_max,
            tombstones_max,
            limits,
        )
        self._by_id: dict[SessionId, HostSession] = {}
        self._by_device: dict[DeviceId, HostSession] = {}
        self._tombstones: OrderedDict[SessionId, _Tombstone] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[HostSession]:
        return iter(tuple(self._by_id.values()))

    def of_device(self, device: DeviceId) -> HostSession | None:
        """The session of a device, live or waiting; None without one."""
        return self._by_device.get(device)

    def establish(
        self, proved: Proved, *, terms: Terms, fresh: SessionId, now: float
    ) -> Establishment | Denied:
        """The session for a device that proved its key and may come in.

        `fresh` is an id by chance, used when a new session begins. The session that the node named
        is resumed where it can be; else a new one begins and says why.
        """
        device, named = proved.device, proved.hello.session
        ended = ""
        if named is not None:
            owner = self._owner_of(named)
            if owner is not None and owner != device:
                return Denied(
                    code="session",
                    message="the session that was named belongs to another device",
                    remedy="Restart Athanor, which begins a session of its own.",
                )
            session = self._by_id.get(named)
            if session is not None and session.can_resume_from(proved.hello.received):
                received = proved.hello.received
                established = session.attach(received, terms, now)
                writes = [established, *session.again(received, now)]
                return Establishment(session=session, is_resumed=True, writes=writes)
            ended = self._why_not(named, session)
        return self._begin(device, ended, terms=terms, fresh=fresh, now=now)

    def forget(self, session: HostSession, code: OverCode, message: str = "") -> None:
        """Put up a tombstone for a session that ended; to be called for every `SessionEnded`."""
        assert session.phase == "ended"
        if self._by_id.pop(session.id, None) is None:
            return
        if self._by_device.get(session.device) is session:
            del self._by_device[session.device]
        self._tombstones[session.id] = _Tombstone(session.device, message or code)
        while len(self._tombstones) > self._tombstones_max:
            self._tombstones.popitem(last=False)

    def due(self, now: float) -> list[tuple[HostSession, list[HostHappening]]]:
        """What time brings to each; sessions that end by it are forgotten here."""
        found: list[tuple[HostSession, list[HostHappening]]] = []
        for session in self:
            happenings = session.due(now)
            if happenings:
                found.append((session, happenings))
            self.hear(session, happenings)
        return found

    def hear(self, session: HostSession, happenings: list[HostHappening]) -> None:
        """Forget the session where these say that it ended."""
        for happening in happenings:
            if isinstance(happening, SessionEnded):
                self.forget(session, happening.code, happening.message)

    def _begin(
        self, device: DeviceId, ended: str, *, terms: Terms, fresh: SessionId, now: float
    ) -> Establishment | Denied:
        replaced = self._by_device.get(device)
        if replaced is None and len(self._by_id) >= self._sessions_max:
            return Denied(
                code="full",
                message=f"{self._sessions_max} nodes are connected, which is all the host takes",
                retry_after_seconds=FULL_RETRY_SECONDS,
            )
        assert fresh not in self._by_id
        assert fresh not in self._tombstones
        happenings: list[HostHappening] = []
        if replaced is not None:
            happenings = replaced.end(
                "replaced",
                "the same device opened another session; if Athanor's files were copied to another "
                "machine, delete device.key on one of them",
                retry_after_seconds=REPLACED_RETRY_SECONDS,
            )
            self.hear(replaced, happenings)
        session = HostSession(
            session=fresh, device=device, terms=terms, now=now, limits=self._limits
        )
        self._by_id[fresh] = self._by_device[device] = session
        return Establishment(
            session=session,
            is_resumed=False,
            writes=[session.attach(None, terms, now, ended=ended)],
            replaced=replaced,
            happenings=happenings,
        )

    def _owner_of(self, named: SessionId) -> DeviceId | None:
        session, tombstone = self._by_id.get(named), self._tombstones.get(named)
        if session is not None:
            return session.device
        return tombstone.device if tombstone is not None else None

    def _why_not(self, named: SessionId, session: HostSession | None) -> str:
        if session is not None:
            return "the numbers of its frames do not fit"
        tombstone = self._tombstones.get(named)
        return tombstone.why if tombstone is not None else "the host does not know it"
