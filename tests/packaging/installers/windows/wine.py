"""A Windows of wine's with one user, and installers of stand-ins for it."""

import os
import subprocess
from pathlib import Path

from tests.packaging.installers.support import PACKAGING, ROOT, ran

UNINSTALL_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\Athanor"
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
WAIT_SECONDS = 120
"""For a program to end that is about to."""


def installer_of(folder: Path, version: str, *, is_for_wine: bool = True) -> Path:
    """The installer of a stand-in of that version."""
    script = PACKAGING / "windows" / "build.py"
    flags = ["--stand-in", "--version", version, *(["--wine"] if is_for_wine else [])]
    ran(["python3", script, *flags, "--output", folder], cwd=ROOT)
    return next(folder.glob(f"athanor-{version}-windows*-setup.exe"))


class Windows:
    """A fresh Windows of wine's, with one user. Without a display nothing of it is to be seen."""

    def __init__(self, prefix: Path, *, display: str = "") -> None:
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "WINEPREFIX": str(prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=d;mshtml=d;winemenubuilder.exe=d",
            **({"DISPLAY": display} if display else {}),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        if not prefix.exists():
            self.run("wineboot", "--init")
            self.run("winecfg", "-v", "win10")
        self.local = next((prefix / "drive_c/users").glob("*/AppData/Local"))
        self.programs = self.local / "Programs" / "Athanor"
        self.data = self.local / "athanor"
        self.menu = self.local.parent / "Roaming/Microsoft/Windows/Start Menu/Programs"

    def run(self, *words: str | Path, is_checked: bool = True) -> int:
        """The exit code of a program of Windows, once it has ended."""
        # A pipe for its output would stay open in what it started, and be waited for.
        done = subprocess.run(
            ["wine", *[str(word) for word in words]],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert not is_checked or done.returncode == 0, done
        return done.returncode

    def started(self, *words: str | Path) -> "subprocess.Popen[bytes]":
        """A program of Windows that goes on, until `end` at the latest."""
        program = subprocess.Popen(
            ["wine", *[str(word) for word in words]],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(program)
        return program

    def uninstall(self, *flags: str, is_checked: bool = True) -> int:
        """As Windows' settings do it. NSIS runs a copy of itself; `_?=` lets it be waited for."""
        uninstaller = self.programs / "Uninstall.exe"
        # The last word is not quoted, whatever blanks it has.
        folder = f"_?={self.windows_path(self.programs)}".split(" ")
        code = self.run(uninstaller, "/S", *flags, *folder, is_checked=is_checked)
        if code == 0:
            # By `_?=` it runs from its own file, which it then cannot delete.
            uninstaller.unlink(missing_ok=True)
            self.programs.rmdir()
        return code

    def windows_path(self, path: Path) -> str:
        """Such as C:\\users\\me."""
        drive = Path(self.environment["WINEPREFIX"]) / "drive_c"
        return "C:\\" + str(path.relative_to(drive)).replace("/", "\\")

    def value(self, key: str, name: str = "") -> str:
        """A value of the registry; "" where there is none."""
        flag = ["/v", name] if name else ["/ve"]
        done = subprocess.run(
            ["wine", "reg", "query", key, *flag],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        rows = [line.split("    ") for line in done.stdout.splitlines() if "REG_" in line]
        return rows[0][-1].strip() if rows else ""

    def end(self) -> None:
        """Ends whatever of wine still runs here, and waits for it."""
        for flag in ("-k", "-w"):
            subprocess.run(["wineserver", flag], env=self.environment, check=False)
        for program in self._started:
            program.wait(WAIT_SECONDS)

    @property
    def modules(self) -> set[str]:
        """The modules of the program, which an upgrade might leave behind."""
        return {file.name for file in (self.programs / "_internal/app").iterdir()}

    @property
    def log(self) -> list[str]:
        """What Setup wrote down, without its hours."""
        file = self.data / "Logs" / "setup.log"
        lines = file.read_text("ascii").splitlines() if file.exists() else []
        return [line.split(" ", 2)[2] for line in lines]

    def use(self) -> Path:
        """What a user leaves: a model, a log, a cache, a pack, autostart. The model."""
        model = self.data / "models" / "tiny.gguf"
        pack = self.data / "runtimes" / "cuda13-1.0" / "ggml-cuda.dll"
        for file in (model, pack, self.data / "Cache" / "a", self.data / "Logs" / "b"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("made")
        self.run("reg", "add", RUN_KEY, "/v", "Athanor", "/d", "athanor-desktop.exe", "/f")
        return model
