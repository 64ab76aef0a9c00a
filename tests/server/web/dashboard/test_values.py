"""Laws of what pages show, as plain functions: apps, settings, bars, links, recommendations."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from app.core.base.ids import ModelName, RequestId
from app.server.node.recent import Done
from app.server.web.dashboard.apps import APPS, Reach
from app.server.web.dashboard.catalogue import in_order, quick_parameters, recommended
from app.server.web.dashboard.drawing import billions, count, draw, milliseconds, prose
from app.server.web.dashboard.links import CODE_SECONDS, CODES_MAX, Links
from app.server.web.dashboard.requests import row_of
from app.server.web.dashboard.settings import changes_of, label_of, typed_of
from app.settings.fields import FIELDS
from app.settings.load import load_settings
from app.wire.library import HashingPicture, LibraryModel, LibraryPicture
from app.wire.remote import CatalogueModel, FitPicture, VariantPicture

HOSTILE = 'it\'s "x"; $(rm -rf /) `id` \\ </pre><b>'
REACH = Reach(base="http://127.0.0.1:7117/v1", model=HOSTILE, key="k", context=8192)


def done(**times: float) -> Done:
    return Done(
        request=RequestId("r"), model=ModelName("m"), arrived_at=0.0, outcome="completed",
        prompt_tokens=1, cached_tokens=0, completion_tokens=1, **times,
    )  # fmt: skip


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_an_apps_settings_name_address_and_model(app) -> None:
    reach = Reach(base=REACH.base, model="qwen3", key="secret-key", context=8192)
    text = "\n".join(each.text for each in app.snippets(reach))

    assert REACH.base in text
    assert "qwen3" in text or app.name == "open-webui"  # which lists models by itself
    assert "secret-key" in text


def test_a_container_that_is_to_call_loopback_shares_this_machines_network() -> None:
    app = next(each for each in APPS if each.name == "open-webui")
    inside = Reach(base="http://host.docker.internal:7117/v1", model="m", key="k", context=1)

    assert "--network=host" in app.snippets(REACH)[-1].text
    assert "--network=host" not in app.snippets(inside)[-1].text
    assert "--add-host=host.docker.internal:host-gateway" in app.snippets(inside)[-1].text


def test_a_models_name_cannot_break_out_of_a_program() -> None:
    for app in APPS:
        for each in app.snippets(REACH):
            if "In your program" in each.place and "import OpenAI" not in each.text:
                compile(each.text, app.name, "exec")
            if each.place.startswith("settings.json"):
                json.loads(each.text)
            if each.text.startswith("curl"):
                words = shlex.split(each.text)
                assert json.loads(words[-1])["model"] == HOSTILE


def test_a_bar_is_as_long_as_its_time_and_its_parts_fill_it() -> None:
    row = row_of(done(total_ms=500.0, load_ms=100.0, decode_ms=300.0), 1000.0)

    assert [part.kind for part in row.segments] == ["load", "decode", "rest"]
    assert [part.width for part in row.segments] == [10.0, 30.0, 10.0]
    assert [part.start for part in row.segments] == [0.0, 10.0, 40.0]


def test_a_bar_whose_parts_are_longer_than_the_whole_stays_within_it() -> None:
    row = row_of(done(total_ms=100.0, prefill_ms=80.0, decode_ms=60.0), 100.0)

    assert sum(part.width for part in row.segments) == pytest.approx(100.0, abs=0.1)
    assert row_of(done(total_ms=0.0), 0.0).segments


def settings_of(tmp_path: Path, text: str):
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load_settings(file, {}, {})


def test_only_what_was_changed_is_written(tmp_path: Path) -> None:
    before = settings_of(tmp_path, "[server]\nport = 8000\nrequests_max = 9\n")
    typed = {
        "server.port": "8000",
        "server.requests_max": "",
        "server.host": "",
        "engine.threads": "3",
    }

    assert changes_of(typed, before) == ({"server.requests_max": None, "engine.threads": 3}, {})


def test_what_is_wrong_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    before = settings_of(tmp_path, "")
    changes, problems = changes_of({"server.port": "x", "engine.sequences": "0"}, before)

    assert changes == {}
    assert problems["server.port"] == "Allowed: a whole number from 0 to 65535."
    assert "from 1 to 128" in problems["engine.sequences"]


@pytest.mark.parametrize("path", FIELDS)
def test_a_setting_that_is_typed_as_it_is_shown_is_no_change(tmp_path: Path, path: str) -> None:
    field = FIELDS[path]
    if not (shown := typed_of(field, field.default)):
        return

    changes, problems = changes_of({path: shown}, settings_of(tmp_path, ""))

    assert problems == {}
    assert changes == {path: field.default}


def test_an_emptied_list_of_models_lends_none_rather_than_all(tmp_path: Path) -> None:
    before = settings_of(tmp_path, '[pool]\nlent_models = ["small*"]\n')

    assert changes_of({"pool.lent_models": ""}, before) == ({"pool.lent_models": ()}, {})


def test_a_setting_is_called_by_words() -> None:
    paths = ("engine.gpu_layers", "server.body_bytes_max", "downloads.disk_free_bytes_min")
    names = (*paths, "models.keep_alive_seconds", "downloads.bytes_per_second")

    assert [label_of(FIELDS[name]) for name in names] == [
        "GPU layers",
        "body, at most",
        "disk free, at least",
        "keep alive",
        "bytes per second",
    ]


def test_a_code_is_known_in_its_time_and_remembered_when_it_was_used() -> None:
    now = [0.0]
    links = Links(lambda: now[0])
    fresh, old = links.make(), links.make()
    link = links.find(fresh)
    assert not isinstance(link, str)
    link.session = "s"

    now[0] = CODE_SECONDS + 1
    assert links.find(old) == "late"
    assert links.find(fresh) is link
    assert links.find("x") == "unknown"
    assert "s" not in repr(link)


def test_codes_do_not_pile_up() -> None:
    links = Links(lambda: 0.0)
    codes = [links.make() for _ in range(CODES_MAX + 1)]

    assert links.find(codes[0]) == "unknown"
    assert not isinstance(links.find(codes[1]), str)


def model(
    name: str, size: int, fits: str, speed: float | None, kind: str = "chat"
) -> CatalogueModel:
    fit = FitPicture(fits=fits, tokens_per_second=speed)  # type: ignore[arg-type]
    variant = VariantPicture(tag="Q4", quantization="Q4", size_bytes=size, files=(), fit=fit)
    return CatalogueModel(
        id=name, name=name, kinds=(kind,), repository="r", parameters=size, active_parameters=0,
        context=1, licence="x", good_for="", variants=(variant,), recommended="Q4", why="",
    )  # fmt: skip


def test_the_largest_model_that_keeps_up_with_a_reader_is_recommended() -> None:
    models = [
        model("tiny", 1, "wholly", 90.0), model("good", 8, "wholly", 20.0),
        model("slow", 30, "wholly", 2.0), model("huge", 70, "not", None),
    ]  # fmt: skip

    assert recommended(models)[0].name == "good"  # type: ignore[index]
    assert recommended(models[2:])[0].name == "slow"  # type: ignore[index]
    assert recommended(models[3:]) is None
    assert [quick_parameters(recommended(models[at:])) for at in (0, 2, 3)] == [8, 0, None]


def test_the_most_useful_models_come_first_and_of_the_useless_the_nearest() -> None:
    models = [
        model("embed", 1, "wholly", None, "embedding"), model("huge", 70, "not", None),
        model("slow", 30, "wholly", 2.0), model("tiny", 1, "wholly", 90.0),
        model("slower", 60, "wholly", 0.5), model("good", 8, "wholly", 20.0),
        model("large", 60, "not", None), model("half", 40, "partly", 1.0),
    ]  # fmt: skip

    assert [each.name for each, _ in in_order(models, "")] == [
        "good", "tiny", "slow", "slower", "embed", "half", "large", "huge",
    ]  # fmt: skip
    assert [each.name for each, _ in in_order(models, "embedding")] == ["embed"]


def test_a_template_escapes_what_it_is_given() -> None:
    shown = draw(
        "cards/notices.html", {"notices": [{"severity": "error", "message": HOSTILE, "remedy": ""}]}
    )

    assert "<b>" not in shown and "&lt;b&gt;" in shown


def test_what_stands_between_backticks_is_code_and_escaped_like_the_rest() -> None:
    assert prose("run `athanor pull <x>` & `y`") == (
        "run <code>athanor pull &lt;x&gt;</code> &amp; <code>y</code>"
    )


def test_a_model_whose_content_is_read_shows_how_far_that_is() -> None:
    model = LibraryModel(
        name="big",
        path="/models/big.gguf",
        origin="folder",
        found="in a folder of yours",
        size_bytes=4 * 2**30,
        modified_at=0.0,
        is_read=True,
        digest="hashing",
        hashed_bytes=2**30,
    )
    hashing = HashingPicture(
        path=model.path,
        bytes_done=2**30,
        bytes_total=4 * 2**30,
        files_left=2,
        bytes_left=5 * 2**30,
    )
    library = LibraryPicture(is_serving=True, revision=1, models=(model,), hashing=hashing)
    rows = [{"model": model, "origin": "a folder", "running": None}]
    values = {"library": library, "rows": rows, "total_bytes": 1, "token": "", "may_change": True}

    card = draw("cards/library.html", values)

    assert "checking its content: 25%" in card
    assert "checking contents: 2 files, 5.0 GiB left" in card


def test_no_template_switches_escaping_off() -> None:
    folder = Path(__file__).parents[4] / "assets/dashboard/templates"
    texts = {path.name: path.read_text() for path in folder.rglob("*.html")}

    assert texts
    for name, text in texts.items():
        assert not re.search(r"\|\s*safe|autoescape|style=|<script>|\son\w+=", text), name


def test_numbers_read_well() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert [milliseconds(each) for each in (12.3, 1234.0, 190_000.0)] == [
        "12 ms",
        "1.2 s",
        "3 min 10 s",
    ]
    assert [billions(each) for each in (8_200_000_000, 999_900_000, 135_000_000)] == [
        "8.2 billion parameters",
        "1 billion parameters",
        "135 million parameters",
    ]


def test_the_scripts_are_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to read JavaScript")
    folder = Path(__file__).parents[4] / "assets/dashboard/static"
    for path in folder.glob("*.js"):
        kind = ["--input-type=commonjs"] if path.name == "theme.js" else ["--input-type=module"]
        read = subprocess.run(
            [node, *kind, "--check", "-"],
            check=False,
            input=path.read_text(),
            text=True,
            capture_output=True,
        )
        assert read.returncode == 0, f"{path.name}: {read.stderr}"
