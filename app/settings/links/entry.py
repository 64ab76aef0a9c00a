"""Entry: what makes a system open `athanor://` links with this program. Pure.

Linux reads a desktop file and, for who is asked first, the list of defaults `mimeapps.list`;
Windows a key of the user's own classes. On macOS the bundle's Info.plist says it, and there is
nothing to write.
"""

import subprocess
from typing import Final, final

import msgspec

from app.settings.autostart.entry import Launch, desktop_text, desktop_word, tried

SCHEME: Final = "athanor"
MIME_TYPE: Final = f"x-scheme-handler/{SCHEME}"
DESKTOP_NAME: Final = "athanor-links.desktop"
CLASS_KEY: Final = rf"Software\Classes\{SCHEME}"
COMMAND_KEY: Final = rf"{CLASS_KEY}\shell\open\command"
_DEFAULTS: Final = "[Default Applications]"


@final
class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a Windows class of links is made of: values by key and name; "" is the default one."""

    values: tuple[tuple[str, str, str], ...]


def desktop_file(launch: Launch) -> str:
    """The desktop file; a file manager does not show it, since it opens nothing by itself."""
    command = " ".join(desktop_word(word) for word in launch.command)
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Name=Athanor",
        "Comment=Opens links to Athanor and invites to pools",
        tried(launch),
        f"Exec={command} %u",
        "Terminal=false",
        "NoDisplay=true",
        f"MimeType={MIME_TYPE};",
    ]
    if launch.folder:
        lines.insert(6, f"Path={desktop_text(launch.folder)}")
    return "\n".join(lines) + "\n"


def registration(launch: Launch) -> Registration:
    """The class of links; `%1` is the link, in quotation marks against blanks."""
    command_line = subprocess.list2cmdline(launch.command)
    return Registration(
        values=(
            (CLASS_KEY, "", "URL:Athanor"),
            (CLASS_KEY, "URL Protocol", ""),
            (COMMAND_KEY, "", f'{command_line} "%1"'),
        )
    )


def with_default(text: str) -> str:
    """`mimeapps.list` with our links opened by us; everything else in it stays as it is."""
    if has_default(text):
        return text
    entry = f"{MIME_TYPE}={DESKTOP_NAME}"
    lines = text.splitlines()
    try:
        lines.insert(lines.index(_DEFAULTS) + 1, entry)
    except ValueError:
        lines += [*([""] if lines else []), _DEFAULTS, entry]
    return "\n".join(lines) + "\n"


def without_default(text: str) -> str:
    """`mimeapps.list` without our entry; another program's handler of our links stays."""
    kept = [line for line in text.splitlines() if line.strip() != f"{MIME_TYPE}={DESKTOP_NAME}"]
    if kept and kept[-1] == _DEFAULTS:
        # A section that we began and that nobody else has used.
        del kept[-1]
        while kept and not kept[-1].strip():
            del kept[-1]
    return "\n".join(kept) + "\n" if kept else ""


def has_default(text: str) -> bool:
    """Whether the list gives our links to us."""
    return f"{MIME_TYPE}={DESKTOP_NAME}" in (line.strip() for line in text.splitlines())
