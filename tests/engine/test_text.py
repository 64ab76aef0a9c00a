"""UTF-8 is never split and stop strings never leak, however the text is cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.engine.text import StopScanner, Utf8


def pieces(data: st.DataObject, size: int) -> list[tuple[int, int]]:
    cuts = sorted(data.draw(st.sets(st.integers(0, size), max_size=8)) | {0, size})
    return list(itertools.pairwise(cuts))


@given(st.text(), st.data())
def test_bytes_in_any_pieces_give_the_whole_text(text: str, data: st.DataObject) -> None:
    whole = text.encode()
    decoder = Utf8()

    shown = [decoder.feed(whole[a:b]) for a, b in pieces(data, len(whole))]

    assert "".join(shown) + decoder.finish() == text
    assert not any("�" in piece for piece in shown if "�" not in text)


@given(st.binary(max_size=20), st.data())
def test_wrong_bytes_are_replaced_as_in_the_whole(whole: bytes, data: st.DataObject) -> None:
    decoder = Utf8()

    shown = "".join(decoder.feed(whole[a:b]) for a, b in pieces(data, len(whole)))

    assert shown + decoder.finish() == whole.decode(errors="replace")


@given(
    st.text("abc", max_size=30),
    st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
    st.data(),
)
def test_text_ends_before_the_first_stop_string(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    scanner = StopScanner(stops)
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]

    shown = "".join(scanner.feed(text[a:b]) for a, b in pieces(data, len(text)))
    shown += scanner.finish()

    if not ends:
        assert shown == text
        assert scanner.hit is None
    else:
        assert scanner.hit in stops
        assert text.startswith(shown + str(scanner.hit))
        assert not any(stop in shown for stop in stops)


@given(st.text("ab", max_size=12), st.lists(st.text("ab", min_size=1, max_size=3), max_size=2))
def test_letters_one_by_one_stop_where_the_first_stop_string_is_complete(
    text: str, stops: list[str]
) -> None:
    scanner = StopScanner(stops)

    seen = ""
    for letter in text:
        seen += letter
        scanner.feed(letter)
        expected = any(stop in seen for stop in stops)
        assert (scanner.hit is not None) == expected


def test_text_that_only_begins_like_a_stop_string_is_shown_at_the_end() -> None:
    scanner = StopScanner(["###"])

    assert scanner.feed("a##") == "a"
    assert scanner.finish() == "##"
