"""Bus: one question to a D-Bus service and its answer, and the signals of one, for Linux desktops.

As much of D-Bus as that takes: the EXTERNAL handshake, method calls whose arguments are strings,
answers of one basic value, a variant of one or an open file, and signals of one value. The whole of
dbus-fast would cost the server 12 MB of RAM for it. Blocking, with a limit on every wait but that
for a signal: called in worker threads.

Source: D-Bus specification 0.43, "Authentication protocol", "Message bus messages".
"""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, final
from urllib.parse import unquote

from app.server.hardware.surroundings.frames import (
    ERROR,
    ERROR_NAME,
    INTERFACE,
    MEMBER,
    REPLY_SERIAL,
    SENDER,
    SIGNAL,
    SIGNATURE,
    Reader,
    Value,
    call_frame,
)

SYSTEM_ADDRESS: Final = "unix:path=/run/dbus/system_bus_socket"
WAIT_SECONDS_MAX: Final = 1.0
"""Local services answer in milliseconds; one that is started for the question takes longer."""

_BUS: Final = "org.freedesktop.DBus"
_BUS_PATH: Final = "/org/freedesktop/DBus"
_MESSAGE_BYTES_MAX: Final = 1 << 20
_FILES_MAX: Final = 4
"""Open files that one message may bring; a service that sends more is none of ours."""


@final
class Signal(NamedTuple):
    """What a service says unasked."""

    name: str
    """`interface.Member`."""
    value: Value
    """Its first one."""
    sender: str
    """The connection that says it, such as `:1.7`: anybody may say anything to anybody."""


class BusFailed(Exception):
    """No bus, no such service, or an answer that is none; the message says which."""


