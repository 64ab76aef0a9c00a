"""Paths: where Athanor keeps its files on this machine.

Each system has its own places (platformdirs knows them); `ATHANOR_HOME` puts all into one folder
instead, which tests and portable installations use. A server and its clients find each other by
the lock file, so they agree whenever their environment does.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, final

import platformdirs

HOME_VARIABLE: Final = "ATHANOR_HOME"
_PROGRAM: Final = "athanor"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Absolute paths; none of them needs to exist before `ensure`."""

    config_file: Path
    """The TOML file of settings."""
    data: Path
    """What must not be lost: the database."""
    models: Path
    """Our own folder of GGUF files."""
    cache: Path
    """What can be made again."""
    logs: Path
    runtime: Path
    """What lives as long as a server: the lock file."""

    @classmethod
    def find(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The places of this user, under `ATHANOR_HOME` where that is set."""
        home = (os.environ if environment is None else environment).get(HOME_VARIABLE, "")
        return cls.under(Path(home)) if home else cls._of_system()

    @classmethod
    def under(cls, home: Path) -> Self:
        """All in one folder."""
        home = spelled_out(home).absolute()
        return cls(
            config_file=home / "config.toml",
            data=home / "data",
            models=home / "models",
            cache=home / "cache",
            logs=home / "logs",
            runtime=home / "run",
        )

    @classmethod
    def _of_system(cls) -> Self:
        places = platformdirs.PlatformDirs(_PROGRAM, appauthor=False)
        return cls(
            config_file=places.user_config_path / "config.toml",
            data=places.user_data_path,
            models=places.user_data_path / "models",
            cache=places.user_cache_path,
            logs=places.user_log_path,
            # Not the system's runtime folder: it differs between a desktop session and cron or
            # ssh, and then a client would not find the server of the same user.
            runtime=places.user_data_path / "run",
        )

    @property
    def lock_file(self) -> Path:
        """Held by the running server; tells its port and the token of this user."""
        return self.runtime / "server.json"

    @property
    def tray_lock_file(self) -> Path:
        """Held by the running tray; tells which server it started."""
        return self.runtime / "tray.json"

    @property
    def tray_memory_file(self) -> Path:
        """What the tray has told this user once and need not say again."""
        return self.data / "tray.json"

    @property
    def tray_log_file(self) -> Path:
        """The tray's log."""
        return self.logs / "tray.log"

    @property
    def database(self) -> Path:
        """The node's SQLite file."""
        return self.data / "athanor.db"

    @property
    def device_key_file(self) -> Path:
        """Who this node is in every pool; made when one is joined."""
        return self.data / "device.key"

    @property
    def updates_file(self) -> Path:
        """What is remembered of updates: the newest statement's number, a version on trial."""
        return self.data / "updates.json"

    @property
    def updates(self) -> Path:
        """Fetched versions of the program; fetched again when they are lost."""
        return self.cache / "updates"

    @property
    def runtimes(self) -> Path:
        """Packs of back ends, a folder for each version, and what was proved of them here."""
        return self.data / "runtimes"

    @property
    def module_plan_file(self) -> Path:
        """Which modules engines load and which devices they leave alone."""
        return self.runtimes / "plan.json"

    @property
    def books(self) -> Path:
        """The node's own books of what it earned and spent in pools."""
        return self.data / "books.db"

    @property
    def pool(self) -> Path:
        """What the host of a pool must not lose: its database, its key and its prices."""
        return self.data / "pool"

    @property
    def pool_database(self) -> Path:
        """The host's SQLite file."""
        return self.pool / "pool.db"

    @property
    def pool_prices_file(self) -> Path:
        """What the host takes and gives for tokens; its operator writes it."""
        return self.pool / "prices.toml"

    @property
    def pool_lock_file(self) -> Path:
        """Held by the running host; tells its port and the token of this user."""
        return self.runtime / "pool.json"

    @property
    def pool_log_file(self) -> Path:
        """The host's log."""
        return self.logs / "pool.log"

    @property
    def cards_file(self) -> Path:
        """What was read of models' headers; made again when it is lost."""
        return self.cache / "cards.json"

    @property
    def digests_file(self) -> Path:
        """The SHA-256 of model files; lost, it is made again, which means to read them all."""
        return self.cache / "digests.json"

    @property
    def remote_cards_file(self) -> Path:
        """What was read of headers at the hub; made again when it is lost."""
        return self.cache / "remote_cards.json"

    @property
    def log_file(self) -> Path:
        """The server's log; engines write beside it."""
        return self.logs / "server.log"

    def ensure(self) -> None:
        """Create the folders, readable by this user alone. Raises: OSError."""
        for folder in (
            self.config_file.parent,
            self.data,
            self.models,
            self.cache,
            self.logs,
            self.runtime,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def spelled_out(path: str | Path) -> Path:
    """The path with its `~` as a folder.

    That of a user whom this system does not know stays as it is written, where pathlib would
    raise: nothing lies there, which is told as of any other folder that is missing.
    """
    return Path(os.path.expanduser(path))
