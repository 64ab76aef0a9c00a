"""What can go wrong between a face and the server, in words for its owner."""

from typing import ClassVar, final

from app.core.base.errors import AthanorError


@final
class NoServer(AthanorError):
    """No server of this user runs."""

    kind: ClassVar[str] = "no_server"

    def __init__(self, message: str = "no Athanor server is running") -> None:
        super().__init__(message, remedy="Start one with `athanor serve`.")


@final
class NoHost(AthanorError):
    """No pool is hosted by this user."""

    kind: ClassVar[str] = "no_host"

    def __init__(self) -> None:
        super().__init__(
            "no pool is hosted here", remedy="Start its host with `athanor pool serve`."
        )


class ServerSilent(AthanorError):
    """The server runs but did not answer in time, or broke off in the middle of an answer."""

    kind: ClassVar[str] = "server_silent"


@final
class ServerTaken(ServerSilent):
    """A server could not be started, since another one of this user begins, serves or ends."""

    kind: ClassVar[str] = "already_running"


@final
class ServerRefused(AthanorError):
    """The server answered with an error. `code` is its stable word, `status` that of HTTP."""

    kind: ClassVar[str] = "server_refused"

    def __init__(self, message: str, *, code: str, status: int, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.status = status
