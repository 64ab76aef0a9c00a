"""Laws of the support file: what a helper needs is in it, and nothing of its owner.

Canaries are planted wherever a name, a key or a word of somebody could stand.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.doctor.blanking import Blanking
from app.cli.doctor.vocabulary import vocabulary
from tests.sdist import ROOT
from tests.support.node import RunningNode, put_toy, running_node

CANARY = "kanarie77vogel"
WORDS = vocabulary()
LINE = "2026-11-22T03:19:03.433Z info app.server.node.link request ended"


def athanor(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ATHANOR_HOME": str(home), **environment},
    )


def planted_home(folder: Path) -> Path:
    """A home whose owner, folders, models, settings and logs are all canaries."""
    home = folder / f"{CANARY}-home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[server]\nport = 0\nallowed_hosts = ["{CANARY}.example"]\nlog_level = "debug"\n'
        f'[models]\nfolders = ["/srv/{CANARY}"]\ndefault = "{CANARY}:q4"\n'
        f'[pool]\nelectricity_currency = "{CANARY[:8]}"\n'
    )
    logs = home / "logs"
    logs.mkdir()
    for name in ("server.log", "tray.log", "pool.log"):
        (logs / name).write_text(
            f"{LINE} model={CANARY} tokens=12\n"
            f"{LINE} file='{CANARY} two words' reason='no room for {CANARY}'\n"
            f"{LINE}: athanor://join/{CANARY.upper()} Bearer sk-{CANARY} 10.1.2.3 fe80::1\n"
            f'  File "/home/{CANARY}/athanor/app/server/node/link.py", line 12, in run\n'
            f"    raise ValueError('{CANARY}')\n"
            f"ValueError: {CANARY} at C:\\Users\\{CANARY}\\x\n"
            f"{LINE} method=GET route=/v1/models/{{model}} ms=7\n"
            f"{LINE} method={CANARY} route=/v1/{CANARY}\n"
        )
    return home


def content_of(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as packed:
        assert not packed.comment
        return {name: packed.read(name).decode() for name in packed.namelist()}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    return planted_home(tmp_path)


def secrets_of(node: RunningNode) -> list[str]:
    """What the running node knows and nobody may see."""
    made = json.loads(athanor(node.home, "keys", "add", CANARY, "--json").stdout)
    return [CANARY, CANARY.upper(), CANARY[:8], node.token, made["secret"]]


@pytest.mark.slow
def test_the_support_file_tells_a_helper_everything_but_names_keys_and_words(
    planted: Path, tmp_path: Path
) -> None:
    toy = put_toy(planted, f"{CANARY}-model")
    target = tmp_path / "support.zip"
    with running_node(planted, "--model", str(toy)) as node:
        secrets = secrets_of(node)
        client = openai.OpenAI(base_url=node.base_url, api_key="none", timeout=60)
        asked = [{"role": "user", "content": f"my name is {CANARY}"}]
        client.chat.completions.create(model=f"{CANARY}-model", messages=asked)  # type: ignore[arg-type]

        answer = athanor(planted, "doctor", "--bundle", str(target), "--json")

    documents = content_of(target)
    assert json.loads(answer.stdout)["support_file"] == str(target)
    for secret in [*secrets, os.uname().nodename, "10.1.2.3", "fe80", str(tmp_path)]:
        found = [name for name, text in documents.items() if secret in text or secret in name]
        assert not found, (secret, [documents[name] for name in found])
    assert (planted / "data" / "athanor.db").is_file(), "the canaries are where it looked"
    assert target.stat().st_mode & 0o077 == 0
    check_that_it_helps(documents)


def check_that_it_helps(documents: dict[str, str]) -> None:
    settings = json.loads(documents["settings.json"])
    assert settings["server.port"] == {"from": "file", "is": 0}
    assert settings["server.log_level"]["is"] == "debug"
    assert settings["models.default"]["is"] == f"a text of {len(CANARY) + 3} characters"
    assert json.loads(documents["about.json"])["athanor"]
    assert json.loads(documents["state.json"])["status"] == "serving"
    assert json.loads(documents["files.json"])["has_format_number"]
    log = documents["logs/tray.log"].splitlines()
    assert re.fullmatch(re.escape(LINE) + r" model=<\d+> tokens=12", log[0])
    assert "reason='no room for <" in log[1]
    assert log[3] == '  File "app/server/node/link.py", line 12, in run'
    assert re.fullmatch(re.escape(LINE) + r" method=GET route=/v1/models/\{model\} ms=7", log[6])
    doctor = documents["doctor.txt"]
    assert "backends" in doctor
    assert "built without its publisher's keys" in doctor
    assert "Get new versions where you got this one." in doctor, "remedies help who helps"
    (device, *_) = json.loads(documents["state.json"])["devices"]
    assert f"({device['description']})" in doctor, "hardware has its name wherever it stands"


def test_it_is_made_of_settings_that_cannot_be_read_too_and_where_one_stands(
    planted: Path, tmp_path: Path
) -> None:
    (planted / "config.toml").write_text(f"[server]\nport = '{CANARY}'\n")
    here = tmp_path / "here"
    here.mkdir()

    subprocess.run(
        [sys.executable, "-m", "app", "doctor", "--bundle"],
        capture_output=True,
        check=False,
        cwd=here,
        env={**os.environ, "ATHANOR_HOME": str(planted), "PYTHONPATH": str(ROOT)},
    )

    (made,) = here.iterdir()
    assert re.fullmatch(r"athanor-support-\d{8}-\d{6}\.zip", made.name)
    assert not [name for name, text in content_of(made).items() if CANARY in text]


STRANGE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=4, max_size=40
).filter(
    lambda text: (
        re.search(r"[^\W\d_]\d|\d[^\W\d_]{5}", text) is not None
        and not re.fullmatch(r"\W*[-+]?[\d.]+[a-zA-Z%]{0,4}\W*", text)
    )
)


@given(
    STRANGE,
    st.sampled_from(
        [
            *("{}", "the model {} is loaded", "reason={}", "model={}", "why='no {} here'", "({})"),
            *("{}:", "route=/{}", "method={}", "{}'s keys", "`{}`", "Some GPU {}"),
        ]
    ),
)
def test_a_word_that_is_not_the_programs_own_never_comes_through(strange: str, form: str) -> None:
    blanking = Blanking(WORDS, ["Some GPU"])

    for line in (form.format(strange), f"{LINE} {form.format(strange)}"):
        parts = [
            part
            for part in re.split(r"[\W_]+", strange)
            if re.search(r"[a-zA-Z]\d|\d[a-zA-Z]{5}", part)
        ]
        shown = blanking.line(line)
        assert all(part not in shown for part in parts), shown


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.20", "fe80::1", "ada@example.org", "http://127.0.0.1:7117/v1", "/srv/ada",
        "C:\\Users\\ada", "sk-ath-0123456789abcdef", "0123456789abcdef0123456789abcdef",
        "qwen3-8b:q8_0",
    ],
)  # fmt: skip
def test_addresses_paths_keys_and_models_are_marks(text: str) -> None:
    assert re.fullmatch(r"<\d+>", Blanking(WORDS).text(text))


def test_a_folder_that_is_called_as_ours_is_shows_nothing_of_what_is_in_it() -> None:
    blanking = Blanking(WORDS)

    theirs = blanking.line('  File "/srv/app/kunde7x/lager.py", line 3, in run')
    ours = blanking.line('  File "/srv/app/kunde7x/app/server/node/link.py", line 3, in run')

    assert re.fullmatch(r'  File "<\d+>", line 3, in run', theirs)
    assert ours == '  File "app/server/node/link.py", line 3, in run'


@pytest.mark.parametrize(
    "line",
    [
        "request answered method=POST route=/v1/chat/completions status=400 ms=3",
        "request answered method=GET route=/local/events/{page:str} status=404 ms=0",
        "request answered method=GET route=/ status=200 ms=1",
    ],
)
def test_what_was_asked_for_is_told_by_its_route(line: str) -> None:
    shown = Blanking(WORDS).line(f"{LINE.rpartition(' request')[0]} {line}")

    assert shown.endswith(line)


@pytest.mark.parametrize(
    "line", ["route=/srv/kunde7x", "route=/v1/kunde7x", "route=kunde7x", "method=KUNDE7X"]
)
def test_what_only_stands_where_a_route_does_is_a_mark(line: str) -> None:
    assert re.fullmatch(r"\w+=<\d+>", Blanking(WORDS).text(line))


def test_hardware_is_called_what_it_is_called_and_nothing_beside_it_is() -> None:
    blanking = Blanking(WORDS, ["Some(R) GPU 7x", "x86_64"])

    for text in ("CPU (Some(R) GPU 7x): 3 GiB free", "device=Some(R) GPU 7x", "Linux x86_64, 2"):
        assert blanking.text(text) == text
    for text in ("/srv/x86_64/kunde7x", "Some(R) GPU 7xkunde", "x86_64-kunde"):
        assert "kunde" not in blanking.text(text)


def test_one_name_has_one_mark_and_another_has_another() -> None:
    blanking = Blanking(WORDS)

    first, other, again = (blanking.text(f"model={name}") for name in ("qwen3", "llama9", "qwen3"))

    assert first == again != other


def test_sentences_and_numbers_of_the_program_stay_as_they_are() -> None:
    for text in (
        "stopping requests=0 grace=10.0",
        "request ended outcome=completed prompt=15 first_token_ms=4435",
        "the computer is about to sleep",
        "giving memory back reasons='exclusive game'",
        "507 GB are free, 12 %",
    ):
        shown = Blanking(WORDS | {"exclusive", "game"}).text(text)
        assert "<" not in shown, shown
