"""An assets folder of a test's own: any model in the place of the demonstration."""

import hashlib
from pathlib import Path

import app
from app.server.models.starter import FOLDER, MANIFEST

STARTER = "athanor-starter"

_OURS = Path(app.__file__).parents[1] / "assets"


def put_assets(folder: Path, model: Path) -> Path:
    """The assets folder, new, with a copy of `model`; all other assets are the project's own."""
    models = folder / FOLDER
    models.mkdir(parents=True)
    for asset in _OURS.iterdir() if _OURS.exists() else ():
        if asset.name != FOLDER:
            (folder / asset.name).symlink_to(asset)
    content = model.read_bytes()
    starter_of(folder).write_bytes(content)
    (models / MANIFEST).write_text(
        f'name = "{STARTER}"\n'
        f'file = "{STARTER}.gguf"\n'
        f"size_bytes = {len(content)}\n"
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
    )
    return folder


def starter_of(assets: Path) -> Path:
    """The model's file."""
    return assets / FOLDER / f"{STARTER}.gguf"


def alter(file: Path) -> None:
    """Turns one bit in the middle of it: as long as before, and another."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
