"""`athanor pool serve`: the host of a pool, in the foreground."""

import os
import threading
from typing import TYPE_CHECKING

import click

from app import __version__
from app.cli.command import command
from app.cli.flags import by_path, setting_flags
from app.cli.output import print_json, stdout
from app.cli.serve import stop_when_stdin_ends
from app.settings.fields import FIELDS, HOST_SECTION
from app.settings.load import DEFAULT_ORIGIN, load_settings
from app.settings.paths import Paths
from app.wire.serving import Hosting

if TYPE_CHECKING:
    from app.server.main.pool_host import HostGreeting


@command(
    "serve",
    examples=(
        ("host a pool on this machine, for a first look", "athanor pool serve"),
        ("for machines of the same network", "athanor pool serve --address 0.0.0.0"),
        (
            "behind a proxy that speaks TLS",
            "athanor pool serve --url https://pool.example.org --proxies 127.0.0.1",
        ),
    ),
    answer=Hosting,
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when stdin ends.")
@setting_flags(
    (path for path, field in FIELDS.items() if field.section == HOST_SECTION),
    also_without="--pool-",
)
def serve(with_parent: bool, is_json: bool, **flags: str | None) -> int:
    """Host a pool and stay with it until Ctrl-C.

    Members connect here and lend their models; callers with keys ask here. The host computes
    nothing itself, so it may run on any small machine. --json prints one line when it is ready.
    """
    paths = Paths.find()
    loaded = load_settings(paths.config_file, os.environ, by_path(flags))
    if with_parent:
        threading.Thread(target=stop_when_stdin_ends, daemon=True).start()

    def tell(greeting: "HostGreeting") -> None:
        if is_json:
            hosting = Hosting(
                pid=os.getpid(),
                addresses=greeting.addresses,
                url=greeting.url,
                pool=greeting.pool,
                name=greeting.name,
                models=greeting.models,
                log_file=str(paths.pool_log_file),
            )
            print_json(hosting, is_line=True)
        else:
            _print_banner(greeting, paths)

    from app.server.main.pool_host import run_pool_host  # noqa: PLC0415  # the whole host

    # Members have the port in their invites: no other one will do once somebody chose it.
    port_is_fixed = loaded.origins["pool_host.pool_port"] != DEFAULT_ORIGIN
    return run_pool_host(
        loaded.settings.pool_host, paths, on_ready=tell, port_is_fixed=port_is_fixed
    )


def _print_banner(greeting: "HostGreeting", paths: Paths) -> None:
    out = stdout()
    out.print(f"[bold]Athanor {__version__}[/] hosts a pool; Ctrl-C stops it.\n")
    rows = (
        ("Pool", f"{greeting.name} ({greeting.pool[:16]})"),
        ("Reached at", greeting.url),
        ("API", "  ".join(greeting.addresses)),
        ("Models", f"{greeting.models} offered" if greeting.models else "none offered yet"),
        ("Prices", str(paths.pool_prices_file)),
        ("Log", str(paths.pool_log_file)),
    )
    for name, value in rows:
        out.print(f"  {name.ljust(11)} {value}", markup=False, soft_wrap=True)
    for trouble in greeting.troubles:
        out.print(f"\n  {trouble}", markup=False, soft_wrap=True)
    steps = _next_steps(greeting)
    if steps:
        out.print("\nNext, in another terminal:\n")
        for what, line in steps:
            out.print(f"  {what}\n    {line}", markup=False, soft_wrap=True)
    if greeting.url.startswith("http://127.0.0.1"):
        out.print(
            "\nOnly this machine can reach the pool: --address 0.0.0.0 lets others in.",
            markup=False,
            soft_wrap=True,
        )


def _next_steps(greeting: "HostGreeting") -> list[tuple[str, str]]:
    """What a host lacks before the first request can be answered."""
    steps = []
    if not greeting.models:
        steps.append(("offer a model, by its file:", "athanor pool models add MODEL.gguf"))
    if not greeting.accounts:
        steps.append(("let a first machine in:", "athanor pool invite NAME"))
    if not greeting.keys:
        steps.append(("make a key for a program:", "athanor pool keys add ACCOUNT NAME"))
    return steps
