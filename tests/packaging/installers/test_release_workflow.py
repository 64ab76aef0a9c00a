"""The workflow of a release speaks of what exists: make targets, scripts, secrets it names."""

import re
import subprocess

import pytest
import yaml

from tests.packaging.installers.support import ROOT

import check  # isort: skip  # a script of packaging/bundle, which support.py makes known

WORKFLOW = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]


def scripts(job: str, shell: str = "bash") -> list[str]:
    """What a job's steps run in that shell, one after the other."""
    default = JOBS[job].get("defaults", {}).get("run", {}).get("shell", "bash")
    return [
        step["run"]
        for step in JOBS[job]["steps"]
        if "run" in step and step.get("shell", default) == shell
    ]


def test_every_job_ends_by_itself_and_waits_for_jobs_that_exist() -> None:
    for job in JOBS.values():
        needed = job.get("needs", [])
        assert 0 < job["timeout-minutes"] < 360
        assert set([needed] if isinstance(needed, str) else needed) <= set(JOBS)


@pytest.mark.parametrize("job", sorted(JOBS))
def test_what_its_steps_run_is_shell(job: str) -> None:
    assert scripts(job)
    for script in scripts(job):
        # What the runner puts in stands where the shell sees a word.
        text = re.sub(r"\$\{\{[^}]*\}\}", "word", script)
        told = subprocess.run(
            ["bash", "-n"], input=text, capture_output=True, text=True, timeout=10, check=False
        )
        assert told.returncode == 0, f"{told.stderr}\n{script}"


@pytest.mark.parametrize(
    ("job", "build", "module"),
    [
        ("linux", "make bundle", "libggml-vulkan.so"),
        ("windows", "python packaging/bundle/build.py", "ggml-vulkan.dll"),
    ],
)
def test_a_bundle_is_built_with_vulkan_and_looked_at_for_it(
    job: str, build: str, module: str
) -> None:
    runs = [step.get("run", "").strip() for step in JOBS[job]["steps"]]

    fetched = next(place for place, run in enumerate(runs) if "sdk.lunarg.com" in run)
    seen = next(place for place, run in enumerate(runs) if run.endswith(module))

    assert fetched < runs.index(build) < seen
    assert "SHA256" in runs[fetched]


def test_a_check_that_is_skipped_ends_the_release() -> None:
    assert any("make bundle-test ARGS=--strict" in script for script in scripts("linux"))
    smokes = re.findall(r"smoke\.py.*", WORKFLOW)
    assert smokes and not [line for line in smokes if "--strict" not in line]


@pytest.mark.parametrize(
    ("job", "packed"), [("windows", "windows/build.py"), ("macos", "macos/build.sh")]
)
def test_the_other_systems_smoke_their_bundle_and_measure_what_they_packed(
    job: str, packed: str
) -> None:
    runs = [step.get("run", "").strip() for step in JOBS[job]["steps"]]

    made = next(place for place, run in enumerate(runs) if run.endswith(packed))

    assert runs.index("python packaging/bundle/check.py --strict smoke") > made


def test_the_pack_is_checked_in_the_job_that_has_compiled_it_and_nowhere_else() -> None:
    steps = [step.get("run", "") or step["uses"] for step in JOBS["packs"]["steps"]]
    places = [
        next(place for place, step in enumerate(steps) if part in step)
        for part in ("runtime/build.py cuda13", "download-artifact", "-C dist", "strict cuda")
    ]

    assert places == sorted(places)
    assert check.possible(ROOT / "of-a-job-that-did-not-compile-it") == [
        name for name in check.STEPS if name != "cuda"
    ]
    assert "--strict cuda" not in "\n".join(scripts("linux"))


TOOLS = {
    "7z": "p7zip-full",
    "Xvfb": "xvfb",
    "appstreamcli": "appstream",
    "cc": "build-essential",
    "dbus-daemon": "dbus",
    "desktop-file-validate": "desktop-file-utils",
    "makensis": "nsis",
    "man": "man-db",
    "objdump": "build-essential",
    "wineserver": "wine",
}
"""Packages of tools whose name is another."""
OF_EVERY_SYSTEM = {"chroot", "dpkg-deb", "openssl", "systemd-analyze", "tar", "unshare"}


