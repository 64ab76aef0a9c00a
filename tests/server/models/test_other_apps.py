"""Laws of where other programs keep models, on every system from any system."""

import json
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.models.apps import App
from app.server.models.other_apps import System, places_of_apps

HOMES: dict[System, PurePath] = {
    "linux": PurePosixPath("/u/anna"),
    "macos": PurePosixPath("/U/anna"),
    "windows": PureWindowsPath("C:\\Users\\anna"),
}


def places(
    system: System, app: App, environment: Mapping[str, str], texts: Mapping[str, str]
) -> list[str]:
    found = places_of_apps(
        system, environment, HOMES[system], lambda path: texts.get(str(path), "")
    )
    return [str(place.path) for place in found if place.app == app]


def _moved(folder: str) -> str:
    return json.dumps({"downloadsFolder": folder, "autoLoad": True})


SYSTEM_OLLAMA = [
    "/usr/share/ollama/.ollama/models",
    "/var/lib/ollama/.ollama/models",
    "/var/lib/ollama/models",
    "/var/lib/ollama",
    "/var/snap/ollama/common/models",
]

TABLE: list[tuple[System, App, dict[str, str], list[str]]] = [
    ("linux", "hugging-face", {}, ["/u/anna/.cache/huggingface/hub"]),
    ("macos", "hugging-face", {}, ["/U/anna/.cache/huggingface/hub"]),
    ("windows", "hugging-face", {}, ["C:\\Users\\anna\\.cache\\huggingface\\hub"]),
    ("linux", "hugging-face", {"XDG_CACHE_HOME": "/c"}, ["/c/huggingface/hub"]),
    ("linux", "hugging-face", {"HF_HOME": "/h", "XDG_CACHE_HOME": "/c"}, ["/h/hub"]),
    ("linux", "hugging-face", {"HF_HOME": "~/h"}, ["/u/anna/h/hub"]),
    ("linux", "hugging-face", {"HF_HUB_CACHE": "/hub", "HF_HOME": "/h"}, ["/hub"]),
    ("linux", "hugging-face", {"HUGGINGFACE_HUB_CACHE": "/old"}, ["/old"]),
    ("windows", "hugging-face", {"HF_HOME": "D:\\hf"}, ["D:\\hf\\hub"]),
    (
        "linux",
        "hugging-face",
        {"HF_HOME": "", "HF_HUB_CACHE": "relative"},
        ["/u/anna/.cache/huggingface/hub"],
    ),
    ("linux", "llama.cpp", {}, ["/u/anna/.cache/llama.cpp"]),
    ("linux", "llama.cpp", {"XDG_CACHE_HOME": "/c"}, ["/c/llama.cpp"]),
    ("macos", "llama.cpp", {}, ["/U/anna/Library/Caches/llama.cpp"]),
    ("windows", "llama.cpp", {}, ["C:\\Users\\anna\\AppData\\Local\\llama.cpp"]),
    ("windows", "llama.cpp", {"LOCALAPPDATA": "E:\\Local"}, ["E:\\Local\\llama.cpp"]),
    ("macos", "llama.cpp", {"LLAMA_CACHE": "/l"}, ["/l"]),
    ("linux", "lm-studio", {}, ["/u/anna/.lmstudio/models", "/u/anna/.cache/lm-studio/models"]),
    (
        "windows",
        "lm-studio",
        {},
        ["C:\\Users\\anna\\.lmstudio\\models", "C:\\Users\\anna\\.cache\\lm-studio\\models"],
    ),
    ("linux", "ollama", {}, ["/u/anna/.ollama/models", *SYSTEM_OLLAMA]),
    ("linux", "ollama", {"OLLAMA_MODELS": "/o"}, ["/o", *SYSTEM_OLLAMA]),
    ("macos", "ollama", {}, ["/U/anna/.ollama/models"]),
    ("windows", "ollama", {"OLLAMA_MODELS": '"D:\\o"'}, ["D:\\o"]),
]


@pytest.mark.parametrize(("system", "app", "environment", "expected"), TABLE)
def test_each_program_is_looked_for_where_it_keeps_its_models(
    system: System, app: App, environment: dict[str, str], expected: list[str]
) -> None:
    assert places(system, app, environment, {}) == expected


POINTER = ".lmstudio-home-pointer"
MAC = "/U/anna/Library/Application Support/LM Studio/settings.json"
WINDOWS = "C:\\Users\\anna\\AppData\\Roaming\\LM Studio\\settings.json"
UNIT = "/etc/systemd/system/ollama.service"
SERVICE = """[Service]
Environment="PATH=/bin"
Environment="OLLAMA_MODELS=/srv/ollama"
"""
OVERRIDE = "[Service]\nEnvironment=OLLAMA_MODELS=/mnt/o\n"

MOVED: list[tuple[System, App, str, str, str]] = [
    ("linux", "lm-studio", f"/u/anna/{POINTER}", "/big/studio\n", "/big/studio/models"),
    ("linux", "lm-studio", "/u/anna/.lmstudio/settings.json", _moved("/big"), "/big"),
    ("linux", "lm-studio", "/u/anna/.config/LM Studio/settings.json", _moved("/e"), "/e"),
    ("macos", "lm-studio", MAC, _moved("/e"), "/e"),
    ("windows", "lm-studio", WINDOWS, _moved("D:\\m"), "D:\\m"),
    ("linux", "ollama", UNIT, SERVICE, "/srv/ollama"),
    ("linux", "ollama", f"{UNIT}.d/override.conf", OVERRIDE, "/mnt/o"),
]


@pytest.mark.parametrize(("system", "app", "file", "text", "expected"), MOVED)
def test_a_folder_that_a_programs_settings_name_is_looked_at_before_the_usual_ones(
    system: System, app: App, file: str, text: str, expected: str
) -> None:
    found = places(system, app, {}, {file: text})

    assert expected in found
    if app == "lm-studio":
        assert found[0] == expected


@given(
    system=st.sampled_from(sorted(HOMES)),
    environment=st.dictionaries(
        st.sampled_from(["HF_HOME", "LLAMA_CACHE", "OLLAMA_MODELS", "XDG_CACHE_HOME", "APPDATA"]),
        st.text(max_size=12),
    ),
    text=st.text(max_size=40),
)
def test_whatever_the_environment_and_the_files_say_every_place_is_whole_and_named_once(
    system: System, environment: dict[str, str], text: str
) -> None:
    found = places_of_apps(system, environment, HOMES[system], lambda _: text)

    paths = [place.path for place in found]
    assert all(path.is_absolute() for path in paths)
    assert len(set(paths)) == len(paths)
    assert {place.app for place in found} == {"hugging-face", "llama.cpp", "lm-studio", "ollama"}