@final
class Bus:
    """A connection, opened at the first question and again after a failure."""

    def __init__(self, address: str, *, wait_seconds_max: float = WAIT_SECONDS_MAX) -> None:
        self._address = address
        self._wait = wait_seconds_max
        self._socket: socket.socket | None = None
        self._serial = 0
        self._unread = b""
        self._files: list[int] = []
        self.own_name = ""
        """What the bus calls this connection, such as `:1.7`."""

    @classmethod
    def system(cls) -> "Bus":
        """The bus of the machine's services."""
        return cls(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_ADDRESS)

    @classmethod
    def session(cls) -> "Bus":
        """The bus of the user's desktop."""
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        usual = f"unix:path={runtime}/bus" if runtime else ""
        return cls(os.environ.get("DBUS_SESSION_BUS_ADDRESS") or usual)

    def ask(self, service: str, path: str, method: str, *arguments: str) -> Value:
        """The first value of the answer. `method` is `interface.Member`. Raises: BusFailed."""
        with self._failures_told():
            return self._ask(service, path, method, arguments)

    def take_file(self, service: str, path: str, method: str, *arguments: str) -> int:
        """The open file of the answer, which the caller closes. Raises: BusFailed."""
        with self._failures_told():
            index = self._ask(service, path, method, arguments)
            taken, self._files = self._files, []
            if not isinstance(index, int) or not 0 <= index < len(taken):
                _close(taken)
                raise BusFailed("the answer brings no file")
            _close([file for at, file in enumerate(taken) if at != index])
            return taken[index]

    def hear(self, rule: str) -> None:
        """From now on signals that match the rule come here. Raises: BusFailed."""
        self.ask(_BUS, _BUS_PATH, f"{_BUS}.AddMatch", rule)

    def owner_of(self, name: str) -> str:
        """The connection that has a service's name now. Raises: BusFailed."""
        return str(self.ask(_BUS, _BUS_PATH, f"{_BUS}.GetNameOwner", name))

    def fileno(self) -> int:
        """To be waited for; readable when `next_signal` has something to read. -1: it is closed."""
        return -1 if self._socket is None else self._socket.fileno()

    def next_signal(self) -> Signal | None:
        """The message that has come, if it is a signal; waits no longer than for an answer.

        Called when `fileno` is readable, on a connection that asks nothing meanwhile: an answer
        that is waited for would skip signals. Raises: BusFailed.
        """
        with self._failures_told():
            kind, fields, body = self._message()
            if kind != SIGNAL:
                return None
            signature = str(fields.get(SIGNATURE, ""))
            value = Reader(body).value(signature[:1]) if signature else ""
            name = f"{fields.get(INTERFACE)}.{fields.get(MEMBER)}"
            return Signal(name, value, str(fields.get(SENDER, "")))

    @property
    def has_unread(self) -> bool:
        """Bytes were read that belong to a further message."""
        return bool(self._unread)

    def get(self, service: str, path: str, interface: str, name: str) -> Value:
        """A property. Raises: BusFailed."""
        return self.ask(service, path, "org.freedesktop.DBus.Properties.Get", interface, name)

    def close(self) -> None:
        """Let the bus go; the next question opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._unread = None, b""
            _close(self._files)
            self._files = []

    # --- the connection ---

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """An open connection inside; one that failed is closed, and the next question opens it."""
        try:
            if self._socket is None:
                self._open()
            yield
        except (OSError, struct.error, UnicodeDecodeError, IndexError, KeyError) as error:
            self.close()
            raise BusFailed(str(error) or type(error).__name__) from None

    def _open(self) -> None:
        for one in self._address.split(";"):
            kind, _, rest = one.partition(":")
            named = dict(pair.partition("=")[::2] for pair in rest.split(","))
            path = unquote(named.get("path", "")) or "\0" + unquote(named.get("abstract", ""))
            if kind == "unix" and path != "\0":
                break
        else:
            raise BusFailed("there is no bus")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._wait)
        try:
            connection.connect(path)
            connection.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode())
            connection.sendall(b"\r\n")
            answer = connection.recv(512)
            if not answer.startswith(b"OK "):
                raise BusFailed("the bus does not let us in")
            connection.sendall(b"NEGOTIATE_UNIX_FD\r\n")
            # A bus that passes no files says so, and answers everything else.
            connection.recv(512)
            connection.sendall(b"BEGIN\r\n")
        except BaseException:
            connection.close()
            raise
        self._socket = connection
        self.own_name = str(self._ask(_BUS, _BUS_PATH, f"{_BUS}.Hello", ()))

    def _ask(self, service: str, path: str, method: str, arguments: tuple[str, ...]) -> Value:
        assert self._socket is not None
        self._serial += 1
        self._socket.sendall(call_frame(self._serial, service, path, method, arguments))
        while True:
            kind, fields, body = self._message()
            if fields.get(REPLY_SERIAL) != self._serial:
                continue  # a signal, or an answer that came too late
            if kind == ERROR:
                raise BusFailed(str(fields.get(ERROR_NAME)))
            signature = str(fields.get(SIGNATURE, ""))
            return Reader(body).value(signature[:1]) if signature else ""

    def _message(self) -> tuple[int, dict[int, Value], bytes]:
        head = self._take(16)
        if head[:1] != b"l":
            raise BusFailed("the bus speaks another byte order")
        kind = head[1]
        body_bytes, _, fields_bytes = struct.unpack("<III", head[4:])
        padded = -(-fields_bytes // 8) * 8
        if body_bytes + padded > _MESSAGE_BYTES_MAX:
            raise BusFailed("the answer is too long")
        reader = Reader(self._take(padded))
        fields: dict[int, Value] = {}
        while reader.at < fields_bytes:
            reader.align(8)
            code = reader.value("y")
            fields[int(code)] = reader.value("v")
        return kind, fields, self._take(body_bytes)

    def _take(self, count: int) -> bytes:
        assert self._socket is not None
        while len(self._unread) < count:
            data, files, _, _ = socket.recv_fds(self._socket, 65_536, _FILES_MAX)
            self._files += files
            if not data:
                raise BusFailed("the bus closed the connection")
            self._unread += data
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken


def _close(files: Iterable[int]) -> None:
    for file in files:
        os.close(file)