def test_every_tool_that_a_check_would_skip_without_is_installed() -> None:
    sources = [file.read_text("utf-8") for file in (ROOT / "tests/packaging").rglob("*.py")]
    calls = [call for text in sources for call in re.findall(r"\bneeds\(([^)]*)\)", text)]
    tools = {tool for call in calls for tool in re.findall(r'"([^"]+)"', call)}
    install = next(run for run in scripts("linux") if "apt-get install" in run)

    assert {"wine", "Xvfb", "dbus-daemon"} <= tools
    wanted = {TOOLS.get(tool, tool) for tool in tools - OF_EVERY_SYSTEM}
    assert not wanted - set(install.split())


def test_the_announcement_says_what_is_new_and_a_version_without_words_is_not_built() -> None:
    first, last = (
        next(run for run in scripts(job) if "release/notes.py" in run)
        for job in ("linux", "publish")
    )

    assert 'notes.py "${GITHUB_REF_NAME#v}"' in first
    assert re.search(r'notes\.py .* > ("\S+notes\.md")\n[^#]*', last)
    assert re.search(r'sign\.py --key "\$key" --notes "\S+notes\.md" dist', last)
    assert any("--notes-file" in run for run in scripts("publish"))


def test_a_pack_is_made_for_the_engine_of_the_bundle_and_signed_with_the_same_key() -> None:
    made = "\n".join(scripts("packs"))
    signed = "\n".join(scripts("publish"))

    assert JOBS["packs"]["needs"] == "linux"
    assert "runtime/build.py cuda13" in made
    assert "dist/athanor/athanor engine --backends" in made
    assert '--build "$build"' in made
    keys = re.findall(r'(sign\.py|pack\.py sign) --key "([^"]+)"', signed)
    assert [name for name, _ in keys] == ["sign.py", "pack.py sign"]
    assert len({key for _, key in keys}) == 1


def test_no_step_is_somebody_elses_under_a_name_that_can_be_moved() -> None:
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]

    others = [name for name in used if not name.startswith("actions/")]
    assert used
    assert not [name for name in others if not re.search(r"@[0-9a-f]{40}$", name)]


def test_what_a_step_fetches_is_compared_with_a_hash_or_named_by_its_version() -> None:
    runs = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]

    fetching = [run for run in runs if re.search(r"\bcurl\b|Invoke-WebRequest", run)]
    assert len(fetching) == 3
    assert not [run for run in fetching if "SHA256" not in run or "is not set" not in run]
    assert not [run for run in runs if "choco install" in run and "--version" not in run]


def test_it_calls_targets_of_make_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # "pack.py make" is an order of that script.
    lines = re.findall(r"(?<!\.py )\bmake ([a-z -]+)", WORKFLOW)
    called = {word for line in lines for word in line.split()}

    assert called
    assert called <= targets


def test_it_runs_scripts_that_exist() -> None:
    named = {path.replace("\\", "/") for path in re.findall(r"packaging[/\\][\w/\\.]+", WORKFLOW)}

    assert len(named) >= 5
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_secret_that_it_uses_is_explained_at_its_top() -> None:
    head = WORKFLOW.partition("name: release")[0]
    used = set(re.findall(r"secrets\.([A-Z_]+)", WORKFLOW))

    assert not {
        name for name in used if name.removesuffix("_PASSWORD") not in head and name not in head
    }


def test_every_variable_that_it_uses_is_explained_at_its_top() -> None:
    head = WORKFLOW.partition("name: release")[0]
    used = set(re.findall(r"vars\.([A-Z_0-9]+)", WORKFLOW))

    assert used
    assert not {name for name in used if name not in head}


def test_nothing_is_published_before_all_three_systems_have_passed() -> None:
    assert JOBS["publish"]["needs"] == ["linux", "windows", "macos", "packs"]
    assert "continue-on-error" not in WORKFLOW


def test_it_says_that_it_was_not_yet_run() -> None:
    assert "NOT YET RUN" in WORKFLOW
