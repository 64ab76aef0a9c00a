"""Loading: who wins, and what a wrong value is told."""

from pathlib import Path

import pytest

from app.core.base.errors import SettingsInvalid
from app.settings.load import load_settings
from app.settings.schema import EngineSettings, ModelsSettings, ServerSettings, Settings

ALL_IN_FILE = """
server.host = "::1"  # dotted
server.port = 8000
server.allowed_hosts = ["a.local"]
server.allowed_origins = ["https://chat.example", "app://*"]
server.body_bytes_max = "2 MiB"
server.requests_max = 1
server.heartbeat_seconds = 1
server.stop_grace_seconds = 0.5
server.log_level = "debug"
models = { folders = ["~/m"], default = "qwen", keep_alive_seconds = -1, loaded_max = 64 }
[engine]
context = 4096
cells = 8192
sequences = 8
gpu_layers = 0
key_type = "q8_0"
value_type = "q8_0"
flash_attention = "on"
threads = 4
step_tokens = 256
speculation = false
memory_margin_bytes = 0
memory_map = false
memory_lock = true
split_mode = "row"
tensor_split = [1, 0.5]
"""

ALL = Settings(
    server=ServerSettings(
        host="::1",
        port=8000,
        allowed_hosts=("a.local",),
        allowed_origins=("https://chat.example", "app://*"),
        body_bytes_max=2 * 1024**2,
        requests_max=1,
        heartbeat_seconds=1.0,
        stop_grace_seconds=0.5,
        log_level="debug",
    ),
    models=ModelsSettings(folders=("~/m",), default="qwen", keep_alive_seconds=-1, loaded_max=64),
    engine=EngineSettings(
        context=4096,
        cells=8192,
        sequences=8,
        gpu_layers=0,
        key_type="q8_0",
        value_type="q8_0",
        flash_attention="on",
        threads=4,
        step_tokens=256,
        speculation=False,
        memory_margin_bytes=0,
        memory_map=False,
        memory_lock=True,
        split_mode="row",
        tensor_split=(1.0, 0.5),
    ),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def _problems(
    file: Path, text: str = "", environment: dict[str, str] | None = None, **flags: str
) -> list[str]:
    """The lines of the error, the file's folder taken off."""
    file.write_text(text)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(file, environment or {}, {k.replace("__", "."): v for k, v in flags.items()})
    assert caught.value.remedy
    return caught.value.message.replace(f"{file.parent}/", "").splitlines()


def test_without_a_file_all_settings_have_their_defaults(file: Path) -> None:
    loaded = load_settings(file, {}, {})

    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_a_file_may_set_everything_in_any_of_tomls_forms(file: Path) -> None:
    file.write_text(ALL_IN_FILE)

    loaded = load_settings(file, {}, {})

    assert loaded.settings == ALL
    assert loaded.origins["server.port"] == f"{file} line 3"
    assert loaded.origins["models.default"] == f"{file} line 11"


def test_flags_win_over_the_environment_which_wins_over_the_file(file: Path) -> None:
    file.write_text("[server]\nport = 1\nrequests_max = 1\nheartbeat_seconds = 1\n")
    environment = {"ATHANOR_SERVER_PORT": "2", "ATHANOR_SERVER_REQUESTS_MAX": "2"}

    loaded = load_settings(file, environment, {"server.port": "3"})

    server = loaded.settings.server
    assert (server.port, server.requests_max, server.heartbeat_seconds) == (3, 2, 1.0)
    assert loaded.origins["server.port"] == "flag --port"
    assert loaded.origins["server.requests_max"] == (
        "environment variable ATHANOR_SERVER_REQUESTS_MAX"
    )
    assert loaded.origins["server.heartbeat_seconds"] == f"{file} line 4"


def test_an_empty_variable_and_a_flag_that_was_not_given_set_nothing(file: Path) -> None:
    loaded = load_settings(file, {"ATHANOR_SERVER_PORT": ""}, {"server.port": None})

    assert loaded.settings == Settings()


def test_variables_that_are_not_settings_of_a_section_are_left_alone(file: Path) -> None:
    environment = {"ATHANOR_HOME": "/x", "ATHANOR_DEBUG": "1", "SERVER_PORT": "1"}

    loaded = load_settings(file, environment, {})

    assert loaded.settings == Settings()


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("models.folders", " /a , /b,,", ("/a", "/b")),
        ("engine.tensor_split", "3,1.5", (3.0, 1.5)),
        ("engine.memory_map", "No", False),
        ("engine.memory_map", "1", True),
        ("server.body_bytes_max", "1.5MiB", 3 * 1024**2 // 2),
        ("server.body_bytes_max", "2 mb", 2_000_000),
        ("server.body_bytes_max", "4096", 4096),
        ("models.keep_alive_seconds", "-1", -1),
        ("server.log_level", "warning", "warning"),
        ("server.host", "0.0.0.0", "0.0.0.0"),
    ],
)
def test_texts_of_variables_and_flags_are_read_by_the_settings_type(
    file: Path, path: str, text: str, value: object
) -> None:
    section, _, name = path.partition(".")

    by_flag = load_settings(file, {}, {path: text}).settings
    by_variable = load_settings(file, {f"ATHANOR_{section}_{name}".upper(): text}, {}).settings

    assert getattr(getattr(by_flag, section), name) == value
    assert by_variable == by_flag


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "\n[server]\nport = 70000\n",
            "line 3: server.port is 70000; allowed: a whole number from 0 to 65535",
        ),
        (
            '# port\n[server]\nport = "7117"',
            "line 3: server.port is '7117'; allowed: a whole number from 0 to 65535",
        ),
        (
            "server = { host = 1 }",
            "line 1: server.host is 1; allowed: an IP address or a host name",
        ),
        (
            "[server]\n\nheartbeat_seconds = nan",
            "line 3: server.heartbeat_seconds is nan; allowed: a number from 0.05 to 10",
        ),
        (
            '[engine]\nkey_type = "Q8"',
            "line 2: engine.key_type is 'Q8'; allowed: one of f32, f16, bf16, q8_0, q5_1, q5_0, "
            "q4_1, q4_0, iq4_nl",
        ),
        (
            "[engine]\nmemory_map = 1",
            "line 2: engine.memory_map is 1; allowed: true or false",
        ),
        (
            "[engine]\nthreads = true",
            "line 2: engine.threads is true; allowed: a whole number from 0 to 1024",
        ),
        (
            '[engine]\nmemory_margin_bytes = "much"',
            "line 2: engine.memory_margin_bytes is 'much'; allowed: a size from 0 B to 1.0 TiB, in "
            'bytes or like "512 MiB"',
        ),
        (
            "[engine]\ntensor_split = [1,\n-1]",
            "line 2: engine.tensor_split is [1, -1]; allowed: a list of numbers from 0 on",
        ),
        (
            '[models]\nfolders = "/m"',
            "line 2: models.folders is '/m'; allowed: a list of texts",
        ),
        (
            "[server]\nprot = 1",
            "line 2: there is no setting server.prot; did you mean server.port?",
        ),
        (
            "[engine]\nport = 1",
            "line 2: there is no setting engine.port; did you mean server.port?",
        ),
        (
            "\n[sever]\nport = 1",
            "line 2: there is no section sever; did you mean server?",
        ),
        (
            "port = 1",
            "line 1: there is no section port; there are: server, models, engine, "
            "downloads, neighbour, sharing, pool, updates, runtime, pool_host",
        ),
        ("server = 1", "line 1: server is a section; allowed: [server] on a line"),
        ("[[server]]\nport = 1", "line 1: server is a section; allowed: [server] on a line"),
    ],
)
def test_a_wrong_value_names_file_line_and_what_is_allowed(
    file: Path, text: str, problem: str
) -> None:
    assert _problems(file, text) == [f"config.toml {problem}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("[server]\nport = \n", 2), ("a", 1), ('[server]\nhost = """\n\n', 4), ("a = 1\na = 2", 2)],
)
def test_a_file_that_is_not_toml_is_told_with_its_line(file: Path, text: str, line: int) -> None:
    (problem,) = _problems(file, text)

    assert problem.startswith(f"config.toml line {line} is not TOML: ")
    assert "(at" not in problem


