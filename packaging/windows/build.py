"""Build the installer for Windows: `python packaging/windows/build.py`; `make installer-windows`.

makensis runs on any system, so the installer of a bundle that was built on Windows can be compiled
anywhere. Without a bundle of Windows, --stand-in packs programs that only know what the installer
says to them: that tests the installer itself, under wine64 too.

ATHANOR_SIGN names a command that signs the file that follows it in place, such as a script around
signtool or osslsigncode; without it nothing is signed, and Windows warns of the installer.

Not yet run on Windows, nor with a bundle of Windows: it was run on Linux with the stand-in, and
signed by osslsigncode with a certificate of nobody's.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import product
from windows.side_picture import side_picture

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = ("athanor.exe", "athanor-desktop.exe")
SIGN_VARIABLE: Final = "ATHANOR_SIGN"
_SIGNED: Final = (".exe", ".dll", ".pyd")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=product.BUNDLE)
    parser.add_argument("--stand-in", action="store_true", help="pack no program, for tests")
    parser.add_argument("--wine", action="store_true", help="for wine64, which runs no x86")
    parser.add_argument("--version", default=product.version())
    parser.add_argument("--output", type=Path, default=product.DIST, help="folder of the installer")
    arguments = parser.parse_args()
    if shutil.which("makensis") is None:
        print("makensis is missing: `apt install nsis`, or NSIS of nsis.sourceforge.io")
        return 1
    bundle: Path = arguments.bundle.resolve()  # makensis works in the folder of its script
    if arguments.stand_in:
        bundle = stand_in(product.BUILD / "windows" / arguments.version, arguments.version)
    missing = [name for name in PROGRAMS if not (bundle / name).exists()]
    if missing:
        print(f"{bundle} is no bundle of Windows: it has no {' and no '.join(missing)}.")
        print("It is built on Windows by packaging/bundle/build.py; --stand-in packs a stand-in.")
        return 1
    installer = compiled(
        bundle,
        arguments.output.resolve(),
        version=arguments.version,
        target="amd64-unicode" if arguments.wine else "x86-unicode",
    )
    print(f"{installer}: {installer.stat().st_size / 1e6:.1f} MB")
    return 0


def compiled(bundle: Path, output: Path, *, version: str, target: str) -> Path:
    """The installer of a bundle. Raises: CalledProcessError, whose output makensis has printed."""
    sign = os.environ.get(SIGN_VARIABLE, "")
    if sign:
        for file in sorted(bundle.rglob("*")):
            if file.suffix.lower() in _SIGNED:
                subprocess.run([*sign.split(), file], check=True)
    output.mkdir(parents=True, exist_ok=True)
    name = f"athanor-{version}-windows{'' if target == 'x86-unicode' else '-wine'}-setup.exe"
    installer = output / name
    picture = product.BUILD / "windows" / "side.bmp"
    picture.parent.mkdir(parents=True, exist_ok=True)
    icon = product.ROOT / "assets/icons/athanor.ico"
    picture.write_bytes(side_picture(icon.read_bytes()))
    defines = {
        "VERSION": version,
        "NUMBERS": ".".join(str(each) for each in product.version_numbers(version)),
        "PAYLOAD": bundle,
        "OUTPUT": installer,
        "FILE": f"athanor-{version}-windows-setup.exe",
        "ICON": icon,
        "PICTURE": picture,
        "SUMMARY": product.DESCRIPTION[0],
        "LICENCE": product.ROOT / "LICENSE",
        "TARGET": target,
        **({"SIGN": sign} if sign else {}),
    }
    flags = [f"-D{key}={value}" for key, value in defines.items()]
    # -WX: what it warns of, such as a File that matches nothing, is a fault in an installer.
    subprocess.run(["makensis", "-V2", "-WX", *flags, HERE / "athanor.nsi"], check=True)
    return installer


def stand_in(folder: Path, version: str) -> Path:
    """A payload of real executables, with a module of its own for each version."""
    shutil.rmtree(folder, ignore_errors=True)
    modules = folder / "_internal" / "app"
    modules.mkdir(parents=True)
    (modules / f"only_in_{version}.pyc").write_text(version, "utf-8")
    (modules / "in_all.pyc").write_text(version, "utf-8")
    for name in PROGRAMS:
        subprocess.run(
            ["makensis", "-V2", "-WX", f"-DOUTPUT={folder / name}", HERE / "stand_in.nsi"],
            check=True,
        )
    return folder


if __name__ == "__main__":
    sys.exit(main())
