"""Edits of the settings file."""

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.base.errors import SettingsInvalid
from app.core.sharing.hours import PATTERN as HOURS_PATTERN
from app.settings.fields import FIELDS, Field, Value
from app.settings.load import load_settings
from app.settings.save import save_settings, toml_of, with_value

FILE = """# my settings
[server]  # where
port = 8000  # the neighbour has 7117
log_level = "debug"

# models follow
[models]
folders = [
    "/a",  # first
    "/b",
]

[unknown]
part = { a = 1 }
"""


def _values(field: Field) -> st.SearchStrategy[Value]:
    if field.words:
        return st.sampled_from(field.words)
    if field.path == "sharing.hours":
        return st.lists(st.from_regex(HOURS_PATTERN, fullmatch=True)).map(tuple)
    if field.item is str:
        return st.lists(st.text(st.characters(exclude_categories=["Cs"]))).map(tuple)
    if field.item is float:
        return st.lists(st.floats(0, 1e6)).map(tuple)
    if field.base is bool:
        return st.booleans()
    if field.meta.pattern is not None:
        return st.from_regex(field.meta.pattern, fullmatch=True).map(lambda text: text.rstrip("\n"))
    if field.base is str:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=field.meta.max_length)
    assert field.meta.ge is not None and field.meta.le is not None
    if field.base is int:
        return st.integers(int(field.meta.ge), int(field.meta.le))
    return st.floats(field.meta.ge, field.meta.le)


CHANGES = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda path: st.tuples(st.just(path), st.none() | _values(FIELDS[path]))
)
STARTS = (
    "",
    FILE,
    FILE.replace("\n", "\r\n"),
    FILE.rstrip("\n"),
    "server = { port = 1, host = 'x' } # inline\nmodels.default = 'a'",
    "server.port = 1\n\n# c\nserver . 'host' = 'y'\n[engine]",
    "[server.sub]\na = 1\n[models]\n# empty\n",
    'a = """\n[server]\nport = 1\n"""\n["server"]\n"port" = 2\n\n[engine]\ncontext = 1',
)


@given(st.sampled_from(STARTS), st.lists(CHANGES, max_size=6))
def test_edits_change_what_they_name_and_nothing_else(
    text: str, changes: list[tuple[str, Value | None]]
) -> None:
    meant = tomllib.loads(text)
    for path, value in changes:
        section, _, name = path.partition(".")
        meant.setdefault(section, {}).pop(name, None)
        if value is not None:
            meant[section][name] = list(value) if isinstance(value, tuple) else value

        text = with_value(text, path, value)

    found = tomllib.loads(text)
    sections = {path.partition(".")[0] for path, _ in changes}
    assert {s: {} for s in sections} | found == {s: {} for s in sections} | meant


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none()).map(sorted), st.data())
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("settings") / "config.toml"
    changes = {path: data.draw(_values(FIELDS[path])) for path in paths}

    save_settings(file, changes)

    settings = load_settings(file, {}, {}).settings
    for path, value in changes.items():
        section, _, name = path.partition(".")
        assert getattr(getattr(settings, section), name) == value


def test_comments_order_and_unknown_parts_stay_byte_for_byte() -> None:
    text = with_value(FILE, "server.port", 9000)
    text = with_value(text, "server.host", "::1")
    text = with_value(text, "models.folders", ("/c",))
    text = with_value(text, "engine.threads", 3)

    assert text == (
        "# my settings\n[server]  # where\nport = 9000  # the neighbour has 7117\n"
        'log_level = "debug"\nhost = "::1"\n\n# models follow\n[models]\nfolders = ["/c"]\n\n'
        "[unknown]\npart = { a = 1 }\n\n[engine]\nthreads = 3\n"
    )


def test_taking_a_setting_out_takes_its_lines_out() -> None:
    text = with_value(with_value(FILE, "models.folders", None), "server.port", None)

    assert text == (
        '# my settings\n[server]  # where\nlog_level = "debug"\n\n# models follow\n[models]\n\n'
        "[unknown]\npart = { a = 1 }\n"
    )


def test_a_file_with_windows_line_ends_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"[server]\r\nport = 1\r\n")

    save_settings(file, {"server.host": "::1", "engine.threads": 2})

    assert file.read_bytes() == (
        b'[server]\r\nport = 1\r\nhost = "::1"\r\n\r\n[engine]\r\nthreads = 2\r\n'
    )


def test_a_wrong_file_is_not_touched_unless_the_edit_puts_it_right(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[server]\nport = -1\n")

    with pytest.raises(SettingsInvalid, match=r"line 2: server\.port is -1"):
        save_settings(file, {"engine.threads": 2})
    assert file.read_text() == "[server]\nport = -1\n"

    save_settings(file, {"server.port": 80})
    assert load_settings(file, {}, {}).settings.server.port == 80


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_a_new_file_is_its_users_alone_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    new, old = tmp_path / "new" / "config.toml", tmp_path / "config.toml"
    old.write_text("")
    old.chmod(0o644)

    for file in (new, old):
        save_settings(file, {"server.port": 80})

    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert stat.S_IMODE(old.stat().st_mode) == 0o644
    assert [path.name for path in new.parent.iterdir()] == ["config.toml"]


def test_a_settings_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text("")
    link.symlink_to(real)

    save_settings(link, {"server.port": 80})

    assert link.is_symlink()
    assert tomllib.loads(real.read_text()) == {"server": {"port": 80}}


def test_a_file_that_cannot_be_written_is_told_with_its_reason(tmp_path: Path) -> None:
    # Its own name fits the file system, that of what is to take its place does not.
    file = tmp_path / ("c" * 250)

    with pytest.raises(SettingsInvalid, match=r"c cannot be written: \w+") as refused:
        save_settings(file, {"server.port": 80})

    assert "room" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "value",
    ["", 'q"\\\n\t\x7f\x00\x1f é 🙂', 1, -1, 0.1, 1e22, True, ["a", 1.5], {"k k": {"x": []}}],
)
def test_a_value_written_as_toml_is_read_back(value: object) -> None:
    assert tomllib.loads(f"v = {toml_of(value)}") == {"v": value}
