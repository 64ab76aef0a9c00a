"""RunValues: the programs that Windows starts at login, in the user's own part of the registry.

Not yet run on a real Windows: the machines of this project's tests are Linux, where a dict stands
for the registry.
"""

import sys
from typing import Final, Protocol, final

RUN_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
"""Where the Task Manager writes that the user switched one off: an odd first byte."""


class Registry(Protocol):
    """What is done there; the tests' one is a dict."""

    def has(self, name: str) -> bool:
        """Whether a value of that name is there, switched off or not."""

    def is_on(self, name: str) -> bool:
        """Whether a value of that name is there and not switched off."""

    def put(self, name: str, command_line: str) -> None:
        """Write the value, and take back that it was switched off. Raises: OSError."""

    def remove(self, name: str) -> None:
        """Delete the value and what the Task Manager wrote of it. Raises: OSError."""


@final
class RunValues:
    """The registry of this user."""

    def has(self, name: str) -> bool:
        """See Registry."""
        return _read(RUN_KEY, name) is not None

    def is_on(self, name: str) -> bool:
        """See Registry."""
        return self.has(name) and not is_switched_off(_read(APPROVED_KEY, name))

    def put(self, name: str, command_line: str) -> None:
        """See Registry."""
        if sys.platform == "win32":
            import winreg  # noqa: PLC0415  # on Windows alone

            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
                winreg.SetValueEx(key, name, 0, winreg.REG_SZ, command_line)
            _delete(APPROVED_KEY, name)

    def remove(self, name: str) -> None:
        """See Registry."""
        _delete(RUN_KEY, name)
        _delete(APPROVED_KEY, name)


def is_switched_off(approval: object) -> bool:
    """Whether the Task Manager's note says so; no note means no."""
    return isinstance(approval, bytes) and bool(approval) and approval[0] % 2 == 1


def _read(path: str, name: str) -> object:
    if sys.platform != "win32":
        return None
    import winreg  # noqa: PLC0415  # on Windows alone

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:
            value: object = winreg.QueryValueEx(key, name)[0]
            return value
    except FileNotFoundError:
        return None


def _delete(path: str, name: str) -> None:
    if sys.platform != "win32":
        return
    import contextlib  # noqa: PLC0415  # on Windows alone
    import winreg  # noqa: PLC0415  # on Windows alone

    with (
        contextlib.suppress(FileNotFoundError),
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, path, 0, winreg.KEY_SET_VALUE) as key,
    ):
        winreg.DeleteValue(key, name)
