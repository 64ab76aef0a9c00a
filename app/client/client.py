"""Client: the running server as typed calls, for the command line and the tray.

Synchronous: its users are a terminal and a menu. One client may be used by several threads. Every
call raises NoServer, ServerSilent or ServerRefused, and nothing of httpx comes out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, TypeVar, final
from urllib.parse import quote

import httpx
import msgspec

from app import __version__
from app.client.discovery import find_host, find_server
from app.client.errors import NoServer, ServerRefused, ServerSilent
from app.client.pool import PoolCalls
from app.client.pool_host import HostCalls
from app.client.runtime import RuntimeCalls
from app.client.shop import ShopCalls
from app.client.sse import events_of
from app.settings.paths import Paths
from app.wire.autostart import AutostartPicture, AutostartRequest
from app.wire.dashboard import DashboardLink
from app.wire.library import (
    CheckRequest,
    FolderList,
    FolderPicture,
    FolderRequest,
    LibraryModel,
    LibraryPicture,
    ModelDeleted,
)
from app.wire.link import LinkRequest
from app.wire.local import (
    KeyList,
    KeyMade,
    KeyPicture,
    KeyRequest,
    KeyScope,
    LoadAnswer,
    LoadRequest,
    NodeEvent,
    NodePicture,
    ServerLock,
    StopAnswer,
    UnloadAnswer,
    UnloadRequest,
)
from app.wire.openai.chat import ChatRequest
from app.wire.openai.chat_answer import ChatChunk
from app.wire.openai.completions import CompletionRequest, TextCompletion
from app.wire.openai.errors import ErrorAnswer
from app.wire.openai.models import Model, ModelList
from app.wire.settings_read import SettingsRead
from app.wire.sharing import (
    FreeAnswer,
    FreeRequest,
    NeighbourAnswer,
    NeighbourPicture,
    SnoozeRequest,
)
from app.wire.update import InstallRequest, UpdatePicture

ANSWER_SECONDS_MAX: Final = 15.0
"""Calls that need no engine answer in milliseconds; past this the server hangs."""
SILENCE_SECONDS_MAX: Final = 60.0
"""Streams have heartbeats at least every 10 s."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # read, not bound

T = TypeVar("T")


