"""Under which terms crates are given on that are compiled into a package of the bundle."""

import pytest

import tests.packaging.installers.support  # noqa: F401  # makes packaging/bundle known

import crates  # isort: skip
from crates import Crate  # isort: skip

KNOWN = crates.Known(
    terms={"log": "MIT OR Apache-2.0", "nom": "MIT", "bare": "MIT", "odd": "GPL-3.0-only"},
    holders={"nom": ["2014 Geoffroy Couprie"], "pem": ["2016 Jonathan Creekmore"]},
    told_by={},
    not_named={},
)


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("MIT OR Apache-2.0", ["Apache-2.0"]),
        ("MIT/Apache-2.0", ["Apache-2.0"]),
        ("Unlicense OR MIT", ["MIT"]),
        ("Apache-2.0 OR GPL-2.0-only", ["Apache-2.0"]),
        ("Apache-2.0 WITH LLVM-exception", ["Apache-2.0 WITH LLVM-exception"]),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", ["Apache-2.0", "Unicode-3.0"]),
    ],
)
def test_of_several_terms_those_are_taken_that_ask_for_the_least(
    expression: str, taken: list[str]
) -> None:
    assert crates.chosen(expression) == taken


def test_each_text_stands_once_with_the_holders_who_want_to_be_named() -> None:
    inside = [
        Crate("nom", "7.1.3"), Crate("nom", "8.0.0"), Crate("pem", "4.0.0", "MIT"), Crate("log"),
    ]  # fmt: skip

    told = crates.statement(inside, KNOWN)

    assert told.splitlines()[:4] == [
        "log  MIT OR Apache-2.0, taken under Apache-2.0",
        "nom 7.1.3  MIT",
        "nom 8.0.0  MIT",
        "pem 4.0.0  MIT",
    ]
    assert told.count("Version 2.0, January 2004") == 1
    assert told.count("Permission is hereby granted") == 1
    assert told.count("nom: Copyright (c) 2014 Geoffroy Couprie\n") == 1
    assert told.index("pem: Copyright (c) 2016") < told.index("Permission is hereby granted")


@pytest.mark.parametrize(
    ("crate", "said"),
    [
        (Crate("new", "1.0.0"), r"new 1\.0\.0: neither a bill of materials nor"),
        (Crate("bare", "1.0.0"), r"bare 1\.0\.0: MIT wants its holders named"),
        (Crate("log", "1.0.0", "MIT"), "log .*MIT wants its holders named"),
        (Crate("odd"), "odd: none of its terms .*GPL-3"),
    ],
)
def test_a_crate_whose_terms_or_holders_nobody_knows_ends_the_build(
    crate: Crate, said: str
) -> None:
    with pytest.raises(crates.Unknown, match=said):
        crates.statement([crate, Crate("nom")], KNOWN)


def test_every_crate_of_the_list_has_a_text_and_every_holder_a_source() -> None:
    known = crates.known()
    listed = [Crate(name) for name in known.terms]

    told = crates.statement(listed, known)

    assert all(f"\n{name}  " in f"\n{told}" for name in known.terms)
    assert {name for names in known.not_named.values() for name in names} <= {*known.terms}
    assert set(known.holders) == set(known.told_by)
    assert all(crates.text_of(terms).strip() for terms in crates.PREFERRED)
