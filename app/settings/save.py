"""Save: edits of the settings file that touch nothing else.

Only the changed keys are written; comments, order, unknown parts and line ends stay as they are.
The new text is checked against what was meant before it replaces the old one, and it replaces it
whole: another process reads the old file or the new one, never half of one.

Rule: the only writer of the settings file.
"""

import contextlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path

from app.core.base.errors import SettingsInvalid
from app.settings.fields import FIELDS, Value
from app.settings.load import check_text, document_of, text_of_file
from app.settings.toml_text import Entry, Header, parts


def save_settings(config_file: Path, changes: Mapping[str, Value | None]) -> None:
    """Write the changed settings, by path; None takes a setting out of the file.

    A file with a wrong value may be put right by this. Raises: SettingsInvalid when the result
    would be wrong, or cannot be written; the file is as it was then.
    """
    text = text_of_file(config_file)
    document_of(config_file, text)
    for path, value in changes.items():
        assert path in FIELDS
        text = with_value(text, path, value)
    check_text(config_file, text)
    try:
        _replace(config_file, text)
    except OSError as error:
        raise SettingsInvalid(
            f"{config_file} cannot be written: {error.strerror}",
            remedy="Make room on its disk, or give your user the right to write there.",
        ) from error


def with_value(text: str, path: str, value: Value | None) -> str:
    """The valid TOML text with one setting changed, or taken out where `value` is None."""
    section, _, name = path.partition(".")
    changed = _without(text, section, name) if value is None else _with(text, section, name, value)
    meant = tomllib.loads(text)
    table = meant.setdefault(section, {})
    if value is None:
        table.pop(name, None)
    else:
        table[name] = list(value) if isinstance(value, tuple) else value
    found = tomllib.loads(changed)
    found.setdefault(section, {})
    assert found == meant, f"the edit of {path} changed more than {path}"
    return changed


def toml_of(value: object) -> str:
    """A value as TOML writes it, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(toml_of, value))}]"
        case dict():
            inner = ", ".join(
                f"{toml_of(str(key))} = {toml_of(item)}" for key, item in value.items()
            )
            return f"{{ {inner} }}" if inner else "{}"
        case datetime() | date() | time():
            return value.isoformat()
        case int() | float():
            return repr(value)
        case _:
            raise TypeError(f"not a value of TOML: {type(value).__name__}")


def _with(text: str, section: str, name: str, value: Value) -> str:
    key = (section, name)
    all_parts = parts(text)
    entries = [part for part in all_parts if isinstance(part, Entry)]
    inline = next((entry for entry in entries if entry.key == (section,)), None)
    if inline is not None:
        return _with_inline(text, inline, {name: value})
    old = next((entry for entry in entries if entry.key == key), None)
    if old is not None:
        return text[: old.value_start] + toml_of(value) + text[old.value_end :]

    line = f"{name} = {toml_of(value)}"
    header = next((p for p in all_parts if isinstance(p, Header) and p.key == (section,)), None)
    if header is not None:
        return _with_line(text, _last_of_table(all_parts, header), line)
    dotted = [entry for entry in entries if entry.key[0] == section and len(entry.key) > 1]
    if dotted and not any(isinstance(p, Header) and p.start < dotted[0].start for p in all_parts):
        # `section.name = ...` at the top: a header for the section would be a second definition.
        return _with_line(text, dotted[-1].value_end, f"{section}.{line}")
    end = _line_end(text)
    gap = "" if not text else end if text.endswith("\n") else 2 * end
    return f"{text}{gap}[{section}]{end}{line}{end}"


def _without(text: str, section: str, name: str) -> str:
    entries = [part for part in parts(text) if isinstance(part, Entry)]
    inline = next((entry for entry in entries if entry.key == (section,)), None)
    if inline is not None:
        return _with_inline(text, inline, {name: None})
    old = next((entry for entry in entries if entry.key == (section, name)), None)
    if old is None:
        return text
    start = text.rfind("\n", 0, old.start) + 1
    end = text.find("\n", old.value_end)
    return text[:start] + ("" if end < 0 else text[end + 1 :])


def _with_inline(text: str, inline: Entry, changes: Mapping[str, Value | None]) -> str:
    """An inline table has no comments and one line, so it is written anew."""
    source = text[inline.value_start : inline.value_end]
    table: dict[str, object] = tomllib.loads(f"table = {source}")["table"]
    table = {name: value for name, value in (table | dict(changes)).items() if value is not None}
    return text[: inline.value_start] + toml_of(table) + text[inline.value_end :]


def _last_of_table(all_parts: list[Header | Entry], header: Header) -> int:
    """Where the table's own last entry ends, or its header where it has none."""
    last = header.end
    for part in all_parts[all_parts.index(header) + 1 :]:
        if isinstance(part, Header):
            break
        last = max(last, part.value_end)
    return last


def _with_line(text: str, after: int, line: str) -> str:
    """The text with a line of its own after the one that the offset is on."""
    end = text.find("\n", after)
    if end < 0:
        return f"{text}{_line_end(text)}{line}{_line_end(text)}"
    return f"{text[: end + 1]}{line}{_line_end(text)}{text[end + 1 :]}"


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _replace(config_file: Path, text: str) -> None:
    # A settings file that is a link into a folder of dotfiles stays one.
    target = config_file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