@final
class Client(ShopCalls, HostCalls, PoolCalls, RuntimeCalls):
    """A connection to one server. A context manager; leaving it closes the connections."""

    def __init__(self, lock: ServerLock) -> None:
        self.lock = lock
        host = _EVERYWHERE.get(lock.host, lock.host)
        self.address = (
            f"http://[{host}]:{lock.port}" if ":" in host else f"http://{host}:{lock.port}"
        )
        """Base URL of the server, without /v1."""
        self._http = httpx.Client(
            base_url=self.address,
            headers={
                "Authorization": f"Bearer {lock.token}",
                "User-Agent": f"athanor/{__version__}",
            },
            timeout=httpx.Timeout(ANSWER_SECONDS_MAX, read=SILENCE_SECONDS_MAX),
            # A proxy of the environment must never see calls to this machine, nor their token.
            trust_env=False,
        )

    @classmethod
    def find(cls, paths: Paths) -> Self:
        """A client of this user's server. Raises: NoServer."""
        return cls(find_server(paths))

    @classmethod
    def find_host(cls, paths: Paths) -> Self:
        """A client of the pool that this user hosts. Raises: NoHost."""
        return cls(find_host(paths))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # --- the node ----------------------------------------------------------------------------

    def state(self) -> NodePicture:
        """The picture now."""
        return self._call("GET", "/local/state", NodePicture)

    def events(self) -> Iterator[NodeEvent]:
        """The picture first, then each event; ends when the server does, or cuts a laggard off."""
        with self._stream("GET", "/local/events") as events:
            for data in events:
                yield msgspec.json.decode(data, type=NodeEvent)

    def load(self, request: LoadRequest) -> LoadAnswer:
        """Returns when the model serves, however long that takes; `events` tells the progress."""
        return self._call("POST", "/local/load", LoadAnswer, request, is_patient=True)

    def unload(self, model: str) -> UnloadAnswer:
        """Returns when the answers under way have ended and the memory is free."""
        request = UnloadRequest(model=model)
        return self._call("POST", "/local/unload", UnloadAnswer, request, is_patient=True)

    def neighbour(self) -> NeighbourAnswer:
        """What becomes of GPU memory and lending, and the facts it rests on."""
        return self._call("GET", "/local/neighbour", NeighbourAnswer)

    def free(self, request: FreeRequest) -> FreeAnswer:
        """Returns when the memory is free: a second or two."""
        return self._call("POST", "/local/free", FreeAnswer, request)

    def snooze(self, request: SnoozeRequest) -> NeighbourPicture:
        """Lends nothing for a while."""
        return self._call("POST", "/local/snooze", NeighbourPicture, request)

    def resume(self) -> NeighbourPicture:
        """Ends a snooze, and lets requests use GPU memory again."""
        return self._call("POST", "/local/resume", NeighbourPicture)

    def stop(self) -> StopAnswer:
        """Returns at once; the server then drains and ends."""
        return self._call("POST", "/local/stop", StopAnswer)

    def dashboard_link(self, page: str = "") -> str:
        """The address that signs one browser in to the dashboard, once and within two minutes.

        It opens `page` by its name, the home page for "". It is worth a session: open it, or show
        it to its owner; do not log it.
        """
        link = self._call("POST", "/local/dashboard", DashboardLink)
        return f"{self.address}{link.path}" + (f"&page={page}" if page else "")

    # --- new versions ------------------------------------------------------------------------

    def update(self) -> UpdatePicture:
        """What is known of new versions of Athanor."""
        return self._call("GET", "/local/update", UpdatePicture)

    def look_for_update(self) -> UpdatePicture:
        """The same after the publisher was asked now."""
        return self._call("POST", "/local/update/look", UpdatePicture, is_patient=True)

    def fetch_update(self) -> UpdatePicture:
        """Returns when the new version is here and checked; `events` tells the progress."""
        return self._call("POST", "/local/update/fetch", UpdatePicture, is_patient=True)

    def install_update(self, *, now: bool) -> UpdatePicture:
        """Returns when all is ready; then the server ends, and the new version starts.

        `now`: also while answers are under way.
        """
        path, request = "/local/update/install", InstallRequest(now=now)
        return self._call("POST", path, UpdatePicture, request, is_patient=True)

    def go_back(self, *, now: bool) -> UpdatePicture:
        """The same for the version before."""
        path, request = "/local/update/back", InstallRequest(now=now)
        return self._call("POST", path, UpdatePicture, request, is_patient=True)

    def open_link(self, link: str) -> str:
        """The address that signs one browser in and shows what an `athanor://` link is for."""
        answer = self._call("POST", "/local/links", DashboardLink, LinkRequest(link=link))
        return f"{self.address}{answer.path}"

    # --- the library -------------------------------------------------------------------------

    def library(self) -> LibraryPicture:
        """Every model on this machine."""
        return self._call("GET", "/local/models", LibraryPicture)

    def look(self) -> LibraryPicture:
        """The same after a look at every folder."""
        return self._call("POST", "/local/models/look", LibraryPicture, is_patient=True)

    def library_model(self, model: str) -> LibraryModel:
        """One model of the library, by any of its names."""
        return self._call("GET", f"/local/models/{quote(model, safe='')}", LibraryModel)

    def check_model(self, model: str) -> LibraryModel:
        """Has its content read soon, and compared with what its name claims."""
        return self._call("POST", "/local/models/check", LibraryModel, CheckRequest(model=model))

    def delete_model(self, model: str) -> ModelDeleted:
        """Returns when it is unloaded and its files are gone from Athanor's folder."""
        path = f"/local/models/{quote(model, safe='')}"
        return self._call("DELETE", path, ModelDeleted, is_patient=True)

    def folders(self) -> tuple[FolderPicture, ...]:
        """Where models are looked for."""
        return self._call("GET", "/local/folders", FolderList).folders

    def add_folder(self, path: str) -> tuple[FolderPicture, ...]:
        """Offers the models of a folder; all folders then."""
        request = FolderRequest(path=path)
        return self._call("POST", "/local/folders", FolderList, request, is_patient=True).folders

    def remove_folder(self, path: str) -> tuple[FolderPicture, ...]:
        """Offers them no more; all folders then."""
        route = f"/local/folders?path={quote(path, safe='')}"
        return self._call("DELETE", route, FolderList, is_patient=True).folders

    def autostart(self) -> AutostartPicture:
        """Whether Athanor starts with the computer."""
        return self._call("GET", "/local/autostart", AutostartPicture)

    def set_autostart(self, *, enabled: bool) -> AutostartPicture:
        """The switch after it was turned."""
        request = AutostartRequest(enabled=enabled)
        return self._call("PUT", "/local/autostart", AutostartPicture, request)

    def read_settings(self) -> SettingsRead:
        """Has the server go by what the settings file says now, as far as that can be done."""
        return self._call("POST", "/local/settings/read", SettingsRead)

    # --- keys --------------------------------------------------------------------------------

    def keys(self) -> tuple[KeyPicture, ...]:
        """Every key, oldest first."""
        return self._call("GET", "/local/keys", KeyList).keys

    def make_key(self, name: str, scope: KeyScope) -> KeyMade:
        """A new key, with the only sight of its secret."""
        return self._call("POST", "/local/keys", KeyMade, KeyRequest(name=name, scope=scope))

    def revoke_key(self, key_id: str) -> KeyPicture:
        """The key, from now on refused."""
        return self._call("DELETE", f"/local/keys/{key_id}", KeyPicture)

    # --- OpenAI's API ------------------------------------------------------------------------

    def models(self) -> list[Model]:
        """Every model that a request may name."""
        return self._call("GET", "/v1/models", ModelList).data

    def chat(self, request: ChatRequest) -> Iterator[ChatChunk]:
        """The answer as it comes; `request.stream` must be True. Closing it cancels the answer."""
        return self._chunks("/v1/chat/completions", request, ChatChunk)

    def complete(self, request: CompletionRequest) -> Iterator[TextCompletion]:
        """Text as it comes; `request.stream` must be True. Closing it cancels the answer."""
        return self._chunks("/v1/completions", request, TextCompletion)

    # --- HTTP --------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: msgspec.Struct | None = None,
        *,
        is_patient: bool = False,
    ) -> T:
        with self._failures_told():
            response = self._http.request(
                method,
                path,
                content=None if body is None else msgspec.json.encode(body),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=httpx.Timeout(
                    ANSWER_SECONDS_MAX, read=None if is_patient else ANSWER_SECONDS_MAX
                ),
            )
            if response.is_error:
                raise _refusal(response.status_code, response.content)
            return msgspec.json.decode(response.content, type=answer)

    def _chunks(self, path: str, request: msgspec.Struct, chunk: type[T]) -> Iterator[T]:
        with self._stream("POST", path, request) as events:
            for data in events:
                if data == "[DONE]":
                    return
                if data.startswith('{"error"'):
                    raise _refusal(200, data.encode())
                yield msgspec.json.decode(data, type=chunk)
            raise ServerSilent(
                "the answer broke off", remedy="The server's log may say why: `athanor doctor`."
            )

    @contextmanager
    def _stream(
        self, method: str, path: str, body: msgspec.Struct | None = None
    ) -> Iterator[Iterator[str]]:
        """The data of the server-sent events; leaving it closes the connection."""
        with (
            self._failures_told(),
            self._http.stream(
                method,
                path,
                content=None if body is None else msgspec.json.encode(body),
                headers={} if body is None else {"Content-Type": "application/json"},
            ) as response,
        ):
            if response.is_error:
                raise _refusal(response.status_code, response.read())
            yield events_of(response.iter_lines())

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Turns what httpx and msgspec raise into our words."""
        try:
            yield
        except httpx.ConnectError:
            raise NoServer(
                f"no Athanor server answers at {self.address} (its lock file names process "
                f"{self.lock.pid})"
            ) from None
        except httpx.TimeoutException:
            raise ServerSilent(
                f"the server at {self.address} (process {self.lock.pid}) does not answer",
                remedy="Stop it with `athanor stop --force`, then start it again.",
            ) from None
        except httpx.TransportError as error:
            raise ServerSilent(
                f"the server at {self.address} broke off: {error}",
                remedy="It may have ended; `athanor status` tells, its log may say why.",
            ) from None
        except msgspec.DecodeError as error:
            raise ServerSilent(
                f"the server at {self.address} answered something else than expected: {error}",
                remedy=f"It is of version {self.lock.version}, this program of {__version__}; "
                "stop it and start it again.",
            ) from None


def _refusal(status: int, body: bytes) -> ServerRefused:
    try:
        detail = msgspec.json.decode(body, type=ErrorAnswer).error
    except msgspec.DecodeError:
        return ServerRefused(f"the server answered with status {status}", code="", status=status)
    message, remedy = detail.message, detail.remedy or ""
    if remedy:
        # The server's message ends with it, for applications that show nothing else.
        message = message.removesuffix(f" {remedy}").removesuffix(".")
    return ServerRefused(message, code=detail.code or detail.type, status=status, remedy=remedy)