def test_all_wrong_values_are_told_at_once_each_with_its_place(file: Path) -> None:
    environment = {"ATHANOR_ENGINE_THREADS": "many", "ATHANOR_SERVER_PROT": "1"}

    problems = _problems(file, "[server]\nport = -1\n", environment, models__loaded_max="0")

    assert problems == [
        "config.toml line 2: server.port is -1; allowed: a whole number from 0 to 65535",
        "environment variable ATHANOR_ENGINE_THREADS: engine.threads is many; allowed: a whole "
        "number from 0 to 1024",
        "environment: there is no setting ATHANOR_SERVER_PROT; did you mean ATHANOR_SERVER_PORT?",
        "flag --loaded-max: models.loaded_max is 0; allowed: a whole number from 1 to 64",
    ]


def test_a_value_that_flags_overrule_must_still_be_right(file: Path) -> None:
    assert _problems(file, "[server]\nport = -1\n", server__port="80")


def test_a_byte_order_mark_of_windows_editors_is_ignored(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")

    assert load_settings(file, {}, {}).settings.server.port == 1


def test_a_file_that_is_not_utf_8_is_refused_by_name(file: Path) -> None:
    file.write_bytes(b"[server]\nhost = '\xff'\n")

    with pytest.raises(SettingsInvalid, match=r"config\.toml cannot be read"):
        load_settings(file, {}, {})


def test_a_long_wrong_value_is_shortened(file: Path) -> None:
    (problem,) = _problems(file, f'[server]\nport = "{"x" * 500}"')

    assert len(problem) < 200
