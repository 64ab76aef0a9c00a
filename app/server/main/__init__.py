"""Main: the server process. `run_server` is all that others call."""

from app.server.main.run import run_server

__all__ = ["run_server"]
