"""Bus: one question to a D-Bus service and its answer, for Linux desktops.

As much of D-Bus as that takes: the EXTERNAL handshake, method calls whose arguments are strings,
and answers of one basic value or a variant of one. The whole of dbus-fast would cost the server 12
MB of RAM for it. Blocking, with a limit on every wait: called in worker threads.

Source: D-Bus specification 0.43, "Message protocol", "Type system", "Authentication protocol".
"""

import os
import socket
import struct
from collections.abc import Mapping
from typing import Final, final
from urllib.parse import unquote

SYSTEM_ADDRESS: Final = "unix:path=/run/dbus/system_bus_socket"
WAIT_SECONDS_MAX: Final = 1.0
"""Local services answer in milliseconds; one that is started for the question takes longer."""

_MESSAGE_BYTES_MAX: Final = 1 << 20
_CALL, _RETURN, _ERROR = 1, 2, 3
_NO_AUTO_START: Final = 2
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = (
    *(1, 2, 3, 4, 5),
    *(6, 8),
)
_FIXED: Final[Mapping[str, tuple[str, int]]] = {
    "y": ("<B", 1),
    "b": ("<I", 4),
    "n": ("<h", 2),
    "q": ("<H", 2),
    "i": ("<i", 4),
    "u": ("<I", 4),
    "x": ("<q", 8),
    "t": ("<Q", 8),
    "d": ("<d", 8),
}

Value = bool | int | float | str


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
        try:
            if self._socket is None:
                self._open()
            return self._ask(service, path, method, arguments)
        except (OSError, struct.error, UnicodeDecodeError, IndexError, KeyError) as error:
            self.close()
            raise BusFailed(str(error) or type(error).__name__) from None

    def get(self, service: str, path: str, interface: str, name: str) -> Value:
        """A property. Raises: BusFailed."""
        return self.ask(service, path, "org.freedesktop.DBus.Properties.Get", interface, name)

    def close(self) -> None:
        """Let the bus go; the next question opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._unread = None, b""

    # --- the connection ---

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
            connection.sendall(b"BEGIN\r\n")
        except BaseException:
            connection.close()
            raise
        self._socket = connection
        bus = "org.freedesktop.DBus"
        self._ask(bus, "/org/freedesktop/DBus", f"{bus}.Hello", ())

    def _ask(self, service: str, path: str, method: str, arguments: tuple[str, ...]) -> Value:
        assert self._socket is not None
        self._serial += 1
        self._socket.sendall(_call(self._serial, service, path, method, arguments))
        while True:
            kind, fields, body = self._message()
            if fields.get(_REPLY_SERIAL) != self._serial:
                continue  # a signal, or an answer that came too late
            if kind == _ERROR:
                raise BusFailed(str(fields.get(_ERROR_NAME)))
            signature = str(fields.get(_SIGNATURE, ""))
            return _Reader(body).value(signature[:1]) if signature else ""

    def _message(self) -> tuple[int, dict[int, Value], bytes]:
        head = self._take(16)
        if head[:1] != b"l":
            raise BusFailed("the bus speaks another byte order")
        kind = head[1]
        body_bytes, _, fields_bytes = struct.unpack("<III", head[4:])
        padded = -(-fields_bytes // 8) * 8
        if body_bytes + padded > _MESSAGE_BYTES_MAX:
            raise BusFailed("the answer is too long")
        reader = _Reader(self._take(padded))
        fields: dict[int, Value] = {}
        while reader.at < fields_bytes:
            reader.align(8)
            code = reader.value("y")
            fields[int(code)] = reader.value("v")
        return kind, fields, self._take(body_bytes)

    def _take(self, count: int) -> bytes:
        assert self._socket is not None
        while len(self._unread) < count:
            data = self._socket.recv(65_536)
            if not data:
                raise BusFailed("the bus closed the connection")
            self._unread += data
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken


def _call(serial: int, service: str, path: str, method: str, arguments: tuple[str, ...]) -> bytes:
    interface, _, member = method.rpartition(".")
    body = b""
    for argument in arguments:
        body = _aligned(body, 4) + _text(argument)
    fields = b""
    for code, kind, text in (
        (_PATH, "o", path),
        (_INTERFACE, "s", interface),
        (_MEMBER, "s", member),
        (_DESTINATION, "s", service),
    ):
        fields = _aligned(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0" + _text(text)
    if arguments:
        signature = b"s" * len(arguments)
        fields = _aligned(fields, 8) + bytes([_SIGNATURE, 1]) + b"g\0"
        fields += bytes([len(signature)]) + signature + b"\0"
    head = struct.pack("<cBBBIII", b"l", _CALL, _NO_AUTO_START, 1, len(body), serial, len(fields))
    return _aligned(head + fields, 8) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _aligned(data: bytes, boundary: int) -> bytes:
    return data + b"\0" * (-len(data) % boundary)


class _Reader:
    """Values one after the other, each at its alignment."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def align(self, boundary: int) -> None:
        self.at += -self.at % boundary

    def value(self, kind: str) -> Value:
        """The next value. Raises: KeyError for a kind that is not basic."""
        if kind == "v":
            length = self._data[self.at]
            inner = self._data[self.at + 1 : self.at + 1 + length].decode()
            self.at += length + 2
            return self.value(inner)
        if kind in "so":
            self.align(4)
            (length,) = struct.unpack_from("<I", self._data, self.at)
            return self._text(4, length)
        if kind == "g":
            return self._text(1, self._data[self.at])
        form, size = _FIXED[kind]
        self.align(size)
        (value,) = struct.unpack_from(form, self._data, self.at)
        self.at += size
        number: int | float = value
        return bool(number) if kind == "b" else number

    def _text(self, prefix: int, length: int) -> str:
        begin = self.at + prefix
        text = self._data[begin : begin + length].decode()
        self.at = begin + length + 1
        return text
