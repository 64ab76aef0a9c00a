"""The finder of keys, against tomllib as the oracle."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.toml_text import Entry, Header, line_of, parts

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True)
QUOTED = st.sampled_from(
    ['"a.b"', "'c]d'", '"x = 1"', '"#"', '"e\\"f"', "'g\\'", '"\\u00e9"', '""']
)
VALUES = st.recursive(
    st.sampled_from(
        [
            *("1", "-2", "0x1f", "1_000", "1.5e3", "true", "1979-05-27 07:32:00Z", "07:32:00"),
            *('""', "''", '"[server]"', '"# no"', '"a\\"b\\\\"', "'a\\'", '"port = 3"'),
            *('"""a\n[server]\nport = 1 # no\n"""', "'''\n[x]\n'''", '"""a"b""c\\"""""""'),
            *('""""q""""', "''''q''''", '"""\\\n  x"""'),
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(inner, max_size=3).map(
            lambda items: "[ # ]\n" + "".join(f"  {item}, # [a]\n" for item in items) + "]"
        ),
        st.lists(st.tuples(BARE | QUOTED, inner), max_size=3, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{ " + ", ".join(f"{key} = {item}" for key, item in pairs) + " }"
        ),
    ),
    max_leaves=6,
)
KEYS = st.lists(BARE | QUOTED, min_size=1, max_size=3).map(" . ".join)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]} # [b]"),
    st.tuples(KEYS, VALUES).map(lambda pair: f"\t{pair[0]}={pair[1]}"),
    KEYS.map(lambda key: f"[{key}]"),
    KEYS.map(lambda key: f"[[ {key} ]] # c = 1"),
    st.sampled_from(["", "# d = 1", "   "]),
)


def _document(lines: list[str], line_end: str) -> str:
    """The lines that tomllib accepts one after the other; most random ones clash with another."""
    kept: list[str] = []
    for line in lines:
        try:
            tomllib.loads("\n".join([*kept, line]))
        except tomllib.TOMLDecodeError:
            continue
        kept.append(line)
    return "\n".join(kept).replace("\n", line_end)


def _at(document: object, key: tuple[str, ...]) -> list[object]:
    """What stands under the key; several things where arrays of tables are on the way."""
    if not key:
        return [document]
    if isinstance(document, list):
        return [value for item in document for value in _at(item, key)]
    if isinstance(document, dict) and key[0] in document:
        return _at(document[key[0]], key[1:])
    return []


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n"]))
def test_every_entry_stands_where_tomllib_finds_its_value(
    lines: list[str], line_end: str, last: str
) -> None:
    text = _document(lines, line_end) + last
    document = tomllib.loads(text)

    found = parts(text)

    for part in found:
        assert part.key[0] in document
        if isinstance(part, Entry):
            value = tomllib.loads(f"v = {text[part.value_start : part.value_end]}")["v"]
            assert value in _at(document, part.key)
        else:
            assert text[part.start : part.end].startswith("[")
            assert text[part.start : part.end].endswith("]")
    assert {part.key[0] for part in found} == set(document)


def test_lines_are_counted_from_one_over_strings_and_arrays_of_many_lines() -> None:
    text = 'a = """\nport = 1\n"""\nb = [\n 1,\n]\n[server]\nport = 2\n'

    found = {part.key: line_of(text, part.start) for part in parts(text)}

    assert found == {("a",): 1, ("b",): 4, ("server",): 7, ("server", "port"): 8}


def test_entries_of_an_inline_table_have_the_key_of_their_table() -> None:
    found = parts("server = { port = 1, 'host' = \"x\" }")

    assert [part.key for part in found] == [("server",), ("server", "port"), ("server", "host")]
    assert [isinstance(part, Entry) and part.is_inline for part in found] == [False, True, True]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "   \t", "#", "\r\n"])
def test_a_text_without_keys_has_no_parts(text: str) -> None:
    assert parts(text) == []


def test_a_header_ends_after_its_brackets() -> None:
    text = "[[ a . 'b]' ]] # c"

    (header,) = parts(text)

    assert isinstance(header, Header)
    assert header.key == ("a", "b]")
    assert text[header.start : header.end] == "[[ a . 'b]' ]]"
